"""mlx-vlm as a runtime, with a stand-in for its modules; tests/long has the real ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from mlx_vlm_modules import StandInImages, StandInModel, StandInProcessor, stand_in_modules

import mlx_saccade as saccade
from mlx_saccade.errors import InputError
from mlx_saccade.evals.engines import RuntimeSpec, open_runtime
from mlx_saccade.evals.targets import Target
from mlx_saccade.integrations import mlx_vlm as fast

SIZE = (640, 480)
TARGET = Target("0", "0", "the red button", ((0.0, 0.0, 10.0, 10.0),), SIZE)
PICTURE = np.random.RandomState(0).randint(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
BOX = (28, 28, 56, 84)  # that the stand-in answers


class Images(StandInImages):
    """An image processor with grids, that notes what it was given."""

    def __init__(self, grid: tuple[int, int]) -> None:
        self.grid = grid
        self.calls: list[tuple[Any, dict[str, int]]] = []

    def __call__(self, images: Any, **limits: Any) -> Any:
        self.calls.append((images, limits))
        return {**super().__call__(images, **limits), "image_grid_thw": np.array([[1, *self.grid]])}


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInProcessor]:
    """Put the stand-in in mlx-vlm's place, and return the processor that it loads."""
    for name in [name for name in sys.modules if name == "mlx_vlm" or name.startswith("mlx_vlm.")]:
        monkeypatch.delitem(sys.modules, name)
    for name, module in stand_in_modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    loaded = StandInProcessor()
    loaded.image_processor = Images((12, 16))
    monkeypatch.setattr(sys.modules["mlx_vlm"], "load", lambda path: (StandInModel(), loaded))
    yield loaded
    fast.disable()


@pytest.mark.parametrize("budget", [16, 64, "100352px", "checkpoint", "ollama@0.13.3"])
def test_mlx_vlm_alone_gets_the_limits_of_the_plan(processor: StandInProcessor, budget: int | str) -> None:
    images = processor.image_processor
    runtime = open_runtime(RuntimeSpec.parse("mlx-vlm"))
    runtime.check(budget, "flat")
    reply = runtime.ask(PICTURE, TARGET, budget, "flat")
    plan = saccade.plan(SIZE, budget=budget)
    assert reply.error is None and runtime.plan_tokens(SIZE, budget) == plan.tokens
    ((picture,), limits) = images.calls[0]
    assert limits == {"min_pixels": plan.min_pixels, "max_pixels": plan.max_pixels}
    assert np.array_equal(np.asarray(picture), PICTURE)


def test_mlx_vlm_alone_is_read_in_the_frame_of_its_own_grid(processor: StandInProcessor) -> None:
    reply = open_runtime(RuntimeSpec.parse("mlx-vlm")).ask(PICTURE, TARGET, 1280, "flat")
    assert (reply.image_sent_size, reply.tokens) == ((224, 168), 48)
    scale = SIZE[0] / 224, SIZE[1] / 168
    assert reply.boxes == (pytest.approx([value * scale[i % 2] for i, value in enumerate(BOX)]),)
    assert (reply.prompt_tokens, reply.answer_tokens, reply.finish) == (20, 5, "stop")
    assert reply.seconds["prefill"] == 2.0 and reply.seconds["answer"] == 0.5 and reply.seconds["prepare"] >= 0


def test_thousandths_are_read_where_they_are_said(processor: StandInProcessor) -> None:
    reply = open_runtime(RuntimeSpec.parse("mlx-vlm", convention="thousandths")).ask(PICTURE, TARGET, 1280, "flat")
    assert reply.boxes == (pytest.approx([28 * 0.64, 28 * 0.48, 56 * 0.64, 84 * 0.48]),)


def test_enabled_mlx_vlm_gets_our_patches_and_plan(processor: StandInProcessor) -> None:
    original = processor.image_processor
    runtime = open_runtime(RuntimeSpec.parse("mlx-vlm+saccade"))
    runtime.check(64, "flat")
    reply = runtime.ask(PICTURE, TARGET, 64, "flat")
    plan = saccade.plan(SIZE, budget=64)
    assert reply.error is None and original.calls == []
    assert (reply.image_sent_size, reply.tokens) == (plan.resized_size, plan.tokens)
    assert reply.boxes == (pytest.approx(plan.to_source(BOX)),)
    runtime.close()
    runtime.close()
    assert processor.image_processor is original and not fast.status().enabled


@pytest.mark.parametrize("kind", ["mlx-vlm", "mlx-vlm+saccade"])
def test_zoom_asks_twice(processor: StandInProcessor, kind: str) -> None:
    runtime = open_runtime(RuntimeSpec.parse(kind))
    runtime.check(64, "zoom")
    reply = runtime.ask(PICTURE, TARGET, 64, "zoom")
    assert reply.error is None and len(reply.looks) == 2 and reply.prompt_tokens == 40
    assert reply.tokens == sum(look["tokens"] for look in reply.looks)


@pytest.mark.parametrize("kind", ["mlx-vlm", "mlx-vlm+saccade"])
def test_what_fails_for_one_question_is_its_error(processor: StandInProcessor, kind: str) -> None:
    runtime = open_runtime(RuntimeSpec.parse(kind))
    reply = runtime.ask("/none.png", TARGET, 64, "flat")
    assert reply.error is not None and "no such file" in reply.error
    reply = runtime.ask(np.zeros((28, 28 * 201, 3), np.uint8), TARGET, 64, "flat")
    assert reply.error is not None and "ratio" in reply.error
    assert runtime.ask(PICTURE, TARGET, 64, "flat").error is None


@pytest.mark.parametrize("kind", ["mlx-vlm", "mlx-vlm+saccade"])
def test_failure_inside_mlx_vlm_is_the_questions_error(
    processor: StandInProcessor, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("[malloc] Attempting to allocate\n99 bytes")

    monkeypatch.setattr(sys.modules["mlx_vlm"], "generate", fail)
    reply = open_runtime(RuntimeSpec.parse(kind)).ask(PICTURE, TARGET, 64, "flat")
    assert reply.error == "mlx-vlm failed (RuntimeError: [malloc] Attempting to allocate 99 bytes)"


def test_image_that_would_end_the_process_is_refused(
    processor: StandInProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = StandInModel()
    model.config.vision_config.num_heads = 16
    monkeypatch.setattr(sys.modules["mlx_vlm"], "load", lambda path: (model, processor))
    screen = np.zeros((2160, 3840, 3), np.uint8)
    reply = open_runtime(RuntimeSpec.parse("mlx-vlm")).ask(screen, TARGET, 16384, "flat")
    assert reply.error is not None and "16 heads of 42,196 x 42,196 scores" in reply.error
    assert processor.image_processor.latest is None


def test_checkpoint_that_mlx_vlm_cannot_load_is_refused(
    processor: StandInProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["mlx_vlm"], "load", lambda path: {}["no such key"])
    with pytest.raises(InputError, match=r"mlx-vlm 0\.7\.10 cannot load it \(KeyError"):
        open_runtime(RuntimeSpec.parse("mlx-vlm"))


@pytest.mark.parametrize(("budget", "policy"), [(64, "nothing"), (0, "flat"), ("server", "flat")])
def test_impossible_budget_or_policy_is_refused_before_the_run(
    processor: StandInProcessor, budget: int | str, policy: str
) -> None:
    with pytest.raises(InputError, match=r"budget|policy"):
        open_runtime(RuntimeSpec.parse("mlx-vlm")).check(budget, policy)


def test_identity_names_the_checkpoint_and_what_runs_it(processor: StandInProcessor) -> None:
    alone, enabled = (open_runtime(RuntimeSpec.parse(kind)).identity for kind in ("mlx-vlm", "mlx-vlm+saccade"))
    assert alone["model"] == enabled["model"] and alone["model"].startswith("sha256 ")
    assert alone["versions"]["mlx-vlm"] == "0.7.10" and "mlx-saccade" not in alone["versions"]
    assert enabled["versions"]["mlx-saccade"] == saccade.__version__


def test_other_model_is_refused(processor: StandInProcessor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["mlx_vlm"], "load", lambda path: (StandInModel("llava"), processor))
    with pytest.raises(InputError, match="got llava"):
        open_runtime(RuntimeSpec.parse("mlx-vlm"))


def test_mlx_vlm_that_is_not_installed_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "mlx_vlm" or name.startswith("mlx_vlm.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install"):
        open_runtime(RuntimeSpec.parse("mlx-vlm"))
