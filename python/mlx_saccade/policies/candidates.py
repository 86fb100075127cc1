"""Read the place that a look gave, with what speaks for and against it, and compare places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlx_saccade.grounding import Box

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer
    from mlx_saccade.engine.policy import Crop

__all__ = [
    "PARAPHRASE",
    "Candidate",
    "Edges",
    "agreement",
    "area",
    "candidate",
    "edges",
    "is_same_place",
    "shared_area",
]

PARAPHRASE = 0.5
"""A label with a larger share of the description's words, and one of its own, names a sibling; with less it may be
another word for the same."""

# From this overlap (intersection over union) on, two boxes are of one element. A box that was cut off is of the one
# that has this share of it.
_SAME, _PART = 0.3, 0.7
# Model pixels from the edge of a crop within which a box may be cut off, and around a point, which has no size.
_EDGE, _POINT = 2, 14
_EMPTY_WORDS = frozenset(["a", "an", "the"])

Edges = tuple[float, float, float, float]
"""(x1, y1, x2, y2) in pixels of the whole image."""


@dataclass(frozen=True)
class Candidate:
    """The place that a look gave.

    Attributes:
        look: number of the look.
        box: in pixels of the whole image; a point is a box without size.
        crop: part of the image that the model saw.
        agreement: share of the label's words that the description has; 1 without a label.
        is_cut: True if the box ends where the crop does, and the image goes on.
        side: shorter side of the box in model pixels; None for a point.
        scale: source pixels for a model pixel.
        confidence: as `Answer.confidence`; 1 where there is none.
    """

    look: int
    box: Box
    crop: Crop
    agreement: float
    is_cut: bool
    side: float | None
    scale: float
    confidence: float

    @property
    def agrees(self) -> bool:
        """False if the label says that it is something else."""
        return self.agreement == 1

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Order of candidates: the label, the edge, then the confidence."""
        return self.agrees, not self.is_cut, self.confidence


def candidate(answer: Answer, crop: Crop, size: tuple[int, int], description: str, look: int) -> Candidate | None:
    """Return the place of an answer; None without one.

    Args:
        answer: in pixels of the whole image.
        crop: part of the image that the model saw.
        size: (width, height) of the whole image.
        description: of the target.
        look: number of the look.
    """
    if answer.click is None:
        return None
    points = answer.points or (None,)
    label = "" if points[0] is None else points[0].label
    box = answer.boxes[0] if answer.boxes else Box((*answer.click, *answer.click), label)
    scale = max(answer.frames[0].scale)
    x1, y1, x2, y2 = box.xyxy
    return Candidate(
        look=look,
        box=box,
        crop=crop,
        agreement=agreement(description, box.label),
        is_cut=_is_cut(box, crop, size, _EDGE * scale),
        side=min(x2 - x1, y2 - y1) / scale if answer.boxes else None,
        scale=scale,
        confidence=1.0 if answer.confidence is None else answer.confidence,
    )


def agreement(description: str, label: str) -> float:
    """Return the share of a label's words that the description has, articles left out; 1 for a label without words."""
    known, given = (set(re.findall(r"\w+", text.lower())) - _EMPTY_WORDS for text in (description, label))
    return len(given & known) / len(given) if given else 1.0


def is_same_place(one: Candidate, before: Candidate) -> bool:
    """Return True if a look gave the place of an earlier one, or what that one had cut off."""
    a, b = edges(one), edges(before)
    common = shared_area(a, b)
    if common >= _SAME * (area(a) + area(b) - common) and common > 0:
        return True
    if before.is_cut and common >= _PART * area(b) and common > 0:
        return True
    centers = zip((one.box.center, before.box.center), (b, a), strict=True)
    return all(x1 <= x <= x2 and y1 <= y <= y2 for (x, y), (x1, y1, x2, y2) in centers)


def _is_cut(box: Box, crop: Crop, size: tuple[int, int], near: float) -> bool:
    x1, y1, x2, y2 = box.xyxy
    inside = x1 - crop[0], y1 - crop[1], crop[2] - x2, crop[3] - y2
    beyond = crop[0], crop[1], size[0] - crop[2], size[1] - crop[3]
    return any(distance <= near and rest > 0 for distance, rest in zip(inside, beyond, strict=True))


def edges(one: Candidate) -> Edges:
    """Return the edges of a box, and for a point those of a box around it."""
    x1, y1, x2, y2 = one.box.xyxy
    around = _POINT * one.scale if one.side is None else 0.0
    return x1 - around, y1 - around, x2 + around, y2 + around


def area(edges: Edges) -> float:
    """Return the area of a box; 0 if an edge is beyond the opposite one."""
    x1, y1, x2, y2 = edges
    return max(0.0, x2 - x1) * max(0.0, y2 - y1)


def shared_area(a: Edges, b: Edges) -> float:
    """Return the area that two boxes share."""
    return area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
