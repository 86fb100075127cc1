"""Servers that answer, fail, stall and talk nonsense, all on the loopback."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
from pathlib import Path
from typing import Any

import evals_server as server
import numpy as np
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.errors import InputError
from mlx_saccade.evals.engines import RuntimeSpec, ServerOptions, open_runtime
from mlx_saccade.evals.engines.discovery import family_of
from mlx_saccade.evals.engines.openai import ServerRuntime, open_server
from mlx_saccade.evals.engines.transport import Client
from mlx_saccade.evals.rows import Reply
from mlx_saccade.evals.targets import Target

SIZE = (640, 480)
TARGET = Target("0", "0", "the red button", ((0.0, 0.0, 10.0, 10.0),), SIZE)
BOX = '[{"bbox_2d": [28, 56, 224, 140], "label": "the red button"}]'


@pytest.fixture
def picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.RandomState(0).randint(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)


def opened(script: server.Script, *, sleeps: list[float] | None = None, **values: Any) -> ServerRuntime:
    """Return a runtime that notes its waits instead of waiting."""
    options = {name: values.pop(name) for name in tuple(values) if name in ServerOptions.__dataclass_fields__}
    spec = RuntimeSpec.parse(f"openai:{script.url}", server=ServerOptions(**options), **values)
    return open_server(spec, sleep=([] if sleeps is None else sleeps).append)


def asked(picture: Any, *rules: server.Rule, budget: int | str = 64, policy: str = "flat", **values: Any) -> Reply:
    with server.serving(*rules) as script:
        runtime = opened(script, **values)
        runtime.check(budget, policy)
        return runtime.ask(picture, TARGET, budget, policy)


@pytest.mark.parametrize("budget", [16, 64, 1280, "50176px", "ollama@0.13.3", "checkpoint"])
def test_image_arrives_resized_to_the_plan_to_the_bit(picture: Any, budget: int | str) -> None:
    with server.serving(server.says(BOX)) as script:
        reply = opened(script).ask(picture, TARGET, budget, "flat")
        plan = saccade.plan(SIZE, budget=budget)
        (image,) = script.images()
    assert np.array_equal(image, saccade.resize(picture, plan.resized_size, pixel_format="rgb"))
    assert (reply.image_sent_size, reply.tokens, reply.error) == (plan.resized_size, plan.tokens, None)


def test_transparent_file_is_laid_over_white_as_the_engine_does(tmp_path: Path) -> None:
    path = tmp_path / "screen.png"
    Image.fromarray(np.zeros((60, 84, 4), np.uint8)).save(path)
    with server.serving(server.says("[]")) as script:
        opened(script).ask(path, TARGET, 64, "flat")
        assert np.all(script.images()[0] == 255)


@pytest.mark.parametrize(
    ("family", "corner"), [("qwen2.5-vl", None), ("qwen2-vl", (1000, 1000)), ("qwen3-vl", (1000, 1000))]
)
def test_corners_map_back_exactly(picture: Any, family: str, corner: tuple[int, int] | None) -> None:
    right, bottom = corner or saccade.plan(SIZE, budget=64).resized_size
    text = json.dumps([{"bbox_2d": [0, 0, right, bottom]}, {"point_2d": [right, bottom]}, {"point_2d": [0, 0]}])
    reply = asked(picture, server.says(text), family=family)
    assert reply.boxes == ((0.0, 0.0, 640.0, 480.0),)
    assert reply.points == ((640.0, 480.0), (0.0, 0.0))


def test_box_inside_maps_back_exactly_in_both_conventions(picture: Any) -> None:
    plan = saccade.plan(SIZE, budget=64)
    absolute = asked(picture, server.says(BOX))
    assert absolute.boxes == (tuple(plan.to_source((28, 56, 224, 140))),)
    thousandths = asked(picture, server.says(BOX), convention="thousandths")
    assert thousandths.boxes == ((28 * 0.64, 56 * 0.48, 224 * 0.64, 140 * 0.48),)
    assert absolute.click == pytest.approx(plan.to_source((126, 98)))


def test_prompt_is_that_of_locate_and_the_answer_is_greedy(picture: Any) -> None:
    with server.serving(server.says(BOX, usage={"prompt_tokens": 100, "completion_tokens": 9})) as script:
        runtime = opened(script, fields='{"budget": 9, "max_tokens": 32}', max_tokens=77)
        reply = runtime.ask(picture, TARGET, 64, "flat")
        (body,) = script.bodies
    text = {"type": "text", "text": "Locate the red button, output its bbox coordinates using JSON format."}
    assert body["messages"][0]["content"][1] == text
    assert (body["temperature"], body["max_tokens"], body["budget"]) == (0, 32, 9)
    assert (body["model"], body.get("stream")) == ("qwen2.5-vl-test", None)
    assert (reply.prompt_tokens, reply.answer_tokens, reply.text) == (100, 9, BOX)
    assert list(reply.seconds) == ["request"] and reply.seconds["request"] > 0


@pytest.mark.parametrize("text", ["[]", "", "I see no such button.", "<think>", "[{"])
def test_text_without_a_box_is_an_answer(picture: Any, text: str) -> None:
    reply = asked(picture, server.says(text))
    assert (reply.error, reply.text, reply.boxes, reply.click) == (None, text, (), None)


def test_answer_in_parts_or_null_is_read(picture: Any) -> None:
    for content, text in (([{"type": "text", "text": BOX}], BOX), (None, "")):
        choice = {"message": {"content": content}, "finish_reason": "length"}
        reply = asked(picture, server.sends({"choices": [choice]}))
        assert (reply.error, reply.text, reply.finish) == (None, text, "length")


def test_box_outside_the_image_is_rejected_with_the_reason(picture: Any) -> None:
    reply = asked(picture, server.says('[{"bbox_2d": [0, 0, 5000, 5000]}]'))
    assert reply.error is None and reply.boxes == () and "outside" in reply.rejected[0]


GARBAGE: tuple[tuple[Any, str], ...] = (
    (b"", "got nothing"),
    (b"\xff\xfe\x00garbage", "a JSON object"),
    (b"<html><body>502 " + b"x" * 500 + b"</body></html>", "<html><body>502 xxx"),
    ([], "a JSON object"),
    ("text", "a JSON object"),
    ({}, "expected choices"),
    ({"choices": []}, "expected choices"),
    ({"choices": {}}, "expected choices"),
    ({"choices": [3]}, "choices[0].message"),
    ({"choices": [{"text": "x"}]}, "choices[0].message"),
    ({"choices": [{"message": {"content": 5}}]}, "a text in"),
    ({"choices": [{"message": {"content": [{"text": 5}]}}]}, "a text in"),
    ({"error": {"message": "context size exceeded", "code": 400}}, "context size exceeded"),
    ({"error": "out of memory"}, "out of memory"),
    (b"[" * 100_000, "a JSON object"),
)


@pytest.mark.parametrize(("value", "words"), GARBAGE)
def test_garbage_is_an_error_with_its_beginning(picture: Any, value: Any, words: str) -> None:
    reply = asked(picture, server.sends(value))
    assert reply.error is not None and words in reply.error and "\n" not in reply.error
    assert len(reply.error) < 250 and reply.text == "" and reply.boxes == ()


def test_refusal_is_an_error_at_once_with_the_servers_words(picture: Any) -> None:
    for body in ({"error": {"message": "image too large"}}, {"detail": "image too large"}, b"image too large"):
        with server.serving(server.sends(body, 400)) as script:
            reply = opened(script).ask(picture, TARGET, 64, "flat")
            assert script.posts == 1
        assert reply.error is not None and reply.error.endswith("HTTP 400: image too large")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_passing_failures_are_tried_again(picture: Any, status: int) -> None:
    sleeps: list[float] = []
    with server.serving(server.sends(b"busy", status), server.sends(b"busy", status), server.says(BOX)) as script:
        reply = opened(script, sleeps=sleeps).ask(picture, TARGET, 64, "flat")
        assert script.posts == 3
    assert reply.error is None and len(reply.boxes) == 1 and sleeps == [0.5, 1.0]


def test_lasting_failure_ends_after_the_tries_with_the_reason(picture: Any) -> None:
    sleeps: list[float] = []
    with server.serving(server.sends({"detail": "out of memory"}, 500)) as script:
        reply = opened(script, sleeps=sleeps, retries=3).ask(picture, TARGET, 64, "flat")
        assert script.posts == 4 and sleeps == [0.5, 1.0, 2.0]
    assert reply.error is not None and reply.error.endswith("HTTP 500: out of memory (after 4 tries)")


def test_retry_after_is_waited_for(picture: Any) -> None:
    sleeps: list[float] = []
    again = server.sends(b"", 429, Retry_After="7")
    past = server.sends(b"", 503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    with server.serving(again, past, server.says(BOX)) as script:
        assert opened(script, sleeps=sleeps).ask(picture, TARGET, 64, "flat").error is None
    assert sleeps == [7.0, 0.0]


def test_retry_after_beyond_the_time_limit_is_an_error_that_says_it(picture: Any) -> None:
    sleeps: list[float] = []
    with server.serving(server.sends(b"quota", 429, Retry_After="3600")) as script:
        reply = opened(script, sleeps=sleeps).ask(picture, TARGET, 64, "flat")
        assert script.posts == 1
    assert sleeps == [] and reply.error is not None and "HTTP 429 (wait 3600 s): quota" in reply.error


def test_answer_in_chunks_is_read_whole(picture: Any) -> None:
    assert asked(picture, server.chunks(BOX, whole=True)).text == BOX


@pytest.mark.parametrize("rule", [server.cuts, server.hangs_up, server.chunks(BOX, whole=False)])
def test_cut_connection_is_tried_again_and_then_an_error(picture: Any, rule: server.Rule) -> None:
    with server.serving(rule, server.says(BOX)) as script:
        assert opened(script).ask(picture, TARGET, 64, "flat").error is None and script.posts == 2
    reply = asked(picture, rule)
    assert reply.error is not None and "the connection was cut (after 3 tries)" in reply.error


@pytest.mark.parametrize("rule", [server.stalls, server.drips])
def test_stalled_server_ends_at_the_time_limit_without_another_try(picture: Any, rule: server.Rule) -> None:
    with server.serving(rule) as script:
        runtime = opened(script)
        runtime.client = Client(runtime.client.url, timeout=0.5, retries=2)
        reply = runtime.ask(picture, TARGET, 64, "flat")
        assert script.posts <= 1  # a busy machine may not have taken it in that time
    assert reply.error is not None and "in 0.5 s; got none" in reply.error


def test_server_that_has_gone_is_an_error_of_the_question(picture: Any) -> None:
    with server.serving(server.says(BOX)) as script:
        runtime = opened(script)
    reply = runtime.ask(picture, TARGET, 64, "flat")
    assert reply.error is not None and "the connection was refused" in reply.error


def test_server_that_is_not_there_is_refused_when_opened() -> None:
    with server.serving(server.says(BOX)) as script:
        pass
    with pytest.raises(InputError, match=r"refused\. Start it, or check the URL"):
        opened(script)


def test_broken_image_is_an_error_of_the_question(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    for source, words in ((tmp_path / "broken.png", "broken.png"), (tmp_path / "none.png", "no such file")):
        reply = asked(source, server.says(BOX))
        assert reply.error is not None and words in reply.error


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_url_may_have_v1_or_not(picture: Any, ending: str) -> None:
    with server.serving(server.says(BOX)) as script:
        runtime = open_runtime(RuntimeSpec.parse(f"openai:{script.url}{ending}"))
        assert runtime.ask(picture, TARGET, 64, "flat").error is None
        assert script.paths[-1] == "/v1/chat/completions"
        assert runtime.name == f"openai:{script.url}/v1"
        assert script.url not in json.dumps(runtime.identity)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:8080", "Write 'http://127.0.0.1:8080'"),
        ("ftp://host", "expected the URL of a server"),
        ("http://", "expected the URL of a server"),
        ("http://host:port", "expected the URL of a server"),
        ("http://h ost", "expected the URL of a server"),
        ("http://name:key@host/v1", "--api-key-env"),
        ("http://host/v1?key=1", "without a name, query or fragment"),
    ],
)
def test_broken_url_is_refused_before_anything_is_sent(url: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_runtime(RuntimeSpec.parse(f"openai:{url}"))


def test_model_is_the_only_one_or_must_be_named() -> None:
    with server.serving(server.says(BOX), models=("qwen2.5-vl-3b", "qwen3-vl-4b")) as script:
        with pytest.raises(InputError, match=r"qwen2\.5-vl-3b, qwen3-vl-4b\. Name one with --model"):
            opened(script)
        runtime = opened(script, model="qwen3-vl-4b")
        assert (runtime.model.name, runtime.family.name) == ("qwen3-vl-4b", "qwen3-vl")
        assert runtime.identity["model"] == "qwen3-vl-4b"
    with server.serving(server.says(BOX), models=()) as script, pytest.raises(InputError, match="got none"):
        opened(script)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5-vl"),
        ("qwen2.5vl:7b", "qwen2.5-vl"),
        ("mlx-community/Qwen2_5_VL-3B-4bit", "qwen2.5-vl"),
        ("Qwen2-VL-2B-Instruct-Q4_K_M.gguf", "qwen2-vl"),
        ("qwen/qwen3-vl-8b", "qwen3-vl"),
        ("Qwen3.5-9B", "qwen3-vl"),
        ("gemma-4-e4b-it", "gemma-4"),
    ],
)
def test_family_is_told_by_the_name(name: str, family: str) -> None:
    assert family_of(name).name == family


def test_unknown_family_must_be_said() -> None:
    with server.serving(server.says(BOX), models=("ui-tars-1.5-7b",)) as script:
        with pytest.raises(InputError, match="Pass --family"):
            opened(script)
        assert opened(script, family="qwen2.5-vl").family.name == "qwen2.5-vl"


def test_key_of_the_environment_is_sent_and_never_shown(picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    with server.serving(server.sends({"error": {"message": "bad key sk-secret"}}, 401)) as script:
        runtime = opened(script, key_variable="MY_KEY")
        reply = runtime.ask(picture, TARGET, 64, "flat")
        assert [headers["authorization"] for headers in script.headers] == ["Bearer sk-secret"] * 2
    assert reply.error is not None and reply.error.endswith("bad key ***")
    assert b"sk-secret" not in pickle.dumps(runtime.spec)
    assert "sk-secret" not in json.dumps(runtime.identity)
    monkeypatch.delenv("MY_KEY")
    with server.serving(server.says(BOX)) as script:
        opened(script, key_variable="MY_KEY")
        assert "authorization" not in script.headers[0]


def test_redirect_is_not_followed_and_names_its_target(picture: Any) -> None:
    reply = asked(picture, server.sends(b"", 308, Location="https://elsewhere/v1/chat/completions"))
    assert reply.error is not None and reply.error.endswith("a redirect to https://elsewhere/v1/chat/completions")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_server_by_tls_is_asked_if_its_certificate_is_trusted(
    picture: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *names],
        check=True, capture_output=True,
    )  # fmt: skip
    with server.serving(server.says(BOX), server.stalls, certificate=(certificate, key)) as script:
        with pytest.raises(InputError, match="certificate is not trusted"):
            opened(script)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        runtime = opened(script)
        assert runtime.name.startswith("openai:https://")
        assert runtime.ask(picture, TARGET, 1280, "flat").error is None
        runtime.client = Client(runtime.client.url, timeout=0.5)
        reply = runtime.ask(picture, TARGET, 64, "flat")
        assert reply.error is not None and "in 0.5 s; got none" in reply.error
        plain = Client(runtime.client.url.replace("https", "http"), timeout=30)
        with pytest.raises(InputError, match="expected"):
            plain.send("/models")


def test_proxy_of_the_environment_is_used_but_for_this_machine(picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with server.serving(server.says(BOX)) as proxy, server.serving(server.says(BOX)) as near:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//me:word@"))
        monkeypatch.delenv("no_proxy", raising=False)
        assert opened(near).ask(picture, TARGET, 64, "flat").error is None and proxy.paths == []
        far = open_runtime(RuntimeSpec.parse("openai:http://model.example:81/v1"))
        assert far.ask(picture, TARGET, 64, "flat").error is None
    assert proxy.paths == ["http://model.example:81/v1/models", "http://model.example:81/v1/chat/completions"]
    assert proxy.headers[-1]["proxy-authorization"] == "Basic bWU6d29yZA=="
    assert proxy.headers[-1]["host"] == "model.example:81"


@pytest.mark.parametrize("count", [30, 400])
def test_prompt_without_room_for_the_image_is_an_error(picture: Any, count: int) -> None:
    rule = server.says(BOX, usage={"prompt_tokens": count})
    reply = asked(picture, rule)
    assert reply.error is not None and ("shrank" if count == 30 else "enlarged") in reply.error
    assert asked(picture, rule, check_tokens=False).error is None
    assert asked(picture, server.says(BOX, usage={"prompt_tokens": 0})).error is None


def test_size_that_a_server_of_ours_says_is_compared(picture: Any) -> None:
    sent = list(saccade.plan(SIZE, budget=64).resized_size)
    assert asked(picture, server.says(BOX, saccade={"frames": [{"processed_size": sent}]})).error is None
    reply = asked(picture, server.says(BOX, saccade={"frames": [{"processed_size": [28, 28]}]}))
    assert reply.error is not None and "resized the image again" in reply.error
    for frames in ("x", [], [{}], [{"processed_size": [0, 0]}], [{"processed_size": [-28, -28]}]):
        assert asked(picture, server.says(BOX, saccade={"frames": frames})).error is None


def test_survey_of_the_runtime_refuses_what_it_would_resize(picture: Any) -> None:
    with server.serving(server.says(BOX)) as script:
        runtime = opened(script, runtime="ollama")
        reply = runtime.ask(picture, TARGET, 64, "flat")
        assert script.posts == 0
        assert reply.error is not None and reply.error.startswith("ollama would resize 252x168 to")
        assert opened(script, runtime="llama.cpp").ask(picture, TARGET, 64, "flat").error is None
        with pytest.raises(InputError, match="unknown runtime"):
            opened(script, runtime="nothing")


def test_whole_image_is_sent_as_it_is_and_thousandths_are_read(picture: Any) -> None:
    with server.serving(server.says('[{"bbox_2d": [0, 0, 1000, 500]}]'), models=("qwen3-vl-4b",)) as script:
        runtime = opened(script)
        runtime.check("server", "flat")
        reply = runtime.ask(picture, TARGET, "server", "flat")
        assert np.array_equal(script.images()[0], picture)
    assert reply.boxes == ((0.0, 0.0, 640.0, 240.0),)
    assert (reply.tokens, reply.image_sent_size, reply.error) == (None, None, None)


def test_whole_image_in_pixels_takes_the_size_of_the_survey() -> None:
    big = np.zeros((2160, 3840, 3), np.uint8)
    row = next(row for row in saccade.runtimes.survey((3840, 2160)) if row.versions == "0.12.7 to 0.13.3")
    assert row.resized_size == (1316, 728)
    with server.serving(server.says('[{"bbox_2d": [0, 0, 1316, 364]}]')) as script:
        with pytest.raises(InputError, match="Pass --server-runtime"):
            opened(script).check("server", "flat")
        runtime = opened(script, runtime="ollama@0.13.3")
        runtime.check("server", "flat")
        reply = runtime.ask(big, TARGET, "server", "flat")
        assert script.images()[0].shape == (2160, 3840, 3)
    assert reply.boxes == ((0.0, 0.0, 3840.0, 1080.0),)
    assert (reply.image_sent_size, reply.tokens) == ((1316, 728), row.tokens)
    with server.serving(server.says("[]", usage={"prompt_tokens": 300})) as script:
        reply = opened(script, runtime="ollama@0.13.3").ask(big, TARGET, "server", "flat")
    assert reply.error is not None and "(ollama 0.12.7 to 0.13.3); got 300" in reply.error


def test_policies_run_over_whole_images_where_their_size_in_the_server_is_known() -> None:
    screen = np.zeros((1080, 1920, 3), np.uint8)
    with server.serving(server.says('[{"bbox_2d": [100, 100, 200, 200]}]'), models=("qwen3-vl-4b",)) as script:
        with pytest.raises(InputError, match="expected flat for images sent whole"):
            opened(script).check("server", "zoom")
        runtime = opened(script, runtime="llama.cpp")
        runtime.check("server", "zoom")
        reply = runtime.ask(screen, TARGET, "server", "zoom")
        first, second = script.images()
    x1, y1, x2, y2 = reply.looks[1]["crop"]
    assert first.shape == (1080, 1920, 3) and second.shape == (y2 - y1, x2 - x1, 3)
    rows = [saccade.runtimes.row("llama.cpp", size, "qwen3-vl") for size in ((1920, 1080), (x2 - x1, y2 - y1))]
    assert [look["tokens"] for look in reply.looks] == [row.tokens for row in rows]


def test_zoom_looks_again_in_a_crop(picture: Any) -> None:
    with server.serving(server.says(BOX)) as script:
        runtime = opened(script)
        runtime.check(64, "zoom:share=0.5")
        reply = runtime.ask(picture, TARGET, 64, "zoom:share=0.5")
        assert script.posts == 2
        first, second = reply.looks
        x1, y1, x2, y2 = second["crop"]
        size = saccade.plan((x2 - x1, y2 - y1), budget=64).resized_size
        expected = saccade.resize(np.ascontiguousarray(picture[y1:y2, x1:x2]), size, pixel_format="rgb")
        assert np.array_equal(script.images()[1], expected)
    assert first["crop"] == [0, 0, 640, 480] and x2 - x1 < 640 and y2 - y1 < 480
    plan = saccade.plan((x2 - x1, y2 - y1), budget=64)
    inside = plan.to_source((28, 56, 224, 140))
    expected_box = tuple(value + (x1, y1)[i % 2] for i, value in enumerate(inside))
    assert reply.boxes == (pytest.approx(expected_box),)
    assert reply.tokens == first["tokens"] + second["tokens"]


def test_search_looks_into_tiles_where_a_server_finds_nothing() -> None:
    reply = asked(np.zeros((2160, 3840, 3), np.uint8), server.says("[]"), policy="search:max_looks=5")
    assert reply.error is None and reply.boxes == () and len(reply.looks) == 5
    assert reply.looks[0]["crop"] == [0, 0, 3840, 2160]


def test_zoom_with_a_failing_look_is_an_error(picture: Any) -> None:
    reply = asked(picture, server.says(BOX), server.sends(b"no", 400), policy="zoom")
    assert reply.error is not None and "HTTP 400" in reply.error and reply.boxes == ()


@pytest.mark.parametrize("policy", [name for name in saccade.policies.names() if name != "ui-zoomer"])
def test_every_policy_that_looks_greedily_runs(picture: Any, policy: str) -> None:
    reply = asked(picture, server.says(BOX), policy=policy)
    assert reply.error is None and reply.click is not None
    assert reply.tokens == sum(look["tokens"] for look in reply.looks) or len(reply.looks) == 0


@pytest.mark.parametrize(
    ("budget", "policy", "words"),
    [
        (64, "ui-zoomer", "which samples answers"),
        (64, "nothing", "policy: expected one of"),
        (64, "zoom:share=x", "share"),
        (0, "flat", "budget"),
        ("nothing@1", "flat", "Known runtimes"),
        ("server", "flat", "Pass --server-runtime"),
    ],
)
def test_impossible_budget_or_policy_is_refused_before_the_run(budget: int | str, policy: str, words: str) -> None:
    with server.serving(server.says(BOX)) as script, pytest.raises(InputError, match=words):
        opened(script).check(budget, policy)


def test_budget_that_does_not_hold_the_image_is_an_error_of_the_question() -> None:
    reply = asked(np.zeros((28, 5600, 3), np.uint8), server.says(BOX), budget=4)
    assert reply.error is not None


def test_budget_that_servers_would_raise_is_refused() -> None:
    with server.serving(server.says(BOX), models=("qwen3-vl-4b",)) as script:
        with pytest.raises(InputError, match="at least the least of qwen3-vl, 64 tokens"):
            opened(script).check(16, "flat")
        for budget in (64, "65536px", "omlx", "checkpoint"):
            opened(script).check(budget, "flat")
        opened(script, runtime="llama.cpp").check(16, "flat")
    with server.serving(server.says(BOX)) as script:
        opened(script).check(16, "flat")


def test_spec_survives_pickling_and_opens_again(picture: Any) -> None:
    with server.serving(server.says(BOX)) as script:
        spec = RuntimeSpec.parse(f"openai:{script.url}", server=ServerOptions(retries=0))
        copy = pickle.loads(pickle.dumps(spec))
        assert copy == spec
        first, second = open_runtime(spec), open_runtime(copy)
        assert first.identity == second.identity
        reply = second.ask(picture, TARGET, 64, "flat")
        assert reply.boxes == first.ask(picture, TARGET, 64, "flat").boxes
        first.close()
        first.close()


@pytest.mark.parametrize(
    ("word", "values", "words"),
    [
        ("nothing", {}, "expected one of saccade, mlx-vlm, mlx-vlm.saccade, openai:URL"),
        ("openai", {}, "expected one of"),
        ("openai:", {}, "expected one of"),
        ("saccade:http://x", {}, "expected one of"),
        ("saccade", {"family": "qwen3-vl"}, "family: expected none"),
        ("saccade", {"convention": "pixels"}, "convention"),
        ("mlx-vlm", {"server": ServerOptions(retries=5)}, "no options of a server"),
        ("mlx-vlm", {"memory_limit": "8GB"}, "memory_limit"),
        ("saccade", {"max_tokens": 0}, "max_tokens"),
        ("openai:http://x", {"family": "qwen9"}, "unknown family"),
        ("openai:http://x", {"revision": "main"}, "revision"),
    ],
)
def test_spec_refuses_what_does_not_belong_together(word: str, values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        RuntimeSpec.parse(word, **values)


@pytest.mark.parametrize(
    "values",
    [
        {"timeout": 0}, {"timeout": float("nan")}, {"retries": -1}, {"fields": "["}, {"fields": "[]"},
        {"fields": '{"stream": true}'},
    ],
)  # fmt: skip
def test_server_options_refuse_what_cannot_be_used(values: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ServerOptions(**values)
