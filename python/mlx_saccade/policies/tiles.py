"""Cut an image into overlapping tiles, and choose how many."""

from __future__ import annotations

import math

from mlx_saccade.engine.policy import Crop
from mlx_saccade.policies.candidates import Edges

__all__ = ["centered", "choose_grid", "cut", "holding", "not_too_long", "slices", "tile_size"]

MAX_TILES = 256
"""Most tiles of a grid."""

LEAST_GAIN = 1.3
"""Tiles are worth their looks from this many times fewer source pixels for each pixel that the model sees."""
_LONGEST = 10  # times its other side, that a crop may have of any image
_SHAPE = 4 / 3  # most that a side of the best tile is longer than the other
# Of the shape of a tile and of one more tile, against the logarithm of the scale.
_SHAPE_WEIGHT, _TILE_WEIGHT = 0.25, 0.03


def centered(center: tuple[float, float], size: tuple[int, int], lengths: tuple[int, int]) -> Crop:
    """Return a crop around a point, shifted inside where it would cross the border.

    Args:
        center: (x, y) in pixels; a point outside the image counts as the nearest one inside.
        size: (width, height) of the image in pixels.
        lengths: (width, height) of the crop, as far as the image has as many; at least 1.
    """
    edges = []
    for point, side, length in zip(center, size, lengths, strict=True):
        length = min(side, length)
        start = min(max(0, round(point - length / 2)), side - length)
        edges.append((start, start + length))
    (x1, x2), (y1, y2) = edges
    return x1, y1, x2, y2


def holding(crop: Crop, box: Edges, size: tuple[int, int]) -> Crop:
    """Return a crop, grown where it would cut a box off.

    Args:
        crop: inside the image.
        box: (x1, y1, x2, y2) in pixels; parts outside the image do not count.
        size: (width, height) of the image in pixels.
    """
    x1, y1 = (max(0, min(start, math.floor(edge))) for start, edge in zip(crop[:2], box[:2], strict=True))
    x2, y2 = (min(side, max(stop, math.ceil(edge))) for stop, edge, side in zip(crop[2:], box[2:], size, strict=True))
    return x1, y1, x2, y2


def not_too_long(crop: Crop, size: tuple[int, int]) -> Crop:
    """Return a crop, wider or higher where it is a strip: the model reads no sides that differ too much.

    Args:
        crop: inside the image.
        size: (width, height) of the image in pixels. A strip is no longer for its width than the image, or than 10.
    """
    most = max(size[0] / size[1], size[1] / size[0], _LONGEST)
    sides = crop[2] - crop[0], crop[3] - crop[1]
    lengths = [max(side, math.ceil(max(sides) / most)) for side in sides]
    if tuple(lengths) == sides:
        return crop
    return centered(((crop[0] + crop[2]) / 2, (crop[1] + crop[3]) / 2), size, (lengths[0], lengths[1]))


def slices(size: tuple[int, int], side: int, overlap: float) -> list[Crop]:
    """Return slices of a fixed size, row by row; the last of a row or column is shifted inside (the rule of SAHI).

    Args:
        size: (width, height) of the image in pixels.
        side: of a slice in pixels, at least 1; a shorter image has shorter slices.
        overlap: share of a slice's side that its neighbor covers too, from 0 and below 1.
    """
    step = max(1, side - int(overlap * side))

    def starts(length: int) -> list[int]:
        last = max(0, length - side)
        return [*range(0, last, step), last]

    width, height = (min(side, length) for length in size)
    return [(left, top, left + width, top + height) for top in starts(size[1]) for left in starts(size[0])]


def tile_size(size: tuple[int, int], grid: tuple[int, int], overlap: float) -> tuple[int, int]:
    """Return (width, height) of the tiles of a grid, in pixels.

    Args:
        size: (width, height) of the image in pixels.
        grid: (columns, rows) of tiles.
        overlap: share of a tile's side that its neighbor covers too, from 0 and below 1.
    """
    width, height = (
        min(side, math.ceil(side / (count - (count - 1) * overlap))) for side, count in zip(size, grid, strict=True)
    )
    return width, height


def cut(size: tuple[int, int], grid: tuple[int, int], overlap: float) -> list[Crop]:
    """Return the tiles of a grid, row by row, equally large and evenly spread; arguments as `tile_size`."""
    tile = tile_size(size, grid, overlap)
    lefts, tops = (
        [round(place * (side - length) / max(1, count - 1)) for place in range(count)]
        for side, length, count in zip(size, tile, grid, strict=True)
    )
    return [(left, top, left + tile[0], top + tile[1]) for top in tops for left in lefts]


def choose_grid(size: tuple[int, int], most: int, visible_pixels: int, overlap: float) -> tuple[int, int]:
    """Return the grid (columns, rows) whose tiles the model sees at the finest scale.

    A model sees as many pixels of a tile as its budget has, and no more than the tile has. So a tile need not be
    smaller than the budget. Tiles that are nearly square are preferred, and fewer of them where both are equal.

    Args:
        size: (width, height) of the image in pixels.
        most: maximum tiles, at least 1.
        visible_pixels: pixels that the model sees of an image that is large enough.
        overlap: as `tile_size`.

    Returns:
        (1, 1) if no grid is finer than the whole image.
    """
    shape = min(max(size[0] / size[1], 1 / _SHAPE), _SHAPE)

    def scale(grid: tuple[int, int]) -> float:
        width, height = tile_size(size, grid, overlap)
        return max(width * height / visible_pixels, 1.0)

    def cost(grid: tuple[int, int]) -> float:
        width, height = tile_size(size, grid, overlap)
        bent = abs(math.log(width / height / shape))
        return math.log(scale(grid)) + _SHAPE_WEIGHT * bent + _TILE_WEIGHT * grid[0] * grid[1]

    most = min(most, MAX_TILES)
    grids = [(columns, rows) for columns in range(1, most + 1) for rows in range(1, most // columns + 1)]
    best = min(grids, key=cost)
    return best if scale((1, 1)) >= LEAST_GAIN * scale(best) else (1, 1)
