"""Images and sizes on which kernels are compared, whatever they run on."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

__all__ = ["BACKENDS", "KIND", "SIDE", "image"]

BACKENDS = ("pillow13", "pillow12", "torchvision")
SIDE = st.one_of(st.integers(1, 40), st.integers(1, 600), st.sampled_from([1, 2, 15, 16, 17, 21, 22, 63, 64, 65, 97]))
KIND = st.sampled_from(["noise", "extremes", "checkerboard", "white"])


def image(seed: int, width: int, height: int, kind: str = "noise", gap: int = 0) -> NDArray[np.uint8]:
    """Pixels whose rows lie `gap` pixels apart, and that end where their memory ends."""
    noise = np.random.RandomState(seed).randint(0, 256, (height, width + gap, 3), dtype=np.uint8)
    if kind == "extremes":
        noise = np.where(noise > 127, 255, 0).astype(np.uint8)
    if kind == "checkerboard":
        noise[:] = (np.indices(noise.shape).sum(0) % 2 * 255).astype(np.uint8)
    if kind == "white":
        noise[:] = 255
    flat = noise.reshape(-1)[3 * gap :].copy()
    return np.lib.stride_tricks.as_strided(flat, (height, width, 3), (3 * (width + gap), 3, 1))
