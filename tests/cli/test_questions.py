"""`mlx-saccade locate`, `ask` and `chat` from the outside, with the packaged checkpoint."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import mlx_saccade as saccade
import mlx_saccade.engine
from mlx_saccade.cli.__main__ import main
from mlx_saccade.cli.progress import Progress

pytestmark = pytest.mark.usefixtures("loaded_once")
FOUND = "the red round button"


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("asking") / "screen.png"
    scene = saccade.scenes.generate(3, (640, 400))
    Image.fromarray(scene.image).save(path)
    return path


def run(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def only(result: tuple[int, str, str]) -> Any:
    """Return the only answer of a printed document."""
    (answer,) = json.loads(result[1])["answers"]
    return answer


def test_locate_takes_several_descriptions(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "locate", picture, FOUND, "the window", "--json")
    assert code == 0
    answers = json.loads(out)["answers"]
    assert [answer["description"] for answer in answers] == [FOUND, "the window"]
    alone = only(run(capsys, "locate", picture, "the window", "--json"))
    assert {key: alone[key] for key in ("boxes", "text")} == {key: answers[1][key] for key in ("boxes", "text")}


def test_locate_with_a_policy_prints_its_looks(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("locate", picture, "the red star icon", "--policy", "search", "--max-looks", "5", "--budget", "64")
    code, out, _ = run(capsys, *words, "--json")
    assert code == 0
    (answer,) = json.loads(out)["answers"]
    assert 1 <= len(answer["looks"]) <= 5
    assert answer["usage"]["image"] == sum(look["tokens"] for look in answer["looks"])
    _, out, err = run(capsys, *words, "--verbose")
    assert f"{len(answer['looks'])} looks, {answer['usage']['image']} visual tokens" in out
    assert answer["looks"][0]["verdict"].split()[0] in err


@pytest.mark.parametrize(
    ("words", "expected"), [((), (0.9, 0)), (("--temperature", "0.5", "--seed", "7"), (0.5, 7))], ids=str
)
def test_a_policy_that_samples_has_its_own_temperature_and_seed(
    picture: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    expected: tuple[float, int],
) -> None:
    received, right = [], saccade.Engine.sample_looks

    def record(*arguments: Any, **options: Any) -> Any:
        received.append((options["temperature"], options["seed"]))
        return right(*arguments, **options)

    monkeypatch.setattr(saccade.Engine, "sample_looks", record)
    code, _, _ = run(capsys, "locate", picture, FOUND, "--policy", "ui-zoomer:samples=3", "--budget", "64", *words)
    assert code == 0
    assert received == [expected]


def test_locate_lists_the_policies(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(capsys, "locate", "--policy", "help")
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert out.startswith("auto:max_looks=3,smallest=20,confidence=0.6,side=28\n    Locate each description")
    assert "\nflat:max_looks=1\n    Locate each description" in out
    assert all(f"\n{name}:" in out for name in ("zoom-click", "ui-zoomer", "zoom-in-out", "slicing"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--policy", "sarch"), "policy: expected one of auto, flat, zoom, search, two-pass,"),
        (
            ("--policy", "ui-zoomer:temperature=1", "--temperature", "1"),
            "temperature: expected once; got it in policy='ui-zoomer:temperature=1' too. Leave one out",
        ),
        (("--policy", "zoom:shares=1"), "policy zoom: expected max_looks=2, share=0.5; got 'shares=1'"),
        (("--policy", "search", "--max-looks", "0"), "max_looks: expected a whole number of at least 1; got 0"),
        (("--max-looks", "0"), "max_looks: expected a whole number of at least 1; got 0"),
        (("--max-looks", "3", "--candidates", "2"), "--candidates: expected 1 with --max-looks; got 2"),
    ],
)
def test_locate_with_a_bad_policy_ends_with_one_line(
    picture: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    code, out, err = run(capsys, "locate", picture, "it", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", ["ask", "locate"])
def test_tokens_are_counted_while_they_are_seen_and_read(
    picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr(Progress, "__call__", lambda self, *now: told.append(now))
    code, out, _ = run(capsys, command, picture, FOUND, "--json", "--cache-memory", "0", "--max-tokens", "2")
    assert code in (0, 1)  # 1: nothing was found
    usage = only((code, out, ""))["usage"]
    for stage, total in (("vision", usage["image"]), ("prefill", usage["prompt"])):
        done = [count for name, count, of in told if name == stage and of == total]
        assert done == sorted(done), stage
        assert done[-1] == total, stage


def test_locate_prints_where_to_click(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = only(run(capsys, "locate", picture, "the light window", "--json", "--constrained"))
    assert found["found"]
    x1, y1, x2, y2 = found["boxes"][0]["xyxy"]
    assert found["click"] == [(x1 + x2) / 2, (y1 + y2) / 2]
    _, out, _ = run(capsys, "locate", picture, "the light window", "--point", "--constrained")
    assert out.startswith(f"the light window: {found['click'][0]:.0f}, {found['click'][1]:.0f}")
    assert "x, y to click in the pixels of the 640 x 400 source" in out


def test_locate_prints_what_was_asked_and_then_what_the_model_says(
    picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    locate = saccade.engine.Engine.locate

    def renamed(self: saccade.engine.Engine, image: Any, words: list[str], **how: Any) -> list[saccade.engine.Answer]:
        answers = locate(self, image, ["the light window" for _ in words], **how)
        return [replace(a, boxes=tuple(replace(box, label="a pane") for box in a.boxes)) for a in answers]

    monkeypatch.setattr(saccade.engine.Engine, "locate", renamed)
    lines = run(capsys, "locate", picture, "one", "a pane", "--constrained")[1].splitlines()
    assert lines[0].startswith("one: ")
    assert lines[0].endswith(" (the model's label: a pane)")
    assert lines[1].startswith("a pane: ")
    assert "label" not in lines[1]


def write(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let every model write a text."""
    monkeypatch.setattr(mlx_saccade.engine.runner.StreamDetokenizer, "text", property(lambda _: text, lambda *_: None))


@pytest.mark.parametrize("command", ["ask", "locate"])
def test_actions_and_points_are_printed_in_source_pixels(
    command: str, picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(monkeypatch, "Action: drag(start_box='(500,500)', end_box='(250,250)')")
    _, out, err = run(capsys, command, picture, "it", "--max-tokens", "1", "--convention", "thousandths")
    expected = (
        "it: 320, 200, 160, 100 (the model's label: drag)" if command == "locate" else "in source pixels: 320, 200"
    )
    assert expected in (out if command == "locate" else err)
    found = only(run(capsys, command, picture, "it", "--max-tokens", "1", "--convention", "thousandths", "--json"))
    assert (found["click"], found["boxes"], found["rejected"]) == ([320, 200], [], [])
    assert [point["xy"] for point in found["actions"][0]["points"]] == [[320, 200], [160, 100]]
    assert found["frames"][0]["convention"] == "thousandths"


@pytest.mark.parametrize("command", ["ask", "locate"])
def test_rejected_numbers_are_one_line_on_standard_error(
    command: str, picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(monkeypatch, '{"bbox_2d": [0, 500, 1080, 1920]}')
    code, _, err = run(capsys, command, picture, "it", "--max-tokens", "1", "--convention", "thousandths")
    assert code == 0
    lines = [line for line in err.splitlines() if "rejected" in line]
    assert lines == [
        "mlx-saccade: rejected 0, 500, 1080, 1920: x 1080 is outside 0..1000, the thousandths asked for. "
        "See --convention"
    ]


def test_locate_draws_all_boxes(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = []
    for words in (["the light window"], ["the light window", "the blue window"]):
        out = tmp_path / f"{len(words)}.png"
        assert run(capsys, "locate", picture, *words, "--constrained", "--save", out)[0] == 0
        with Image.open(out) as image:
            changed.append(image.tobytes())
    assert changed[0] != changed[1]


def test_ask_takes_images_and_words(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "Locate the window, output its bbox coordinates using JSON format."
    located = only(run(capsys, "locate", picture, "the window", "--json"))
    asked = only(run(capsys, "ask", picture, words, "--json"))
    assert asked["text"] == located["text"]
    code, out, err = run(capsys, "ask", picture, words, "--verbose")
    assert (code, out) == (0, located["text"] + "\n")
    assert "640 x 400 as " in err
    assert "seconds" in err
    two = only(run(capsys, "ask", picture, picture, "what differs?", "--json", "--max-tokens", "3"))
    assert len(two["frames"]) == 2
    assert two["usage"]["answer"] <= 3
    none = only(run(capsys, "ask", "hello", "--json", "--max-tokens", "3"))
    assert none["frames"] == []


def test_sampling_options_reach_the_model(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*options: str) -> str:
        return str(only(run(capsys, "ask", picture, "hm", "--json", "--max-tokens", "9", *options))["text"])

    hot = ("--temperature", "30", "--seed")
    assert said(*hot, "1") == said(*hot, "1") != said(*hot, "2")
    assert said("--temperature", "30", "--top-k", "1") == said()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("ask", "nothere.png", "what?"), "nothere.png"),
        (("ask", " "), "text is ' '"),
        (("ask", "x", "--temperature", "-1"), "temperature is -1.0"),
        (("ask", "x", "--max-tokens", "0"), "max_tokens: expected a whole number of at least 1; got 0"),
        (("ask", "x", "--seed", "-1"), "seed: expected a whole number of at least 0, or None; got -1"),
        (("ask", "x", "--stop", ""), "stop is"),
        (("ask", "x", "--max-tokens", "99999"), "32768 (max_position_embeddings)"),
        (("chat", "nothere.png"), "nothere.png"),
        (("chat", "--temperature", "-1"), "temperature is -1.0"),
        (("locate", "nothere.png", "x", "--constrained"), "nothere.png"),
        (("ask", "x", "--top-p", "2"), "top_p is 2.0"),
        (("ask", "x", "--revision", "main"), "revision 'main': a folder has no revisions"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    words: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *words)
    lines = [line for line in err.splitlines() if "generated screens only" not in line]
    assert (code, out, len(lines)) == (2, "", 1)
    assert named in lines[0]


def test_options_may_stand_anywhere(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = ("--max-tokens", "3")
    wanted = only(run(capsys, "ask", picture, picture, "what?", "--json", "--budget", "64", *short))["usage"]
    mixed = ("--json", picture, *short, picture, "--budget", "64", "what?")
    assert only(run(capsys, "ask", *mixed))["usage"] == wanted
    found = json.loads(run(capsys, "locate", picture, "a", *short, "b", "--json", "c")[1])["answers"]
    assert [one["description"] for one in found] == ["a", "b", "c"]


def test_after_two_dashes_nothing_is_an_option(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "-x.png: no such file" in run(capsys, "ask", "--max-tokens", "3", "--", "-x.png", "-what?")[2]
    found = only(run(capsys, "locate", "--json", "--max-tokens", "3", "--", picture, "-a"))
    assert found["description"] == "-a"


def test_a_question_is_not_forgotten(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ((picture,), (picture, picture), (picture, "--max-tokens", "3")):
        code, out, err = run(capsys, "ask", *words)
        assert (code, out) == (2, "")
        assert "expected a question after the images; got the file" in err


def talk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str, *words: Any) -> Any:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(said.encode("utf-8", "surrogateescape")), "utf-8"))
    return run(capsys, "chat", *words)


def test_a_talk_remembers_its_turns(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--json", "--max-tokens", "4", "--system", "Be brief.")
    code, out, _ = talk(monkeypatch, capsys, "what is this?\n\n/help\nand now?\n", picture, *options)
    first, second = (only((code, line, "")) for line in out.splitlines())
    assert code == 0
    assert len(first["frames"]) == len(second["frames"]) == 1
    engine = saccade.load()
    shown = {"type": "image", "image": picture}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [shown, {"type": "text", "text": "what is this?"}]},
        {"role": "assistant", "content": first["text"]},
        {"role": "user", "content": "and now?"},
    ]
    assert second["usage"]["prompt"] == engine.count_tokens(messages)
    assert second["text"] == engine.chat(messages, max_tokens=4).text


@pytest.mark.parametrize("said", ["", "/quit\nnot this\n", "\n  \n"])
def test_a_talk_ends_without_a_word(
    said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = talk(monkeypatch, capsys, said)
    assert (code, out) == (0, "")


def test_a_talk_survives_a_bad_line_and_a_question_that_is_too_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "word " * 40_000
    code, out, err = talk(monkeypatch, capsys, f"{long}\nhello\n", "--json", "--max-tokens", "2")
    assert code == 0
    error, answer = map(json.loads, out.splitlines())
    assert (error["error"]["kind"], len(answer["answers"])) == ("input", 1)
    assert "max_position_embeddings" in err


def read_until(screen: int, wanted: str, seconds: float = 90) -> str:
    seen, end = "", time.monotonic() + seconds
    while wanted not in seen:
        if not select.select([screen], [], [], max(0, end - time.monotonic()))[0]:
            pytest.fail(f"waited for {wanted!r}, saw {seen!r}")
        seen += os.read(screen, 4096).decode("utf-8", "replace")
    return seen


def test_ctrl_c_stops_an_answer_and_then_leaves() -> None:
    screen, terminal = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "mlx_saccade",
        "chat",
        "--max-tokens",
        "20000",
        "--temperature",
        "50",
        "--seed",
        "1",
    ]
    program = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
    try:
        read_until(screen, "> ")
        os.write(screen, b"talk on\n")
        read_until(screen, "talk on\r\n")
        assert os.read(screen, 1)  # the first words of an answer that goes on for hundreds
        program.send_signal(signal.SIGINT)
        assert "[stopped]" in read_until(screen, "> ")
        os.write(screen, b"/quit\n")
        assert program.wait(timeout=90) == 0
    finally:
        program.kill()
        os.close(screen)
        os.close(terminal)


def test_a_bar_appears_only_after_a_while_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr("mlx_saccade.cli.progress.SECONDS", 30)
    with Progress("loading") as quick:
        quick("prefill", 1, 2)
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]
    monkeypatch.setattr("mlx_saccade.cli.progress.SECONDS", 0)
    with Progress("loading") as slow:
        time.sleep(0.3)
        slow("prefill", 512, 1300)
        time.sleep(0.3)
    shown = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "reading tokens" in shown
    assert "512/1300" in shown
