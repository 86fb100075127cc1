"""A 4K screenshot in memory to the model's input: saccade beside Pillow's resize and a NumPy patchify.

    python -m pytest benchmarks/test_preprocess.py

Both sides start from the same array in one process, and their patches are compared before anything is timed.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import saccade

BUDGETS = (256, 1280, 4096, 16384)
PILLOW_ORDER = "pillow13" if int(Image.__version__.split(".")[0]) >= 13 else "horizontal"


@pytest.fixture(scope="module")
def screenshot() -> NDArray[np.uint8]:
    return saccade.scenes.generate(0, (3840, 2160)).image


def with_pillow(pixels: NDArray[np.uint8], plan: saccade.Plan) -> NDArray[np.uint8]:
    """Patches of one frame in merge-block order: uint8 [patches, 588]."""
    resized = np.asarray(Image.fromarray(pixels).resize(plan.resized_size, Image.Resampling.BICUBIC))
    _, rows, columns = plan.grid_thw
    blocks = resized.reshape(rows // 2, 2, 14, columns // 2, 2, 14, 3)
    return np.ascontiguousarray(blocks.transpose(0, 3, 1, 4, 6, 2, 5)).reshape(rows * columns, 588)


def in_window_order(patches: NDArray[np.uint8], plan: saccade.Plan) -> NDArray[np.uint8]:
    order, _ = saccade.window_index([plan.grid_thw])
    return patches.reshape(-1, 4, 588)[order].reshape(-1, 588)


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("side", ["saccade", "pillow"])
def test_patches(benchmark, screenshot: NDArray[np.uint8], budget: int, side: str) -> None:
    plan = saccade.plan((3840, 2160), budget=budget)
    native = saccade.patchify(screenshot, plan)
    assert np.array_equal(native, in_window_order(with_pillow(screenshot, plan), plan))
    benchmark.group = f"{plan.tokens} tokens"
    work = saccade.patchify if side == "saccade" else with_pillow
    benchmark.pedantic(work, args=(screenshot, plan), rounds=5, warmup_rounds=1)
