"""mlx-vlm as a runtime of `mlx-saccade sweep`, in this process and behind its own server: the engine's answers.

Part of `make check-long`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

import mlx_saccade as saccade
from mlx_saccade.evals.engines import RuntimeSpec, ServerOptions, open_runtime
from mlx_saccade.evals.targets import Target
from mlx_saccade.grounding import iou

ASSETS = resources.files("mlx_saccade") / "assets"
SCREEN, TINY = str(ASSETS / "demo" / "screen.png"), str(ASSETS / "tiny")
DESCRIPTIONS = [one["description"] for one in json.loads((ASSETS / "demo" / "targets.json").read_text())["targets"]]


def target(description: str) -> Target:
    return Target(description, SCREEN, description, ((0.0, 0.0, 1.0, 1.0),), (3840, 2160))


@pytest.fixture(scope="module")
def engine() -> Iterator[saccade.Engine]:
    """Return the engine with the same checkpoint."""
    with saccade.load() as loaded:
        yield loaded


@pytest.fixture(scope="module", params=[("-m", "mlx_vlm.server"), ("-m", "mlx_saccade", "mlx-vlm", "server")])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of mlx-vlm's server, alone and with this package enabled."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log: Path = tmp_path_factory.mktemp("server") / "log.txt"
    words = ["--model", TINY, "--host", "127.0.0.1", "--port", str(port), "--log-level", "ERROR"]
    with log.open("w") as stream:
        process = subprocess.Popen([sys.executable, *request.param, *words], stdout=stream, stderr=stream)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        try:
            urllib.request.urlopen(f"{address}/health", timeout=1).close()
            break
        except OSError:
            time.sleep(0.5)
    yield address
    process.terminate()
    process.wait(timeout=60)


def spec(url: str, **options: object) -> RuntimeSpec:
    server_options = ServerOptions(**options)  # type: ignore[arg-type]
    return RuntimeSpec.parse(f"openai:{url}", model=TINY, family="qwen2.5-vl", server=server_options)


@pytest.mark.parametrize("policy", ["flat", "zoom"])
@pytest.mark.parametrize("budget", [64, 256])
@pytest.mark.parametrize("kind", ["mlx-vlm", "mlx-vlm+saccade"])
def test_mlx_vlm_in_process_gives_the_engines_boxes(
    engine: saccade.Engine, kind: str, budget: int, policy: str
) -> None:
    runtime = open_runtime(RuntimeSpec.parse(kind))
    runtime.check(budget, policy)
    for description in DESCRIPTIONS[:3]:
        expected = engine.locate(SCREEN, description, budget=budget, policy=policy)
        reply = runtime.ask(SCREEN, target(description), budget, policy)
        assert (reply.error, reply.text) == (None, expected.text)
        assert reply.boxes == tuple(box.xyxy for box in expected.boxes)
        assert (reply.tokens, reply.prompt_tokens) == (expected.usage["image"], expected.usage["prompt"])
        assert reply.image_sent_size == expected.frames[0].processed_size
    runtime.close()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("policy", ["flat", "zoom"])
@pytest.mark.parametrize("budget", [64, 256])
def test_its_server_gives_the_engines_boxes(
    engine: saccade.Engine, url: str, budget: int, policy: str, stream: bool
) -> None:
    runtime = open_runtime(spec(url, stream=stream))
    runtime.check(budget, policy)
    for description in DESCRIPTIONS[:3]:
        expected = engine.locate(SCREEN, description, budget=budget, policy=policy)
        reply = runtime.ask(SCREEN, target(description), budget, policy)
        assert reply.error is None
        if policy == "flat":
            assert reply.text == expected.text
            assert reply.boxes == tuple(box.xyxy for box in expected.boxes)
        else:  # its weights are in half precision, where near ties between two numbers fall either way
            for box, other in zip(reply.boxes, expected.boxes, strict=True):
                assert iou(box, other.xyxy) > 0.98
        assert (reply.tokens, reply.prompt_tokens) == (expected.usage["image"], expected.usage["prompt"])
        assert list(reply.seconds) == (["first token", "answer"] if stream else ["request"])


def test_budget_above_the_checkpoints_is_an_error_until_the_request_raises_it(engine: saccade.Engine, url: str) -> None:
    reply = open_runtime(spec(url)).ask(SCREEN, target(DESCRIPTIONS[0]), 400, "flat")
    assert reply.error is not None and ("the server shrank" in reply.error or "resized the image again" in reply.error)
    runtime = open_runtime(spec(url, fields='{"max_pixels": 1003520}'))
    raised = runtime.ask(SCREEN, target(DESCRIPTIONS[0]), 400, "flat")
    expected = engine.locate(SCREEN, DESCRIPTIONS[0], budget=400)
    assert (raised.error, raised.text, raised.tokens) == (None, expected.text, expected.usage["image"])


def test_image_sent_whole_is_read_at_the_size_that_the_survey_says(engine: saccade.Engine, url: str) -> None:
    """The survey has the published checkpoints' limits, so the packaged one's are raised to them."""
    options = {"runtime": "mlx-vlm@0.7.10", "timeout": 600.0}
    reply = open_runtime(spec(url, **options)).ask(SCREEN, target(DESCRIPTIONS[0]), "server", "flat")
    if reply.error is None:  # with this package the server says the size
        assert reply.tokens == 252
    else:
        assert "the server shrank the image" in reply.error and "(mlx-vlm 0.7.10)" in reply.error
    small = saccade.resize(SCREEN, (420, 252))
    asked = engine.locate(small, DESCRIPTIONS[0], pixel_format="rgb", policy="flat")
    reply = open_runtime(spec(url, **options)).ask(small, target(DESCRIPTIONS[0]), "server", "flat")
    assert (reply.error, reply.text, reply.image_sent_size) == (None, asked.text, (420, 252))
    assert reply.boxes == tuple(box.xyxy for box in asked.boxes)


def test_question_that_the_server_cannot_answer_is_an_error_in_its_words(url: str) -> None:
    runtime = open_runtime(spec(url, fields='{"max_pixels": -5}', retries=0))
    reply = runtime.ask(SCREEN, target(DESCRIPTIONS[0]), 64, "flat")
    assert reply.error is not None and "HTTP 4" in reply.error and "max_pixels" in reply.error
