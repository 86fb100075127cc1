"""Memory of large towers, minutes each: the random checkpoint's at 65,536 patches, and one as wide as 7B's.

Part of `make check-long`.
"""

from __future__ import annotations

import copy
import gc
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlx_saccade import models
from mlx_saccade.backend import mx
from mlx_saccade.models import memory
from mlx_saccade.preprocess import tower_memory

sys.path.insert(0, str(Path(__file__).parents[1]))
import checkpoints

# The tower of 7B with one windowed and one full block, over a small language model.
WIDE: dict[str, Any] = copy.deepcopy(checkpoints.CONFIG)
WIDE["vision_config"] |= {
    "depth": 2,
    "hidden_size": 1280,
    "num_heads": 16,
    "intermediate_size": 3420,
    "fullatt_block_indexes": [1],
}


def tower(folder: Path, raw: dict[str, Any]) -> models.Model:
    """Write and load a random checkpoint."""
    return models.load(checkpoints.write(folder, raw))


def peak(model: models.Model, side: int) -> int:
    """Return the peak bytes besides the weights for a square of patches, which are included."""
    gc.collect()
    before = mx.get_active_memory()
    patches = mx.array(np.random.RandomState(0).randint(0, 256, (side * side, 588)).astype(np.uint8))
    mx.eval(patches)
    mx.reset_peak_memory()
    features = model.visual(patches, [(1, side, side)])
    assert mx.isfinite(features).all()
    return int(mx.get_peak_memory() - before)


def test_linear_up_to_65536_patches(tmp_path: Path) -> None:
    model = tower(tmp_path, checkpoints.CONFIG)
    sides = (32, 64, 128, 256)
    peaks = np.array([peak(model, side) for side in sides], float)
    sizes = np.array([side * side for side in sides], float)
    slope, start = np.polyfit(sizes, peaks, 1)
    residuals = peaks - (start + slope * sizes)
    print({int(size): int(bytes_) for size, bytes_ in zip(sizes, peaks, strict=True)})
    assert 1 - (residuals**2).sum() / ((peaks - peaks.mean()) ** 2).sum() > 0.99
    assert peaks[-1] < 2 * sizes[-1] ** 2 * 2 / 20


@pytest.mark.parametrize("dtype", ["float32"])
def test_the_widths_of_7b_at_16384_tokens(tmp_path: Path, dtype: str) -> None:
    model = tower(tmp_path, WIDE)
    vision = model.config.vision
    weights = sum(array.nbytes for _, array in models.memory.tree_flatten(model.visual.parameters()))
    small, large = peak(model, 128), peak(model, 256)
    patches, width = 65536, 4
    chunk = tower_memory.SCORE_BYTES
    bound = (
        weights
        + patches * 588
        + patches * vision.hidden_size * width
        + patches * 2 * vision.intermediate_size * width
        + chunk
    )
    print(f"4,096 tokens {small / 1e6:.0f} MB, 16,384 {large / 1e6:.0f} MB, linear bound {bound / 1e6:.0f} MB")
    assert weights + large <= 1.5 * bound
    assert large <= 4.4 * small
    assert 0.8 < memory.tower_bytes(vision, patches, 1, mx.float32) / large < 1.2
