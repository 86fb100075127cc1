"""Filled shapes with smooth edges in NumPy, with the same pixels whatever drawing library is installed."""

import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .boxes import Box, times
from .palette import Color

Points = tuple[tuple[float, float], ...]

# Sample lines per row of pixels; along a line coverage is exact.
SAMPLES: Final = 4
# Pixels by which outlines exceed their box before they are clipped to it, so that even a tip colors the edge row.
REACH: Final = 0.5


@dataclass(frozen=True)
class Stamp:
    """The coverage of a shape: pixels fully inside, and pixels on its edge with their share of 255."""

    inside: NDArray[np.bool_]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    share: NDArray[np.int32]

    @classmethod
    def of(cls, coverage: NDArray[np.float64]) -> "Stamp":
        """Make a stamp from the covered share of each pixel, float [height, width] from 0 to 1."""
        level = np.rint(coverage * 255).astype(np.int32)
        rows, columns = np.nonzero((level > 0) & (level < 255))
        return cls(level == 255, rows, columns, level[rows, columns][:, None])


def _mean_of_samples(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = lines.reshape(-1, SAMPLES, lines.shape[1]).sum(1) / SAMPLES
    return mean


def _between(left: NDArray[np.float64], right: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the share of each pixel of each line between `left` and `right`, [lines, width]."""
    x = np.arange(width, dtype=np.float64)
    return np.clip(right[:, None] - x, 0, 1) - np.clip(left[:, None] - x, 0, 1)


def ellipse_coverage(width: int, height: int) -> NDArray[np.float64]:
    """Return the share of each pixel that the ellipse of a box covers, [height, width]."""
    y = (np.arange(height * SAMPLES) + 0.5) / SAMPLES
    half = width / 2 * np.sqrt(np.clip(1 - ((y - height / 2) / (height / 2)) ** 2, 0, 1))
    return _mean_of_samples(_between(width / 2 - half, width / 2 + half, width))


def polygon_coverage(points: Points, width: int, height: int) -> NDArray[np.float64]:
    """Return the share of each pixel inside an outline in shares of the box, even-odd rule, [height, width]."""
    y = (np.arange(height * SAMPLES) + 0.5) / SAMPLES
    corners = [(x * (width + 2 * REACH) - REACH, z * (height + 2 * REACH) - REACH) for x, z in points]
    crossings = np.full((len(y), len(corners)), np.inf)
    for place, (start, end) in enumerate(zip(corners, corners[1:] + corners[:1], strict=True)):
        (x0, y0), (x1, y1) = sorted((start, end), key=lambda corner: corner[1])
        if y1 > y0:
            reached = (y0 <= y) & (y < y1)
            crossings[reached, place] = x0 + (y[reached] - y0) * ((x1 - x0) / (y1 - y0))
    crossings.sort(1)
    lines = np.zeros((len(y), width))
    for place in range(0, int(np.isfinite(crossings).sum(1).max()) - 1, 2):
        lines += _between(crossings[:, place], crossings[:, place + 1], width)
    return _mean_of_samples(lines)


@lru_cache(maxsize=512)
def ellipse_stamp(width: int, height: int) -> Stamp:
    """Return the stamp of an ellipse."""
    return Stamp.of(ellipse_coverage(width, height))


@lru_cache(maxsize=64)
def _corner_stamps(radius: int) -> tuple[Stamp, Stamp, Stamp, Stamp]:
    """Return the quarters of a disc: top left, top right, bottom left, bottom right."""
    disc = ellipse_coverage(2 * radius, 2 * radius)
    top, bottom = disc[:radius], disc[radius:]
    left, right = np.s_[:, :radius], np.s_[:, radius:]
    return Stamp.of(top[left]), Stamp.of(top[right]), Stamp.of(bottom[left]), Stamp.of(bottom[right])


@lru_cache(maxsize=4096)
def _packed(color: Color) -> int:
    return int.from_bytes(bytes((*color, 255)), sys.byteorder)


class Canvas:
    """An RGB canvas. Boxes are (x1, y1, x2, y2) in points, edges not centers, inside the canvas.

    A point is `scale` pixels wide and high. All lengths are in points, except that stamps are in pixels.
    """

    def __init__(self, size: tuple[int, int], scale: int = 1) -> None:
        self.size, self.scale = size, scale
        width, height = size[0] * scale, size[1] * scale
        # One word per pixel: filling words is much faster than filling triples of bytes.
        self.words: NDArray[np.uint32] = np.zeros((height, width), np.uint32)
        self.bytes: NDArray[np.uint8] = self.words.view(np.uint8).reshape(height, width, 4)

    def image(self) -> NDArray[np.uint8]:
        """Return a copy as uint8 RGB [height, width, 3]."""
        height, width = self.words.shape
        image = np.empty((height, width, 3), np.uint8)
        for channel in range(3):  # faster than one copy of [:, :, :3]
            image[:, :, channel] = self.bytes[:, :, channel]
        return image

    def fill(self, box: Box, color: Color) -> None:
        """Fill a rectangle; an empty box fills nothing."""
        x1, y1, x2, y2 = times(box, self.scale)
        self.words[y1:y2, x1:x2] = _packed(color)

    def frame(self, box: Box, line: int, color: Color) -> None:
        """Draw the outline of a rectangle, `line` points wide, inside its box."""
        x1, y1, x2, y2 = box
        self.fill((x1, y1, x2, y1 + line), color)
        self.fill((x1, y2 - line, x2, y2), color)
        self.fill((x1, y1, x1 + line, y2), color)
        self.fill((x2 - line, y1, x2, y2), color)

    def stamp(self, x: int, y: int, stamp: Stamp, color: Color) -> None:
        """Draw a stamp with its top left corner at the point (x, y)."""
        x, y = x * self.scale, y * self.scale
        height, width = stamp.inside.shape
        np.copyto(self.words[y : y + height, x : x + width], np.uint32(_packed(color)), where=stamp.inside)
        region = self.bytes[y : y + height, x : x + width]
        under = region[stamp.rows, stamp.columns].astype(np.int32)
        over = np.array((*color, 255), np.int32)
        region[stamp.rows, stamp.columns] = under + ((over - under) * stamp.share + 127) // 255

    def ellipse(self, box: Box, color: Color) -> None:
        """Fill the ellipse of a box."""
        x1, y1, x2, y2 = times(box, self.scale)
        self.stamp(box[0], box[1], ellipse_stamp(x2 - x1, y2 - y1), color)

    def rounded(self, box: Box, radius: int, color: Color, *, top_only: bool = False) -> None:
        """Fill a rectangle with round corners of `radius` points, on all sides or at the top only."""
        x1, y1, x2, y2 = box
        radius = min(radius, (x2 - x1) // 2, (y2 - y1) // 2)
        if radius < 1:
            self.fill(box, color)
            return
        foot = 0 if top_only else radius
        self.fill((x1 + radius, y1, x2 - radius, y1 + radius), color)
        self.fill((x1, y1 + radius, x2, y2 - foot), color)
        stamps = _corner_stamps(self.scale * radius)
        self.stamp(x1, y1, stamps[0], color)
        self.stamp(x2 - radius, y1, stamps[1], color)
        if not top_only:
            self.fill((x1 + radius, y2 - radius, x2 - radius, y2), color)
            self.stamp(x1, y2 - radius, stamps[2], color)
            self.stamp(x2 - radius, y2 - radius, stamps[3], color)

    def shadow(self, box: Box, reach: int, depth: float, radius: int = 0) -> None:
        """Darken the surroundings of a box, by `depth` (0 to 1) at its edge, fading to none `reach` points away.

        The shadow continues under the round corners, of `radius` points, of the shape drawn over the box.
        """
        height, width = self.words.shape
        x1, y1, x2, y2 = times(box, self.scale)
        reach, radius = reach * self.scale, radius * self.scale
        left, top = max(0, x1 - reach), max(0, y1 - reach)
        right, bottom = min(width, x2 + reach), min(height, y2 + reach)
        # One value per byte instead of per pixel, so that the product runs along whole rows.
        across = np.repeat(_falloff(x1, x2, left, right, reach), 4)
        rows = self.bytes.reshape(height, 4 * width)
        down = _falloff(y1, y2, top, bottom, reach) * np.float32(256 * depth)
        x1, y1, x2, y2 = x1 + radius, y1 + radius, x2 - radius, y2 - radius
        for a, b, c, d in ((left, top, right, y1), (left, y2, right, bottom), (left, y1, x1, y2), (x2, y1, right, y2)):
            if c > a and d > b:
                light = 256 - (down[b - top : d - top, None] * across[None, 4 * (a - left) : 4 * (c - left)]).astype(
                    np.uint16
                )
                region = rows[b:d, 4 * a : 4 * c]
                region[:] = (region * light) >> 8


def _falloff(low: int, high: int, start: int, end: int, reach: int) -> NDArray[np.float32]:
    """Return 1 from `low` to `high`, falling to 0 at `reach` pixels outside, for the pixels `start` to `end`."""
    x = np.arange(start, end, dtype=np.float32) + np.float32(0.5)
    away = np.maximum(np.maximum(low - x, x - high), 0) / np.float32(reach)
    left: NDArray[np.float32] = np.square(1 - np.minimum(away, np.float32(1)))
    return left
