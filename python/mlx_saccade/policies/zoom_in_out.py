"""Zoom in and out: a region that shrinks around the places found in it, and grows again where none is found.

The source is stage 1 of MEGA-GUI (arXiv 2511.13087) with its code (github.com/samsungsds-research-papers/mega-gui),
whose values are the defaults: steps of 10 % of the longer side, 5 times outward at most, 1,000 pixels of the source at
the end, and three places within 50 pixels that end it earlier.

1. The region is the whole image at first. Each look is at the region.
2. With a place: the end of the longer side that is farther from it is cut by a step.
3. Without a place: the region grows by half a step at every edge, as often as is allowed; after that it shrinks so.
4. It ends when no side is above 1,000 pixels, or the last three places are within 50 pixels of the last one. Then
   1,000 x 1,000 pixels around the last place are looked at once more.

Published runs take 10 to 25 looks, one after another. Stage 2 there rewrites the description with another model, and is
left out.

Four things are this package's. The region stays inside the image. The published one grows into black where the whole
image gives no place, until it may grow no more; here it shrinks at once, and may not grow later. A cut that would cut
into the last box ends the narrowing, and the last region grows to hold it, since the rule is for models that point. A
region is looked at once. The looks are limited.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlx_saccade import validation
from mlx_saccade.policies.candidates import Candidate
from mlx_saccade.policies.parameters import check_range
from mlx_saccade.policies.rounds import Looks, follow
from mlx_saccade.policies.tiles import centered, holding
from mlx_saccade.policies.trail import Crop, Trail, whole

if TYPE_CHECKING:
    from mlx_saccade import media
    from mlx_saccade.engine import Answer, Engine

__all__ = ["zoom_in_out"]

_STEADY = 3  # places near each other that end the narrowing


@dataclass(frozen=True)
class _Rule:
    """The parameters of `zoom_in_out`."""

    max_looks: int
    step: float
    target: int
    zoom_outs: int
    near: float


def zoom_in_out(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    /,
    *,
    max_looks: int = 25,
    step: float = 0.1,
    target: int = 1000,
    zoom_outs: int = 5,
    near: float = 50.0,
    **options: Any,
) -> list[Answer]:
    """Locate each description in a region that shrinks and grows by what the looks find, then in what is left of it.

    Args:
        engine: loaded engine.
        frame: whole image.
        descriptions: of the targets. Looks of all of them run together, those of one after another.
        max_looks: maximum looks for each description; the last one is kept for the end, and 1 is the flat look.
        step: share of the longer side by which the region changes, above 0 and at most 0.5.
        target: side in pixels of the image of the last region.
        zoom_outs: how often the region may grow.
        near: distance in pixels of the image within which three places end the narrowing.
        options: other arguments of `Engine.look`.

    Returns:
        Answers with the boxes of the last look that has one; without a box if no look has one.

    Raises:
        InputError: as `Engine.look`, or a parameter is outside its range.
    """
    rule = _Rule(
        validation.at_least(1, max_looks, "policy zoom-in-out: max_looks"),
        step,
        validation.at_least(1, target, "policy zoom-in-out: target"),
        validation.at_least(0, zoom_outs, "policy zoom-in-out: zoom_outs"),
        near,
    )
    check_range("policy zoom-in-out: step", step, 0, 0.5, above=True)
    check_range("policy zoom-in-out: near", near, 0)
    ways = [_narrow(Trail(words, frame.source_size), rule) for words in descriptions]
    return follow(engine, frame, descriptions, ways, options)


def _narrow(trail: Trail, rule: _Rule) -> Looks[Answer]:
    region, outward = whole(trail.size), rule.zoom_outs
    places: list[Candidate] = []
    while True:
        (place,) = yield from trail.look([region])
        places += [] if place is None else [place]
        if len(trail.looks) >= rule.max_looks - 1 or _is_done(region, places, rule):
            break
        following, outward = _next(region, place, trail.size, rule.step, outward)
        if following in (region, *(look.crop for look in trail.looks)):
            break
        region = following
    return (yield from _finish(trail, places, rule))


def _finish(trail: Trail, places: Sequence[Candidate], rule: _Rule) -> Looks[Answer]:
    """Look at the last region, around the last place."""
    if not places:
        return trail.answer(None)
    last = places[-1]
    region = centered(last.box.center, trail.size, (rule.target, rule.target))
    region = holding(region, last.box.xyxy, trail.size)
    if len(trail.looks) < rule.max_looks and region != trail.looks[last.look].crop:
        return (yield from trail.look_closer(region, last))
    return trail.answer_of(last)


def _is_done(region: Crop, places: Sequence[Candidate], rule: _Rule) -> bool:
    """Return True if the region is small enough, or the last places are near each other."""
    if max(region[2] - region[0], region[3] - region[1]) <= rule.target:
        return True
    last = [place.box.center for place in places[-_STEADY:]]
    return len(last) == _STEADY and all(math.dist(center, last[-1]) <= rule.near for center in last)


def _next(region: Crop, place: Candidate | None, size: tuple[int, int], share: float, outward: int) -> tuple[Crop, int]:
    """Return the next region, and how often it may still grow; the same region if it must not change."""
    x1, y1, x2, y2 = region
    step = max(1, int(share * max(x2 - x1, y2 - y1)))
    if place is not None:
        return _cut_far_end(region, place, size, step), outward
    if outward and region != whole(size):
        return _spread(region, step // 2, size), outward - 1
    return _spread(region, -(step // 2), size), 0


def _cut_far_end(region: Crop, place: Candidate, size: tuple[int, int], step: int) -> Crop:
    edges = list(region)
    axis = 0 if edges[2] - edges[0] > edges[3] - edges[1] else 1
    start, middle, stop = edges[axis], place.box.center[axis], edges[axis + 2]
    if middle - start > stop - middle:
        edges[axis] += step
    else:
        edges[axis + 2] -= step
    smaller = (edges[0], edges[1], edges[2], edges[3])
    return smaller if holding(smaller, place.box.xyxy, size) == smaller else region


def _spread(region: Crop, distance: int, size: tuple[int, int]) -> Crop:
    """Return a region with each edge moved outward, inside the image; a side that would vanish stays."""
    edges = list(region)
    for axis, side in enumerate(size):
        start, stop = edges[axis] - distance, edges[axis + 2] + distance
        if stop > start:
            edges[axis], edges[axis + 2] = max(0, start), min(side, stop)
    return (edges[0], edges[1], edges[2], edges[3])
