"""Provide the images and budgets that several tables share, and convert native patches to transformers' layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

import mlx_saccade as saccade
from mlx_saccade.preprocess.plan import Plan

# The pass order of the installed Pillow. 12.2 and 12.3 differ for strips over 100:1, which no benchmark has.
PILLOW_ORDER = "pillow13" if int(PIL.__version__.split(".")[0]) >= 13 else "horizontal"

# The arguments of `resize` and `patchify` for the bits of each of transformers' back ends.
BITS: dict[str, dict[str, Any]] = {"pillow": {"pass_order": PILLOW_ORDER}, "torchvision": {"backend": "torchvision"}}

BUDGETS = {"256 tokens": 256, "1,280 tokens": 1280, "4,096 tokens": 4096, "native, 10,549 tokens": 16384}


def noise(size: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Return uint8 [height, width, 3] of noise; `size` is (width, height)."""
    return np.random.RandomState(seed).randint(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def as_reference(native: NDArray[np.uint8], plan: Plan, backend: str = "pillow") -> NDArray[np.float32]:
    """Convert native patches to transformers' pixel values: raster order, normalized as the backend, two frames."""
    family, (_, rows, columns) = plan.family, plan.grid_thw
    order, _ = saccade.window_index([plan.grid_thw])
    merged = family.merge_size**2
    raster = np.empty((rows * columns // merged, merged * native.shape[1]), np.uint8)
    raster[order] = native.reshape(len(raster), -1)
    pixels = raster.reshape(-1, 3, 1, family.patch_size**2)
    scaled = (pixels * (1 / 255 if backend == "pillow" else 1.0)).astype(np.float32)
    mean, std = (np.array(value, np.float32).reshape(3, 1, 1) for value in (family.mean, family.std))
    if backend == "torchvision":
        mean, std = mean * np.float32(255), std * np.float32(255)
    return ((scaled - mean) / std).repeat(family.temporal_patch_size, axis=2).reshape(len(native), -1)
