"""Where a screen shows bare desktop: a point and a box, in whole model pixels, of which nothing is to be said."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mlx_saccade.scenes import Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlx_saccade.budget import Plan

__all__ = ["LEAST_SIDE", "MOST_SIDE", "box", "point"]

LEAST_SIDE, MOST_SIDE = 28, 84
# Shapes that are drawn before the smallest is taken; each lies anywhere that it fits.
SHAPES = 5


def point(scene: Scene, plan: Plan, rng: np.random.RandomState) -> tuple[int, int] | None:
    """A model pixel of which `Scene.at` knows nothing; None where elements cover the screen."""
    width, height = plan.resized_size
    across, down = np.arange(width) * plan.scale[0], np.arange(height) * plan.scale[1]
    bare = np.ones((height, width), bool)
    for element in scene.elements:
        x1, y1, x2, y2 = element.box
        bare[np.ix_((down >= y1) & (down < y2), (across >= x1) & (across < x2))] = False
    return _one_of(bare, rng)


def box(scene: Scene, plan: Plan, rng: np.random.RandomState) -> tuple[int, int, int, int] | None:
    """A box of 28 to 84 model pixels both ways that overlaps no element; None where there is no room for one."""
    width, height = plan.resized_size
    taken = np.zeros((height + 1, width + 1), np.int64)
    for element in scene.elements:
        x1, y1, x2, y2 = plan.to_model(element.box)
        taken[math.floor(y1) + 1 : math.ceil(y2) + 1, math.floor(x1) + 1 : math.ceil(x2) + 1] = 1
    sums = taken.cumsum(0).cumsum(1)
    for w, h in [*rng.randint(LEAST_SIDE, MOST_SIDE + 1, (SHAPES, 2)), (LEAST_SIDE, LEAST_SIDE)]:
        corner = _one_of(sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w] == 0, rng)
        if corner is not None:
            return *corner, corner[0] + int(w), corner[1] + int(h)
    return None


def _one_of(fits: NDArray[np.bool_], rng: np.random.RandomState) -> tuple[int, int] | None:
    """(x, y) of one that is true."""
    found = np.flatnonzero(fits)
    if not len(found):
        return None
    y, x = divmod(int(found[rng.randint(len(found))]), fits.shape[1])
    return x, y
