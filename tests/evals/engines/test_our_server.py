"""`mlx-saccade serve` as the server of a run: the answers are those of the engine in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources

import pytest
from serve_program import Server

import mlx_saccade as saccade
from mlx_saccade.errors import InputError
from mlx_saccade.evals.engines import RuntimeSpec, ServerOptions, open_runtime
from mlx_saccade.evals.targets import Target

DEMO = resources.files("mlx_saccade") / "assets" / "demo"
SCREEN = str(DEMO / "screen.png")
DESCRIPTIONS = [one["description"] for one in json.loads((DEMO / "targets.json").read_text())["targets"][:3]]


def target(description: str) -> Target:
    return Target(description, SCREEN, description, ((0.0, 0.0, 1.0, 1.0),), (3840, 2160))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running server."""
    running = Server(tmp_path_factory.mktemp("serve") / "log.txt")
    yield running
    running.end()


@pytest.fixture(scope="module")
def engine() -> Iterator[saccade.Engine]:
    """Return the engine with the same checkpoint."""
    with saccade.load() as loaded:
        yield loaded


def spec(server: Server, **options: object) -> RuntimeSpec:
    server_options = ServerOptions(**options)  # type: ignore[arg-type]
    return RuntimeSpec.parse(f"openai:{server.url}", family="qwen2.5-vl", server=server_options)


@pytest.mark.parametrize("budget", [64, 256])
@pytest.mark.parametrize("policy", ["flat", "zoom"])
def test_server_gives_the_engines_boxes(server: Server, engine: saccade.Engine, budget: int, policy: str) -> None:
    runtime = open_runtime(spec(server))
    runtime.check(budget, policy)
    expected = engine.locate(SCREEN, DESCRIPTIONS, budget=budget, policy=policy)
    assert any(answer.boxes for answer in expected)
    for description, answer in zip(DESCRIPTIONS, expected, strict=True):
        reply = runtime.ask(SCREEN, target(description), budget, policy)
        assert (reply.error, reply.text, reply.click) == (None, answer.text, answer.click)
        assert reply.boxes == tuple(box.xyxy for box in answer.boxes)
        assert reply.tokens == answer.usage["image"] and reply.prompt_tokens == answer.usage["prompt"]
        assert reply.image_sent_size == answer.frames[0].processed_size


def test_streamed_answers_are_the_same(server: Server, engine: saccade.Engine) -> None:
    expected = engine.locate(SCREEN, DESCRIPTIONS[0], budget=64)
    reply = open_runtime(spec(server, stream=True)).ask(SCREEN, target(DESCRIPTIONS[0]), 64, "flat")
    assert (reply.error, reply.text, reply.finish) == (None, expected.text, "stop")
    assert reply.boxes == tuple(box.xyxy for box in expected.boxes)
    assert (reply.prompt_tokens, reply.answer_tokens) == (expected.usage["prompt"], expected.usage["answer"])
    assert list(reply.seconds) == ["first token", "answer"]


def test_image_sent_whole_has_the_servers_own_size(server: Server, engine: saccade.Engine) -> None:
    runtime = open_runtime(spec(server))
    runtime.check("server", "flat")
    expected = engine.locate(SCREEN, DESCRIPTIONS[0])
    reply = runtime.ask(SCREEN, target(DESCRIPTIONS[0]), "server", "flat")
    assert (reply.error, reply.text) == (None, expected.text)
    assert reply.boxes == tuple(box.xyxy for box in expected.boxes)
    assert (reply.image_sent_size, reply.tokens) == (expected.frames[0].processed_size, expected.usage["image"])


def test_budget_above_the_servers_is_an_error_until_it_is_raised(server: Server, engine: saccade.Engine) -> None:
    reply = open_runtime(spec(server)).ask(SCREEN, target(DESCRIPTIONS[0]), 400, "flat")
    assert reply.error is not None and "the server resized the image again, from" in reply.error
    raised = open_runtime(spec(server, fields='{"budget": 400}')).ask(SCREEN, target(DESCRIPTIONS[0]), 400, "flat")
    expected = engine.locate(SCREEN, DESCRIPTIONS[0], budget=400)
    assert (raised.error, raised.text, raised.tokens) == (None, expected.text, expected.usage["image"])


def test_refusal_of_the_server_is_in_its_words(server: Server) -> None:
    reply = open_runtime(spec(server, fields='{"n": 2}')).ask(SCREEN, target(DESCRIPTIONS[0]), 64, "flat")
    assert reply.error is not None and "HTTP 400: n: expected 1" in reply.error


def test_server_without_the_key_is_refused_when_opened(tmp_path_factory: pytest.TempPathFactory) -> None:
    log = tmp_path_factory.mktemp("guarded") / "log.txt"
    guarded = Server(log, "--lazy", "--api-key", "sk-0123456789abcdef")
    try:
        with pytest.raises(InputError, match="OPENAI_API_KEY"):
            open_runtime(spec(guarded))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
            assert open_runtime(spec(guarded)).identity["model"]
    finally:
        guarded.end()
