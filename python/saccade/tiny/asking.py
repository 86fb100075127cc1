"""Which screens are drawn and what is asked on them, by rules that know nothing of the answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from saccade.scenes import Element, Scene, generate
from saccade.sweep import bin_of, share_of

if TYPE_CHECKING:
    from saccade.budget import Plan

__all__ = ["BUDGETS", "LAW_BUDGETS", "LAW_SEED", "Target", "alike", "in_range", "inner_point", "law_targets", "screen"]

# Training draws its screens from 1,000,000 upwards.
SIZES = ((1920, 1080), (2560, 1440), (1440, 900), (1600, 1200), (1080, 1920), (2560, 1080), (3840, 2160))
BUDGETS = (64, 100, 144, 196, 256)
LEAST_ELEMENTS = 20
LEAST_SIDE = 28.0
LARGE_SHARE = 0.3
PLACES = 6

LAW_SEED, AMBIGUOUS_SEED = 500_000, 600_000
LAW_SIZE = (3840, 2160)
LAW_BUDGETS = (64, 256, 1024, 4096)
A_BIN = 8


@dataclass(frozen=True)
class Target:
    """An element, or several that a description fits: `share` of the frame is that of the first."""

    description: str
    boxes: tuple[tuple[int, int, int, int], ...]
    share: float


def screen(seed: int) -> tuple[Scene, int] | None:
    """A screen of the in-range part and its budget in tokens; None where it has too few elements."""
    scene = generate(seed, SIZES[seed % len(SIZES)])
    return (scene, BUDGETS[seed % len(BUDGETS)]) if len(scene.elements) >= LEAST_ELEMENTS else None


def _target(element: Element, size: tuple[int, int]) -> Target:
    return Target(element.description, (element.box,), share_of(element, size))


def in_range(scene: Scene, plan: Plan, seed: int) -> list[Element]:
    """Elements of at least 28 model pixels both ways, at most six, at most 30 % of them large."""
    rng = np.random.RandomState(seed)
    chosen: dict[bool, list[Element]] = {True: [], False: []}
    for index in rng.permutation(len(scene.elements)):
        element = scene.elements[index]
        x1, y1, x2, y2 = element.box
        if min((x2 - x1) / plan.scale[0], (y2 - y1) / plan.scale[1]) >= LEAST_SIDE:
            chosen[bin_of(share_of(element, scene.size)) == "large"].append(element)
    others = chosen[False][:PLACES]
    large = min(math.floor(len(others) * LARGE_SHARE / (1 - LARGE_SHARE)), PLACES - len(others))
    return others + chosen[True][: max(large, 0)]


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
    scene = generate(LAW_SEED + unit, LAW_SIZE)
    rng = np.random.RandomState(unit)
    chosen: dict[str, list[Target]] = {}
    for index in rng.permutation(len(scene.elements)):
        target = _target(scene.elements[index], scene.size)
        some = chosen.setdefault(bin_of(target.share), [])
        if len(some) < A_BIN:
            some.append(target)
    return scene, [target for some in chosen.values() for target in some]


def alike(unit: int) -> tuple[Scene, list[Target], list[Target]]:
    """A 4K screen with ambiguous descriptions, up to eight of them, and as many clean ones of the nearest sizes."""
    scene = generate(AMBIGUOUS_SEED + unit, LAW_SIZE, ambiguous=True)
    clean = [_target(element, scene.size) for element in scene.elements if not element.relation]
    pairs = [scene.ambiguous[i] for i in np.random.RandomState(unit).permutation(len(scene.ambiguous))[:A_BIN]]
    doubled, single = [], []
    for pair in pairs:
        share = share_of(scene.elements[pair.elements[0]], scene.size)
        doubled.append(Target(pair.description, pair.boxes, share))
        if clean:
            single.append(clean.pop(_nearest(clean, share)))
    return scene, doubled, single


def _nearest(targets: Sequence[Target], share: float) -> int:
    return min(range(len(targets)), key=lambda i: abs(math.log(targets[i].share / share)))
