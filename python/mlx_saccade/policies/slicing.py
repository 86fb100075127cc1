"""Slicing: the whole image and overlapping slices of a fixed size in one batch, with boxes merged where they overlap.

The source is SAHI (arXiv 2202.06934, github.com/obss/sahi), whose values are the defaults: slices of 512 x 512 pixels
of the source that overlap by a fifth, the last of a row or column shifted inside, a pass over the whole image, and
boxes merged greedily (GREEDYNMM) from a shared area of half of the smaller one (IOS).

SAHI is for detectors, which give all objects with scores and categories. Chosen here: the score is `Answer.confidence`.
A label with words that the description lacks is another category, which comes after the description's own. The surest
group of boxes is the answer, with the box around all of them.

A 3840 x 2160 screen takes 61 looks, a 5120 x 2880 one 92. `max_looks` makes the slices larger until they fit it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlx_saccade import validation
from mlx_saccade.grounding import Box
from mlx_saccade.policies.candidates import Candidate, Edges, area, edges, shared_area
from mlx_saccade.policies.parameters import check_range
from mlx_saccade.policies.rounds import Looks, follow
from mlx_saccade.policies.tiles import slices
from mlx_saccade.policies.trail import Crop, Trail, whole

if TYPE_CHECKING:
    from mlx_saccade import media
    from mlx_saccade.engine import Answer, Engine

__all__ = ["slicing"]

_GROWTH = 1.1  # of the side of slices that are too many


def slicing(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    /,
    *,
    max_looks: int = 100,
    side: int = 512,
    overlap: float = 0.2,
    ios: float = 0.5,
    **options: Any,
) -> list[Answer]:
    """Locate each description in the whole image and in all slices, and merge the boxes that overlap.

    Args:
        engine: loaded engine.
        frame: whole image.
        descriptions: of the targets. Each slice is encoded once for all of them.
        max_looks: maximum looks for each description; slices grow until they fit, and 1 is the flat look.
        side: of a slice in pixels of the image.
        overlap: share of a slice's side that its neighbor covers too, from 0 to 0.9.
        ios: share of the smaller box from which two boxes are merged, above 0 and at most 1.
        options: other arguments of `Engine.look`.

    Returns:
        Answers with the merged box, or for points the surest one; without a box if no look has one.

    Raises:
        InputError: as `Engine.look`, or a parameter is outside its range.
    """
    validation.at_least(1, max_looks, "policy slicing: max_looks")
    validation.at_least(1, side, "policy slicing: side")
    check_range("policy slicing: overlap", overlap, 0, 0.9)
    check_range("policy slicing: ios", ios, 0, 1, above=True)
    size = frame.source_size
    crops = _crops(size, max_looks, side, overlap)
    ways = [_merge(Trail(words, size), crops, ios) for words in descriptions]
    return follow(engine, frame, descriptions, ways, options)


def _crops(size: tuple[int, int], max_looks: int, side: int, overlap: float) -> list[Crop]:
    """Return the whole image and its slices, at most `max_looks`."""
    around = whole(size)
    while max_looks > 1 and side < max(size):
        if _count(size, side, overlap) < max_looks:
            return [around, *(crop for crop in slices(size, side, overlap) if crop != around)]
        side = max(side + 1, int(side * _GROWTH))
    return [around]


def _count(size: tuple[int, int], side: int, overlap: float) -> int:
    step = max(1, side - int(overlap * side))
    columns, rows = (1 + -(-max(0, length - side) // step) for length in size)
    return columns * rows


def _merge(trail: Trail, crops: Sequence[Crop], ios: float) -> Looks[Answer]:
    places = [place for place in (yield from trail.look(crops)) if place is not None]
    if not places:
        return trail.answer(None)
    groups = _groups(sorted(places, key=lambda one: (one.agrees, one.confidence), reverse=True), ios)
    best, *others = groups[0]
    trail.judge(best.look, f"{trail.looks[best.look].verdict}, the surest of {len(groups)} places")
    for one in others:
        trail.judge(one.look, f"merged with that of look {best.look + 1}")
    for group in groups[1:]:
        for one in group:
            trail.judge(one.look, "another place" if one.agrees else f"labeled {one.box.label!r}")
    answer = trail.answer_of(best)
    merged = Box(_around([one.box.xyxy for one in groups[0]]), best.box.label)
    return replace(answer, boxes=(merged, *answer.boxes[1:])) if answer.boxes else answer


def _groups(places: Sequence[Candidate], ios: float) -> list[list[Candidate]]:
    """Return groups of places that overlap, from places with the surest first; the first place leads its group."""
    groups: list[list[Candidate]] = []
    rest = list(places)
    while rest:
        group = [rest.pop(0)]
        while (one := next((one for one in rest if _joins(one, group, ios)), None)) is not None:
            rest.remove(one)
            group.append(one)
        groups.append(group)
    return groups


def _joins(one: Candidate, group: Sequence[Candidate], ios: float) -> bool:
    """Return True if a place is of the group's category and overlaps the box around it."""
    around, own = _around([edges(other) for other in group]), edges(one)
    smaller = min(area(around), area(own))
    return one.agrees == group[0].agrees and smaller > 0 and shared_area(around, own) >= ios * smaller


def _around(boxes: Sequence[Edges]) -> Edges:
    x1, y1, x2, y2 = zip(*boxes, strict=True)
    return min(x1), min(y1), max(x2), max(y2)
