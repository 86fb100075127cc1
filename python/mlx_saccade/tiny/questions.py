"""The words that the packaged checkpoint was taught beside `locate`: what is at a point, and what is in a box."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlx_saccade.engine.request import locate
from mlx_saccade.errors import InputError, brief

__all__ = ["NOTHING", "locate", "what_is_at", "what_is_in"]

NOTHING = "[]"
"""What it says where nothing matches."""


def what_is_at(point: Sequence[float]) -> str:
    """Ask for the description of what is on top at (x, y), in pixels of the resized image; rounded to whole ones.

    Raises:
        InputError: no two finite numbers.
    """
    x, y = _rounded(point, 2, "a point is (x, y), two finite numbers")
    return f"what is at ({x}, {y})?"


def what_is_in(box: Sequence[float]) -> str:
    """Ask for the description of what (x1, y1, x2, y2) holds, in pixels of the resized image; rounded to whole ones.

    Raises:
        InputError: no four finite numbers.
    """
    x1, y1, x2, y2 = _rounded(box, 4, "a box is (x1, y1, x2, y2), four finite numbers")
    return f"what is in the box [{x1}, {y1}, {x2}, {y2}]?"


def _rounded(values: Sequence[float], count: int, wanted: str) -> list[int]:
    try:
        fits = not isinstance(values, str) and len(values) == count and all(math.isfinite(value) for value in values)
    except (TypeError, OverflowError):
        fits = False
    if not fits:
        raise InputError(f"{wanted}; got {brief(values)}")
    return [round(value) for value in values]
