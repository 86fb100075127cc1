"""Make captures in every pixel format, and their RGB copies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FORMATS = ["rgb", "bgr", "rgba", "bgra", "rgbx", "bgrx", "grey"]


def capture(seed: int, width: int, height: int, pixel_format: str, gap: int = 0) -> NDArray[np.uint8]:
    """Return noise with a gap of `gap` pixels between rows; a fourth channel is noise too."""
    channels = {"rgb": (3,), "bgr": (3,), "grey": ()}.get(pixel_format, (4,))
    shape = (height, width + gap, *channels)
    return np.random.RandomState(seed).randint(0, 256, shape, dtype=np.uint8)[:, :width]


def as_rgb(pixels: NDArray[np.uint8], pixel_format: str) -> NDArray[np.uint8]:
    """Return a copy in RGB."""
    if pixel_format == "grey":
        return np.repeat(pixels[:, :, None], 3, axis=2)
    return np.ascontiguousarray(pixels[..., 2::-1] if pixel_format.startswith("bgr") else pixels[..., :3])
