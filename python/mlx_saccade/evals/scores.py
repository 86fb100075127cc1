"""The score of a row: how near its answer is to the target, and how large the model saw the target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mlx_saccade.evals.metrics import iou
from mlx_saccade.evals.rows import Reply, Row
from mlx_saccade.evals.targets import Edges
from mlx_saccade.grounding import center_inside

__all__ = ["Outcome", "Score", "score"]

Outcome = Literal["place", "rejected", "no answer", "failed"]
"""An answer with a box or point; one whose every place was rejected; one without a place; an error."""
XY = tuple[float, float]


@dataclass(frozen=True)
class Score:
    """The figures of one row.

    Attributes:
        outcome: which of the four kinds of reply it is; each row is of one kind.
        iou: intersection over union, 0 to 1, of the first box with the expected one that fits best. 0 for an answer
            without a place; None for points alone, and for a row that failed.
        is_hit: the center of the first box is inside an expected one, edges included; without a box, the first point
            or click. None for a row that failed.
        is_point_in_box: the point to click is inside an expected box, edges included, as ScreenSpot-Pro counts. It
            differs from `is_hit` where an answer has a box and a point. None for a row that failed.
        center_error: pixels of the source from the center of the expected box to that of the first one, or to the first
            point; None without a place.
        center_error_share: the same, divided by the diagonal of the expected box.
        size_ratio: area of the first box divided by that of the expected one; above 1 for a bloated box. None without
            a box.
        model_side: shorter side of the first expected box in pixels of the image that the first look was shown; None
            where the runtime hides that image's size.
        finest_side: the same, of the look that showed the whole box largest, estimated from the tokens of the looks;
            `model_side` where there was one look.
        looks: number of looks; 1 where the runtime does not list them.
        seconds: time of the question; None where it was not measured.
    """

    outcome: Outcome
    iou: float | None
    is_hit: bool | None
    is_point_in_box: bool | None
    center_error: float | None
    center_error_share: float | None
    size_ratio: float | None
    model_side: float | None
    finest_side: float | None
    looks: int
    seconds: float | None


def score(row: Row) -> Score:
    """Return the figures of a row; they depend on nothing but the row."""
    reply, expected = row.reply, row.target.expected
    outcome = _outcome(reply)
    place = _place(reply)
    error = share = ratio = None
    if outcome == "place" and place is not None:
        box = _nearest(reply.boxes[:1], place, expected)
        error = math.dist(place, _center(box))
        share = error / math.hypot(box[2] - box[0], box[3] - box[1])
        ratio = _area(reply.boxes[0]) / _area(box) if reply.boxes else None
    model_side, finest_side = _sides(row)
    return Score(
        outcome=outcome,
        iou=_iou(reply, expected, outcome),
        is_hit=None if outcome == "failed" else _is_inside(place, expected),
        is_point_in_box=None if outcome == "failed" else _is_inside(reply.click or place, expected),
        center_error=error,
        center_error_share=share,
        size_ratio=ratio,
        model_side=model_side,
        finest_side=finest_side,
        looks=max(1, len(reply.looks)),
        seconds=sum(reply.seconds.values()) if reply.seconds else None,
    )


def _outcome(reply: Reply) -> Outcome:
    if reply.error is not None:
        return "failed"
    if reply.boxes or reply.points or reply.click is not None:
        return "place"
    return "rejected" if reply.rejected else "no answer"


def _place(reply: Reply) -> XY | None:
    """Return the center of the first box, else the first point, else the click of an action."""
    if reply.boxes:
        return _center(reply.boxes[0])
    return reply.points[0] if reply.points else reply.click


def _iou(reply: Reply, expected: tuple[Edges, ...], outcome: Outcome) -> float | None:
    if outcome == "failed" or (outcome == "place" and not reply.boxes):
        return None
    return max((iou(reply.boxes[0], box) for box in expected), default=0.0) if reply.boxes else 0.0


def _is_inside(place: XY | None, expected: tuple[Edges, ...]) -> bool:
    return place is not None and any(center_inside((*place, *place), box) for box in expected)


def _nearest(boxes: tuple[Edges, ...], place: XY, expected: tuple[Edges, ...]) -> Edges:
    """Return the expected box that the answer fits best; of several alike, that with the nearest center."""
    return min(
        expected,
        key=lambda box: (-max((iou(own, box) for own in boxes), default=0.0), math.dist(place, _center(box))),
    )


def _sides(row: Row) -> tuple[float | None, float | None]:
    """Return the shorter side of the first expected box in pixels of the first look and of the finest one."""
    reply, (x1, y1, x2, y2) = row.reply, row.target.expected[0]
    if reply.image_sent_size is None:
        return None, None
    sent_width, sent_height = reply.image_sent_size
    left, top, right, bottom = reply.looks[0]["crop"] if reply.looks else (0, 0, *row.target.image_size)
    first = min((x2 - x1) * sent_width / (right - left), (y2 - y1) * sent_height / (bottom - top))
    if len(reply.looks) < 2 or not reply.looks[0]["tokens"]:
        return first, first
    token_area = sent_width * sent_height / reply.looks[0]["tokens"]
    finest = first
    for look in reply.looks[1:]:
        left, top, right, bottom = look["crop"]
        if left <= x1 and top <= y1 and x2 <= right and y2 <= bottom:
            scale = math.sqrt(look["tokens"] * token_area / ((right - left) * (bottom - top)))
            finest = max(finest, scale * min(x2 - x1, y2 - y1))
    return first, finest


def _center(box: Edges) -> XY:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _area(box: Edges) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
