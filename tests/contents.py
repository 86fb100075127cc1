"""Make images of known content with NumPy: noise, thin lines, dark text-like bars, marked corners, a gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def noise(width: int, height: int) -> np.ndarray:
    """Return independent random pixels."""
    return np.random.RandomState(width + height).randint(0, 256, (height, width, 3)).astype(np.uint8)


def lines(width: int, height: int) -> np.ndarray:
    """Return a checkerboard of single pixels, and diagonals one pixel wide."""
    y, x = np.mgrid[:height, :width]
    gray = np.where((x + y) % 2, 255, 0)
    gray[(x - y) % 37 == 0] = 90
    return np.repeat(gray[..., None], 3, axis=2).astype(np.uint8)


def bars(width: int, height: int) -> np.ndarray:
    """Return nearly black bars on nearly black, as text on a dark screen."""
    y, x = np.mgrid[:height, :width]
    gray = np.where(((y // 7) % 2 == 1) & ((x // 5) % 3 != 0), 23, 6)
    return np.repeat(gray[..., None], 3, axis=2).astype(np.uint8)


def corners(width: int, height: int) -> np.ndarray:
    """Return four corners of different colors and a cross off the center."""
    pixels = np.full((height, width, 3), 200, np.uint8)
    y, x = height // 2, width // 2
    for rows, columns, color in (
        (slice(0, y), slice(0, x), (255, 0, 0)),
        (slice(0, y), slice(x, None), (0, 255, 0)),
        (slice(y, None), slice(0, x), (0, 0, 255)),
    ):
        pixels[rows, columns] = color
    pixels[height // 3, :] = 0
    pixels[:, width // 5] = 0
    return pixels


def gradient(width: int, height: int) -> np.ndarray:
    """Return slow changes in each channel, with a little texture."""
    y, x = np.mgrid[:height, :width]
    waves = [x * 255 / max(width - 1, 1), y * 255 / max(height - 1, 1), 127 + 100 * np.sin(x / 9) * np.cos(y / 7)]
    return np.clip(np.stack(waves, axis=-1) + (x * 7 + y * 13)[..., None] % 5, 0, 255).astype(np.uint8)


CONTENTS: dict[str, Callable[[int, int], np.ndarray]] = {
    "noise": noise,
    "lines": lines,
    "bars": bars,
    "corners": corners,
    "gradient": gradient,
}
