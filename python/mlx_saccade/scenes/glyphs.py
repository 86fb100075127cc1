"""The outlines of the icons, in shares of their box; each spans 0 to 1 in both directions."""

import math
from functools import lru_cache
from typing import Final

import numpy as np

from .raster import Points, Stamp, ellipse_coverage, polygon_coverage


def _unit(points: list[tuple[float, float]]) -> Points:
    """Stretch an outline over its box, rounded so that the last bit of a sine does not matter."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    return tuple((round((x - min(xs)) / width, 4), round((y - min(ys)) / height, 4)) for x, y in points)


def _star() -> Points:
    radii = [1.0 if i % 2 == 0 else 0.42 for i in range(10)]
    return _unit([(r * math.sin(i * math.pi / 5), -r * math.cos(i * math.pi / 5)) for i, r in enumerate(radii)])


def _heart() -> Points:
    """Return the curve x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, upside down."""
    turns = [2 * math.pi * i / 40 for i in range(40)]
    wave = [13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t) for t in turns]
    return _unit([(16 * math.sin(t) ** 3, -y) for t, y in zip(turns, wave, strict=True)])


def _moon() -> Points:
    """Return a crescent open to the right: most of a circle, and back along a flatter arc."""
    outer = [(-math.sin(t), -math.cos(t)) for t in (math.pi * (i / 20 * 1.3 - 0.15) for i in range(21))]
    x, y = outer[-1]
    inner = [(x - 0.55 * math.sin(t), y * math.cos(t)) for t in (math.pi * i / 20 for i in range(1, 20))]
    return _unit([*outer, *inner])


T: Final = 0.34
OUTLINES: Final[dict[str, Points]] = {
    "triangle": ((0.5, 0), (1, 1), (0, 1)),
    "star": _star(),
    "cross": (
        (T, 0), (1 - T, 0), (1 - T, T), (1, T), (1, 1 - T), (1 - T, 1 - T),
        (1 - T, 1), (T, 1), (T, 1 - T), (0, 1 - T), (0, T), (T, T),
    ),
    "diamond": ((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)),
    "arrow": ((0, 0.3), (0.5, 0.3), (0.5, 0), (1, 0.5), (0.5, 1), (0.5, 0.7), (0, 0.7)),
    "heart": _heart(),
    "moon": _moon(),
    "tick": ((0, 0.55), (0.14, 0.4), (0.37, 0.64), (0.84, 0), (1, 0.14), (0.38, 1)),
    "folder": ((0, 0), (0.4, 0), (0.5, 0.2), (1, 0.2), (1, 1), (0, 1)),
}  # fmt: skip
RING: Final = 0.2


@lru_cache(maxsize=2048)
def glyph_stamp(name: str, width: int, height: int, scale: int = 1) -> Stamp:
    """Return the stamp of a glyph of `GLYPHS`, or "tick", that fills a box in points of `scale` pixels."""
    line = scale * max(1, round(RING * min(width, height)))
    width, height = scale * width, scale * height
    if name != "ring":
        return Stamp.of(polygon_coverage(OUTLINES[name], width, height))
    coverage = ellipse_coverage(width, height)
    if min(width, height) > 2 * line:
        coverage[line:-line, line:-line] -= ellipse_coverage(width - 2 * line, height - 2 * line)
    return Stamp.of(np.clip(coverage, 0, 1))
