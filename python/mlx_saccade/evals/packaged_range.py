"""The range of the packaged checkpoint: which elements of a screen it sees at its own budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from mlx_saccade.preprocess.plan import Plan, plan

__all__ = ["BUDGET", "MIN_SIDE", "in_range", "plan_of", "smallest_in_range"]

BUDGET: Final = 256
"""Visual tokens of an image under the packaged checkpoint's own limit, which applies without a budget."""
MIN_SIDE: Final = 28.0
"""Least width and height in model pixels of an element that its training and its model card count as visible."""


def plan_of(size: tuple[int, int]) -> Plan:
    """Return the plan of a screen of `size` (width, height) at the packaged checkpoint's budget."""
    return plan(size, budget=BUDGET)


def in_range(box: Sequence[float], screen: Plan) -> bool:
    """Return True if a box (x1, y1, x2, y2) in source pixels has at least 28 model pixels both ways."""
    x1, y1, x2, y2 = box
    return min((x2 - x1) / screen.scale[0], (y2 - y1) / screen.scale[1]) >= MIN_SIDE


def smallest_in_range(size: tuple[int, int], scale: int = 1) -> int:
    """Return the least side in pixels with which elements are in range, as `scenes.generate` takes it.

    On a screen so narrow that this is over a quarter of its short side, it is that quarter; some are then out of range.

    Args:
        size: (width, height) of the screen in pixels.
        scale: pixels per point, 1 (default) or 2; the result is a multiple of it.
    """
    points = math.ceil(MIN_SIDE * max(plan_of(size).scale) / scale)
    return scale * min(max(points, 4), min(size) // 4 // scale)
