"""Which screens are drawn and what is asked on them, by rules that know nothing of the answers.

Each part counts its units from 0 and has a range of seeds to itself, beside those of the others and of training (from
1,000,000). Seeds that trainings were compared on have become development screens: the first of 0, 100,000, 300,000,
500,000, 510,000, 600,000 and 610,000 were, so published figures stand on others. They move again when these have served
that way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlx_saccade.evals import bin_of, share_of
from mlx_saccade.scenes import Element, Scene, generate

if TYPE_CHECKING:
    from mlx_saccade.preprocess.plan import Plan

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlx_saccade.preprocess.plan import Plan

from mlx_saccade.engine.request import locate
from mlx_saccade.errors import InputError, brief

__all__ = [
    "BUDGETS",
    "LARGE_SHARE",
    "LAW_BUDGETS",
    "LEAST_SIDE",
    "NOTHING",
    "SEEDS",
    "Target",
    "alike",
    "box",
    "in_range",
    "inner_point",
    "law_targets",
    "locate",
    "point",
    "pointed",
    "screen",
    "what_is_at",
    "what_is_in",
]

RANGE_SEED, LAW_SEED, AMBIGUOUS_SEED = 400_000, 550_000, 650_000
# By part; the seed of a unit is taken by its place, so that no unit lies in another part's range.
SEEDS = {
    "range": range(RANGE_SEED, 550_000),
    "law": range(LAW_SEED, 650_000),
    "ambiguity": range(AMBIGUOUS_SEED, 750_000),
}

SIZES = ((1920, 1080), (2560, 1440), (1440, 900), (1600, 1200), (1080, 1920), (2560, 1080), (3840, 2160))
# The lowest is the lowest at which each of the sizes spends 64 tokens and more; at 64 they spend 54 to 60.
BUDGETS = (76, 100, 144, 196, 256)
LEAST_ELEMENTS = 20
LEAST_SIDE = 28.0
LARGE_SHARE = 0.3
PLACES = 6

# Elements of a screen that are pointed at, and what sets their lot apart from others of the screen.
POINTED = 3
POINTED_LOT = 2

LAW_SIZE = (3840, 2160)
LAW_BUDGETS = (64, 256, 1024, 4096)
A_BIN = 8
# How many times larger one of two alike may be.
ALIKE = 1.5


@dataclass(frozen=True)
class Target:
    """An element, or several that a description fits: `share` of the frame is that of the first."""

    description: str
    boxes: tuple[tuple[int, int, int, int], ...]
    share: float


def screen(unit: int) -> tuple[Scene, int] | None:
    """A screen of the in-range part and its budget in tokens; None where it has too few elements."""
    scene = generate(SEEDS["range"][unit], SIZES[unit % len(SIZES)])
    return (scene, BUDGETS[unit % len(BUDGETS)]) if len(scene.elements) >= LEAST_ELEMENTS else None


def _target(element: Element, size: tuple[int, int]) -> Target:
    return Target(element.description, (element.box,), share_of(element, size))


def in_range(elements: Sequence[Element], plan: Plan, unit: int) -> list[Element]:
    """At most six elements of at least 28 model pixels both ways, at most 30 % of them large.

    A screen with large ones alone gives one of them: with none, every second screen would be left out, and those are
    not like the others. Over all screens the large ones stay under 30 % (`LARGE_SHARE`; the summary tells their share).
    """
    rng = np.random.RandomState(unit)
    chosen: dict[bool, list[Element]] = {True: [], False: []}
    for index in rng.permutation(len(elements)):
        element = elements[index]
        x1, y1, x2, y2 = element.box
        if min((x2 - x1) / plan.scale[0], (y2 - y1) / plan.scale[1]) >= LEAST_SIDE:
            chosen[bin_of(share_of(element, plan.source_size)) == "large"].append(element)
    others = chosen[False][:PLACES]
    large = min(math.floor(len(others) * LARGE_SHARE / (1 - LARGE_SHARE)), PLACES - len(others)) if others else 1
    return others + chosen[True][:large]


def pointed(elements: Sequence[Element], unit: int) -> list[Element]:
    """Up to three of the elements that `in_range` chose, by lot: its order has the large ones last."""
    order = np.random.RandomState([unit, POINTED_LOT]).permutation(len(elements))
    return [elements[index] for index in order[:POINTED]]


def inner_point(scene: Scene, element: Element, plan: Plan, rng: np.random.RandomState) -> tuple[int, int] | None:
    """A whole model pixel where `element` lies on top, drawn from the inner four fifths; None where none is found."""
    x1, y1, x2, y2 = element.box
    for _ in range(20):
        across, down = rng.uniform(0.1, 0.9, 2)
        point = plan.to_model((x1 + across * (x2 - x1), y1 + down * (y2 - y1)))
        x, y = round(point[0]), round(point[1])
        if scene.at(x * plan.scale[0], y * plan.scale[1]) is element:
            return x, y
    return None


def law_targets(unit: int) -> tuple[Scene, list[Target]]:
    """A 4K screen and up to eight elements of each size class."""
    scene = generate(SEEDS["law"][unit], LAW_SIZE)
    rng = np.random.RandomState(unit)
    chosen: dict[str, list[Target]] = {}
    for index in rng.permutation(len(scene.elements)):
        target = _target(scene.elements[index], scene.size)
        some = chosen.setdefault(bin_of(target.share), [])
        if len(some) < A_BIN:
            some.append(target)
    return scene, [target for some in chosen.values() for target in some]


def alike(unit: int) -> tuple[Scene, list[Target], list[Target]]:
    """A 4K screen, up to eight of its ambiguous descriptions, and for each a clean one of like kind and size.

    Descriptions without a clean element of the same kind and of a share within a factor of 1.5 are left out, so that
    the two lists are of one length, perhaps 0.
    """
    scene = generate(SEEDS["ambiguity"][unit], LAW_SIZE, ambiguous=True)
    clean: dict[str, list[Target]] = {}
    for element in scene.elements:
        if not element.relation:
            clean.setdefault(element.kind, []).append(_target(element, scene.size))
    doubled: list[Target] = []
    single: list[Target] = []
    for index in np.random.RandomState(unit).permutation(len(scene.ambiguous)):
        pair = scene.ambiguous[index]
        first = scene.elements[pair.elements[0]]
        target = Target(pair.description, pair.boxes, share_of(first, scene.size))
        match = min(clean.get(first.kind, []), key=lambda other: _apart(other, target), default=None)
        if match is not None and _apart(match, target) <= ALIKE and len(doubled) < A_BIN:
            clean[first.kind].remove(match)
            doubled.append(target)
            single.append(match)
    return scene, doubled, single


def _apart(one: Target, other: Target) -> float:
    """How many times the larger is as large as the smaller."""
    return max(one.share, other.share) / min(one.share, other.share)


# Where a screen shows bare desktop: a point and a box, in whole model pixels, of which nothing is to be said.
LEAST_BARE, MOST_BARE = 28, 84
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
    for w, h in [*rng.randint(LEAST_BARE, MOST_BARE + 1, (SHAPES, 2)), (LEAST_BARE, LEAST_BARE)]:
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


# The words that the packaged checkpoint was taught beside `locate`: what is at a point, and what is in a box.
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
