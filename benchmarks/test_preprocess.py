"""A 4K screenshot in memory to the model's input: saccade beside Pillow's resize and a NumPy patchify.

    python -m pytest benchmarks/test_preprocess.py

Both sides start from the same array in one process, and their patches are compared before anything is timed.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import saccade
from saccade.bench.preprocess import pillow_patches

BUDGETS = (256, 1280, 4096, 16384)


@pytest.fixture(scope="module")
def screenshot() -> NDArray[np.uint8]:
    return saccade.scenes.generate(0, (3840, 2160)).image


def in_window_order(patches: NDArray[np.uint8], plan: saccade.Plan) -> NDArray[np.uint8]:
    order, _ = saccade.window_index([plan.grid_thw])
    return patches.reshape(-1, 4, 588)[order].reshape(-1, 588)


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("side", ["saccade", "pillow"])
def test_patches(benchmark, screenshot: NDArray[np.uint8], budget: int, side: str) -> None:
    plan = saccade.plan((3840, 2160), budget=budget)
    native = saccade.patchify(screenshot, plan)
    assert np.array_equal(native, in_window_order(pillow_patches(screenshot, plan), plan))
    benchmark.group = f"{plan.tokens} tokens"
    work = saccade.patchify if side == "saccade" else pillow_patches
    benchmark.pedantic(work, args=(screenshot, plan), rounds=5, warmup_rounds=1)
