"""The screens of the evaluation and the questions on them, chosen without regard to the answers.

Each part counts its units from 0 and has its own range of seeds, apart from the other parts' and from training's (from
1,000,000). The first seeds of 0, 100,000, 300,000, 500,000, 510,000, 600,000 and 610,000 were used to compare
trainings, so published figures use others. Move the ranges again once these have been used that way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals.metrics import bin_of, share_of
from mlx_saccade.evals.packaged_range import MIN_SIDE, in_range
from mlx_saccade.scenes import Element, Scene, generate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlx_saccade.preprocess.plan import Plan

__all__ = [
    "BUDGETS",
    "LARGE_SHARE",
    "LAW_BUDGETS",
    "MIN_SIDE",
    "NOTHING",
    "SEEDS",
    "Target",
    "ambiguous_targets",
    "bare_box",
    "bare_point",
    "inner_point",
    "law_targets",
    "range_screen",
    "range_targets",
    "targets_to_point_at",
    "what_is_at",
    "what_is_in",
]

RANGE_SEED, LAW_SEED, AMBIGUOUS_SEED = 400_000, 550_000, 650_000
# By part. A unit's seed is its place in the range, so that no unit can take a seed of another part.
SEEDS = {
    "range": range(RANGE_SEED, 550_000),
    "law": range(LAW_SEED, 650_000),
    "ambiguity": range(AMBIGUOUS_SEED, 750_000),
}

SIZES = ((1920, 1080), (2560, 1440), (1440, 900), (1600, 1200), (1080, 1920), (2560, 1080), (3840, 2160))
# The first is the lowest at which every one of the sizes takes at least 64 tokens; at 64 they take 54 to 60.
BUDGETS = (76, 100, 144, 196, 256)
MIN_ELEMENTS = 20
LARGE_SHARE = 0.3
RANGE_TARGETS = 6

# Elements of a screen to point at, and the second seed of the random numbers that choose them.
POINT_TARGETS = 3
POINT_SEED = 2

LAW_SIZE = (3840, 2160)
LAW_BUDGETS = (64, 256, 1024, 4096)
TARGETS_PER_BIN = 8
# The largest ratio between the shares of an ambiguous target and its clean counterpart.
MAX_RATIO = 1.5

# Sides of a box on bare desktop, in model pixels, and how many random sizes to try before the smallest.
MIN_BARE, MAX_BARE = 28, 84
BARE_TRIES = 5

NOTHING = "[]"
"""The checkpoint's answer if nothing matches."""


@dataclass(frozen=True)
class Target:
    """An element, or all elements that an ambiguous description fits; `share` of the frame is the first one's."""

    description: str
    boxes: tuple[tuple[int, int, int, int], ...]
    share: float


def _target(element: Element, size: tuple[int, int]) -> Target:
    return Target(element.description, (element.box,), share_of(element, size))


# In range: screens and sizes as in training.


def range_screen(unit: int) -> tuple[Scene, int] | None:
    """Return an in-range screen and its budget in tokens; None if the screen has too few elements."""
    scene = generate(SEEDS["range"][unit], SIZES[unit % len(SIZES)])
    return (scene, BUDGETS[unit % len(BUDGETS)]) if len(scene.elements) >= MIN_ELEMENTS else None


def range_targets(elements: Sequence[Element], plan: Plan, unit: int) -> list[Element]:
    """Return at most six elements of at least 28 model pixels both ways, at most 30 % of them large.

    A screen with large elements only gives one of them. Without it every second screen would be left out, and those
    differ from the others. Over all screens the large ones stay below 30 % (`LARGE_SHARE`; the summary has their
    share).
    """
    rng = np.random.RandomState(unit)
    large: list[Element] = []
    others: list[Element] = []
    for index in rng.permutation(len(elements)):
        element = elements[index]
        if in_range(element.box, plan):
            (large if bin_of(share_of(element, plan.source_size)) == "large" else others).append(element)
    others = others[:RANGE_TARGETS]
    if not others:
        return large[:1]
    return others + large[: min(math.floor(len(others) * LARGE_SHARE / (1 - LARGE_SHARE)), RANGE_TARGETS - len(others))]


def targets_to_point_at(elements: Sequence[Element], unit: int) -> list[Element]:
    """Return up to three of the elements of `range_targets`, drawn at random because the large ones come last there."""
    order = np.random.RandomState([unit, POINT_SEED]).permutation(len(elements))
    return [elements[index] for index in order[:POINT_TARGETS]]


def inner_point(scene: Scene, element: Element, plan: Plan, rng: np.random.RandomState) -> tuple[int, int] | None:
    """Return a whole model pixel in the inner four fifths where `element` is on top; None if twenty tries fail."""
    x1, y1, x2, y2 = element.box
    for _ in range(20):
        across, down = rng.uniform(0.1, 0.9, 2)
        point = plan.to_model((x1 + across * (x2 - x1), y1 + down * (y2 - y1)))
        x, y = round(point[0]), round(point[1])
        if scene.at(x * plan.scale[0], y * plan.scale[1]) is element:
            return x, y
    return None


def bare_point(scene: Scene, plan: Plan, rng: np.random.RandomState) -> tuple[int, int] | None:
    """Return a model pixel on bare desktop; None if elements cover the screen."""
    width, height = plan.resized_size
    across, down = np.arange(width) * plan.scale[0], np.arange(height) * plan.scale[1]
    bare = np.ones((height, width), bool)
    for element in scene.elements:
        x1, y1, x2, y2 = element.box
        bare[np.ix_((down >= y1) & (down < y2), (across >= x1) & (across < x2))] = False
    return _draw_pixel(bare, rng)


def bare_box(scene: Scene, plan: Plan, rng: np.random.RandomState) -> tuple[int, int, int, int] | None:
    """Return a box of 28 to 84 model pixels both ways that overlaps no element; None if there is no room for one."""
    width, height = plan.resized_size
    covered = np.zeros((height + 1, width + 1), np.int64)
    for element in scene.elements:
        x1, y1, x2, y2 = plan.to_model(element.box)
        covered[math.floor(y1) + 1 : math.ceil(y2) + 1, math.floor(x1) + 1 : math.ceil(x2) + 1] = 1
    sums = covered.cumsum(0).cumsum(1)
    for w, h in [*rng.randint(MIN_BARE, MAX_BARE + 1, (BARE_TRIES, 2)), (MIN_BARE, MIN_BARE)]:
        corner = _draw_pixel(sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w] == 0, rng)
        if corner is not None:
            return *corner, corner[0] + int(w), corner[1] + int(h)
    return None


def _draw_pixel(mask: NDArray[np.bool_], rng: np.random.RandomState) -> tuple[int, int] | None:
    """Return (x, y) of a random true pixel."""
    indices = np.flatnonzero(mask)
    if not len(indices):
        return None
    y, x = divmod(int(indices[rng.randint(len(indices))]), mask.shape[1])
    return x, y


# The law of budgets, and ambiguity: 4K screens.


def law_targets(unit: int) -> tuple[Scene, list[Target]]:
    """Return a 4K screen and up to eight elements of each size bin."""
    scene = generate(SEEDS["law"][unit], LAW_SIZE)
    rng = np.random.RandomState(unit)
    bins: dict[str, list[Target]] = {}
    for index in rng.permutation(len(scene.elements)):
        target = _target(scene.elements[index], scene.size)
        targets = bins.setdefault(bin_of(target.share), [])
        if len(targets) < TARGETS_PER_BIN:
            targets.append(target)
    return scene, [target for targets in bins.values() for target in targets]


def ambiguous_targets(unit: int) -> tuple[Scene, list[Target], list[Target]]:
    """Return a 4K screen, up to eight ambiguous targets, and a clean counterpart of each.

    A counterpart has the same kind and a share within a factor of 1.5. Targets without one are left out, so both lists
    have the same length, which may be 0.
    """
    scene = generate(SEEDS["ambiguity"][unit], LAW_SIZE, ambiguous=True)
    candidates: dict[str, list[Target]] = {}
    for element in scene.elements:
        if not element.relation:
            candidates.setdefault(element.kind, []).append(_target(element, scene.size))
    ambiguous: list[Target] = []
    clean: list[Target] = []
    for index in np.random.RandomState(unit).permutation(len(scene.ambiguous)):
        pair = scene.ambiguous[index]
        first = scene.elements[pair.elements[0]]
        target = Target(pair.description, pair.boxes, share_of(first, scene.size))
        match = min(candidates.get(first.kind, []), key=lambda other: _ratio(other, target), default=None)
        if match is not None and _ratio(match, target) <= MAX_RATIO and len(ambiguous) < TARGETS_PER_BIN:
            candidates[first.kind].remove(match)
            ambiguous.append(target)
            clean.append(match)
    return scene, ambiguous, clean


def _ratio(one: Target, other: Target) -> float:
    """Return how many times the smaller share the larger one is."""
    return max(one.share, other.share) / min(one.share, other.share)


# The wording of questions that the checkpoint was trained on beside `locate`.


def what_is_at(point: Sequence[float]) -> str:
    """Return the question for the description of the topmost element at a point.

    Args:
        point: (x, y) in pixels of the resized image; rounded.

    Raises:
        InputError: the point is not two finite numbers.
    """
    x, y = _rounded("point", point, "(x, y), two finite numbers", 2)
    return f"what is at ({x}, {y})?"


def what_is_in(box: Sequence[float]) -> str:
    """Return the question for the description of the element in a box.

    Args:
        box: (x1, y1, x2, y2) in pixels of the resized image; rounded.

    Raises:
        InputError: the box is not four finite numbers.
    """
    x1, y1, x2, y2 = _rounded("box", box, "(x1, y1, x2, y2), four finite numbers", 4)
    return f"what is in the box [{x1}, {y1}, {x2}, {y2}]?"


def _rounded(where: str, values: Sequence[float], expected: str, count: int) -> list[int]:
    try:
        valid = not isinstance(values, str) and len(values) == count and all(math.isfinite(value) for value in values)
    except (TypeError, OverflowError):
        valid = False
    if not valid:
        raise InputError(f"{where}: expected {expected}; got {brief(values)}. Give pixels of the resized image")
    return [round(value) for value in values]
