"""The tower is computed in portions under a limit, the portions change no bit, and a failed one is an error."""

from __future__ import annotations

import math
from pathlib import Path

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

from mlx_saccade import models
from mlx_saccade.models import attention, cpu_ops, execution, qwen2_5_vl
from mlx_saccade.models.execution import EvalBudget
from mlx_saccade.preprocess import tower_memory

GRID = [(1, 24, 16)]
PATCHES = 384
DEPTH = checkpoints.CONFIG["vision_config"]["depth"]
STEP = 96
PIXELS = np.random.RandomState(4).randint(0, 256, (PATCHES, 588)).astype(np.uint8)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> models.Model:
    """The plain path, as on a GPU, with small steps."""
    monkeypatch.setattr(cpu_ops, "applies", lambda *arrays: False)
    monkeypatch.setattr(attention, "is_fused", lambda *which: True)
    monkeypatch.setattr(execution.map_rows, "__defaults__", (0, STEP))
    monkeypatch.setattr(attention, "_FUSED_QUERIES", STEP)
    return models.load(checkpoints.write(tmp_path))


class Portions(EvalBudget):
    """Remembers the work of each evaluation."""

    seen: list[int]

    def _evaluate(self) -> None:
        self.seen.append(self._pending)
        super()._evaluate()


@pytest.fixture
def portions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    Portions.seen = []
    monkeypatch.setattr(execution, "EvalBudget", Portions)
    return Portions.seen


def run(model: models.Model, limit: int) -> np.ndarray:
    model.visual.patch_layers = limit
    return np.array(model.visual(mx.array(PIXELS), GRID))


@pytest.mark.parametrize("limit", [4 * STEP, 8 * STEP, PATCHES * DEPTH, 10**9])
def test_as_many_evaluations_as_the_work_asks_for(model: models.Model, portions: list[int], limit: int) -> None:
    run(model, limit)
    work = sum(portions)
    assert work >= PATCHES * DEPTH * execution.QUARTERS
    assert max(portions) <= limit * execution.QUARTERS
    assert len(portions) == math.ceil(work / (limit * execution.QUARTERS))


@pytest.mark.parametrize("limit", [STEP, 100, 2 * STEP, 333, 1000])
def test_no_evaluation_is_above_a_limit_that_steps_do_not_fill(
    model: models.Model, portions: list[int], limit: int
) -> None:
    run(model, limit)
    assert max(portions) <= limit * execution.QUARTERS
    most = limit * execution.QUARTERS - STEP * (
        execution.QUARTERS - 1
    )  # a portion ends where the next step would pass the limit
    assert len(portions) <= math.ceil(sum(portions) / most) + 1


def test_the_limit_changes_no_bit(model: models.Model) -> None:
    whole = run(model, 10**9)
    for limit in (STEP, 100, 777, 1):
        assert run(model, limit).tobytes() == whole.tobytes()


def test_full_attention_counts_as_the_work_it_is(model: models.Model) -> None:
    """With the widths of 7B: a query of 4,096 tokens costs more than two patches' matrices."""
    config = models.VisionConfig(hidden_size=1280)
    tower = qwen2_5_vl.VisionModel.__new__(qwen2_5_vl.VisionModel)
    object.__setattr__(tower, "config", config)
    place = qwen2_5_vl.layout([(1, 128, 128)], config)
    windowed, full = (qwen2_5_vl.VisionModel.segments(tower, place, number).costs for number in (0, 7))
    assert set(windowed) == {0}
    assert list(full) == [round(4 * 4 * 16384 * 1280 / (2 * (4 * 1280**2 + 3 * 1280 * 3420)))]


def test_a_failed_evaluation_is_an_error_and_the_engine_goes_on(
    model: models.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = run(model, STEP)
    evaluate, count = mx.eval, 0

    def failing(*arrays: object) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise RuntimeError("[METAL] Command buffer execution failed")
        evaluate(*arrays)

    with monkeypatch.context() as patch:
        patch.setattr(execution.mx, "eval", failing)
        with pytest.raises(RuntimeError, match="Command buffer execution failed"):
            run(model, STEP)
    assert run(model, STEP).tobytes() == right.tobytes()


def test_progress_counts_to_all_tokens(model: models.Model) -> None:
    told: list[tuple[int, int]] = []
    model.visual.patch_layers = STEP
    model.visual(mx.array(PIXELS), GRID, progress=lambda done, total: told.append((done, total)))
    done = [count for count, _ in told]
    assert done == sorted(done)
    assert len(set(done)) > DEPTH
    assert told[-1] == (PATCHES // 4, PATCHES // 4)


def test_the_default_is_less_than_a_second_of_a_small_gpu() -> None:
    tower = tower_memory.towers()[0]
    patch_layer = 2 * (4 * tower.hidden**2 + 3 * tower.hidden * tower.intermediate)
    assert execution.PATCH_LAYERS * patch_layer < 1e12
