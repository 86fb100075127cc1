"""A box, and the way of one from the model's numbers to the source image's pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError, brief

if TYPE_CHECKING:
    from mlx_saccade.families import Convention
    from mlx_saccade.preprocess.plan import Plan

__all__ = ["Box", "center_inside", "iou", "scale", "to_source"]


@dataclass(frozen=True)
class Box:
    """A box with its label.

    Attributes:
        xyxy: (x1, y1, x2, y2), x to the right, y down, edges; x1 <= x2 and y1 <= y2.
        label: the model's name for it, "" without one.
    """

    xyxy: tuple[float, float, float, float]
    label: str = ""

    def __iter__(self) -> Iterator[float]:
        """Yield x1, y1, x2 and y2."""
        return iter(self.xyxy)

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle."""
        x1, y1, x2, y2 = self.xyxy
        return (x1 + x2) / 2, (y1 + y2) / 2

    @property
    def xywh(self) -> tuple[float, float, float, float]:
        """(x, y, width, height) from its left upper corner."""
        x1, y1, x2, y2 = self.xyxy
        return x1, y1, x2 - x1, y2 - y1

    def moved(self, dx: float, dy: float) -> Box:
        """Return the box in the pixels of an image in which this one's image starts at (dx, dy)."""
        x1, y1, x2, y2 = self.xyxy
        return Box((x1 + dx, y1 + dy, x2 + dx, y2 + dy), self.label)

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists and strings, for JSON."""
        return {"xyxy": list(self.xyxy), "label": self.label}


def center_inside(box: Box | Sequence[float], known: Box | Sequence[float]) -> bool:
    """Return True if the center of a box lies in a known one, edges included: ScreenSpot's measure.

    Args:
        box: a `Box`, or (x1, y1, x2, y2).
        known: the same.

    Raises:
        InputError: one of them is not a box.
    """
    left, top, right, bottom = _edges(known, "known")
    x, y = Box(_edges(box, "box")).center
    return left <= x <= right and top <= y <= bottom


def _edges(box: Any, name: str) -> tuple[float, float, float, float]:
    try:
        x1, y1, x2, y2 = map(float, box)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name}: expected a Box or (x1, y1, x2, y2); got {brief(box)}. Give four numbers") from None
    return x1, y1, x2, y2


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the intersection over union of two boxes (x1, y1, x2, y2); 0 if either has no area."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def to_source(boxes: Sequence[Box], plan: Plan, convention: Convention | None = None) -> tuple[Box, ...]:
    """Map boxes to the source image and clip them to it; those outside, or only touching its edge, are left out.

    Args:
        boxes: in pixels of the resized image for the convention "absolute", in thousandths of its sides for
            "thousandths", in 0..1 for "fractions".
        plan: of that image.
        convention: of the numbers; None: the family's.
    """
    width, height = plan.source_size
    mapped = []
    for box in boxes:
        x1, y1, x2, y2 = scale(box.xyxy, plan, convention or plan.family.convention)
        if x1 < width and y1 < height and x2 > 0 and y2 > 0:
            clipped = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
            mapped.append(Box(clipped, box.label))
    return tuple(mapped)


def scale(values: Sequence[float], plan: Plan, convention: Convention) -> tuple[float, ...]:
    """Return a point or a box in source pixels; nothing is clipped."""
    whole = {"thousandths": 1000, "fractions": 1}.get(convention)
    if whole is None:
        return plan.to_source(values)
    return tuple(value * side / whole for value, side in zip(values, plan.source_size * 2, strict=False))
