"""`mlx-saccade serve` under many clients, and with OpenAI's own package as a client, which `make check-long` installs.

Eight clients send fifty requests each on the loopback; some are malformed, and some clients leave half-way.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serve_program import CHAT, CLIENTS, Server, crowd, requests

import mlx_saccade as saccade

KEY = "secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("serve") / "log.txt", "--budget", "100")
    yield running
    assert running.end() == 0
    log = running.log.read_text()
    assert "Traceback" not in log and "ERROR" not in log, log


def test_eight_clients_are_answered_as_alone_in_flat_memory(server: Server) -> None:
    expected = [(path, body, server.ask(path, body)) for path, body in requests()]
    start = time.monotonic()
    warm = crowd(server, expected, clients=CLIENTS, questions=12, seed=100)
    before = server.megabytes()
    outcomes = crowd(server, expected, clients=CLIENTS, questions=50, seed=0)
    after = server.megabytes()
    print(f"{dict(outcomes)}; {before} MB after warm-up, {after} MB at the end; {time.monotonic() - start:.0f} s")
    assert set(warm) | set(outcomes) == {"answered", "refused", "left early"}
    assert outcomes.total() == CLIENTS * 50
    assert after < before + 30
    assert [server.ask(path, body) for path, body, _ in expected] == [answer for _, _, answer in expected]


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Any]:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as opened:
        yield opened


def chat_fields(**fields: Any) -> dict[str, Any]:
    """Return a request about a generated screen."""
    body = next(body for path, body in requests() if path == CHAT)
    return {"model": "tiny", "messages": body["messages"], "max_tokens": 40, **fields}


def test_openais_package_gets_an_answer_with_places(client: Any, server: Server) -> None:
    answer = client.chat.completions.create(**chat_fields(), extra_body={"budget": 64})
    own = answer.model_extra["saccade"]
    assert own["frames"][0]["tokens"] <= 64
    assert [box["xyxy"] for box in own["boxes"]] and own["click"]
    assert answer.choices[0].message.content == saccade.load().chat(chat_fields()["messages"], max_tokens=40).text
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_openais_package_joins_a_stream_to_the_same(client: Any) -> None:
    whole = client.chat.completions.create(**chat_fields())
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(client.chat.completions.create(**chat_fields(**options)))
    assert chunks[-1].usage == whole.usage
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert text == whole.choices[0].message.content
    own = [chunk.model_extra["saccade"] for chunk in chunks if "saccade" in (chunk.model_extra or {})]
    assert [one["boxes"] for one in own] == [whole.model_extra["saccade"]["boxes"]]
    with client.chat.completions.stream(**chat_fields()) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == text


def test_openais_package_leaves_a_stream_and_the_next_is_answered(client: Any) -> None:
    long = chat_fields(max_tokens=20_000, temperature=9.0, seed=6, stream=True)
    start = time.monotonic()
    for _ in range(3):
        with client.chat.completions.create(**long) as stream:
            next(iter(stream))
    assert client.chat.completions.create(**chat_fields()).choices
    print(f"three streams left, and one answered, in {time.monotonic() - start:.1f} s")


def test_openais_package_raises_its_own_errors(client: Any) -> None:
    openai = pytest.importorskip("openai")
    cases: tuple[tuple[dict[str, Any], Any, str], ...] = (
        ({"model": "gpt-9"}, openai.NotFoundError, "expected 'tiny'"),
        ({"temperature": -1}, openai.BadRequestError, "temperature"),
        ({"n": 2}, openai.BadRequestError, "expected 1"),
        ({"messages": []}, openai.BadRequestError, "at least one"),
    )
    for fields, kind, words in cases:
        for stream in (False, True):
            with pytest.raises(kind, match=words):
                client.chat.completions.create(**chat_fields(stream=stream, **fields))
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").owned_by == "mlx-saccade"


def test_the_guide_runs_with_openais_package(
    client: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    screen = Path(saccade.__file__).parent / "assets" / "demo" / "screen.png"
    (tmp_path / "shot.png").write_bytes(screen.read_bytes())
    text = (Path(__file__).parents[2] / "docs" / "guides" / "agents.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", text.partition("## HTTP")[2], re.DOTALL):
        exec(example.replace("http://127.0.0.1:8765", server.url), names)
    assert names["completion"].model_extra["saccade"]["click"] == names["own"]["click"] is not None
    assert "bbox_2d" in capsys.readouterr().out


def test_openais_package_sends_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openai = pytest.importorskip("openai")
    monkeypatch.setenv("SACCADE_API_KEY", KEY)
    guarded = Server(tmp_path / "log.txt", "--lazy")
    try:
        address = f"{guarded.url}/v1"
        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(base_url=address, api_key="wrong", max_retries=0).models.list()
        assert openai.OpenAI(base_url=address, api_key=KEY, max_retries=0).models.list().data
    finally:
        assert guarded.end() == 0
