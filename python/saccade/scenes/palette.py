"""Colours: the eight named ones, and the neutral surfaces of light and dark themes."""

from dataclasses import dataclass
from typing import Final

import numpy as np

Colour = tuple[int, int, int]

NAMED: Final[dict[str, Colour]] = {
    "red": (218, 40, 44),
    "orange": (243, 130, 24),
    "yellow": (244, 214, 40),
    "green": (42, 164, 66),
    "cyan": (44, 200, 218),
    "blue": (44, 92, 232),
    "purple": (128, 56, 196),
    "pink": (244, 112, 182),
}
JITTER: Final = 12


@dataclass(frozen=True)
class Theme:
    """The neutral colours of one screen; `ink` stands out on `surface`."""

    dark: bool
    surface: Colour
    ink: Colour
    bar: Colour
    wallpaper: tuple[Colour, Colour]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blend two colours; `share` 0 gives the first, 1 the second."""
    r, g, b = (round(a + (z - a) * share) for a, z in zip(first, second, strict=True))
    return r, g, b


def shade(rng: np.random.Generator, name: str) -> Colour:
    """Return a named colour, moved a little so that no exact value can be relied on."""
    shift = rng.integers(-JITTER, JITTER + 1, 3)
    r, g, b = (min(255, max(0, base + int(move))) for base, move in zip(NAMED[name], shift, strict=True))
    return r, g, b


def _grey(rng: np.random.Generator, low: int, high: int, tint: int = 10) -> Colour:
    level = int(rng.integers(low, high))
    r, g, b = (min(255, max(0, level + int(move))) for move in rng.integers(-tint, tint + 1, 3))
    return r, g, b


def draw_theme(rng: np.random.Generator) -> Theme:
    """Choose a light or a dark theme, and a wallpaper that is plain half of the time."""
    dark = bool(rng.random() < 0.4)
    low, high = (18, 70) if dark else (176, 240)
    start = _grey(rng, low, high, 16)
    end = start if rng.random() < 0.5 else _grey(rng, low, high, 16)
    surface = _grey(rng, 34, 60, 4) if dark else _grey(rng, 238, 252, 4)
    ink = _grey(rng, 196, 236, 4) if dark else _grey(rng, 30, 80, 4)
    bar = _grey(rng, 10, 34, 4) if dark else _grey(rng, 204, 232, 4)
    return Theme(dark, surface, ink, bar, (start, end))
