"""Decides whose pixels a model's numbers are, and refuses those that their frame cannot hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mlx_saccade.errors import InputError, brief
from mlx_saccade.grounding.boxes import Box, scale, to_source
from mlx_saccade.grounding.candidates import Place
from mlx_saccade.grounding.points import Point

if TYPE_CHECKING:
    from mlx_saccade.families import Convention
    from mlx_saccade.preprocess.plan import Plan

__all__ = ["CONVENTIONS", "ConventionName", "Frame", "Rejected", "check_convention"]

ConventionName = Literal["auto", "absolute", "thousandths", "fractions"]
CONVENTIONS: tuple[ConventionName, ...] = ("auto", "absolute", "thousandths", "fractions")

# Models write a few pixels past the edge: a hundredth of the side, at least 4 pixels, is clipped and not refused.
_TOLERANCE = 0.01
_MIN_PIXELS = 4.0
_MAX_DIGITS = 24


@dataclass(frozen=True)
class Rejected:
    """Numbers of an answer that are neither a box nor a point of the image.

    Attributes:
        text: as the model wrote it.
        numbers: in it, in the model's own frame.
        reason: in words.
    """

    text: str
    numbers: tuple[float, ...]
    reason: str


def check_convention(convention: str) -> ConventionName:
    """Return a convention.

    Raises:
        InputError: no such convention.
    """
    for known in CONVENTIONS:
        if convention == known:
            return known
    raise InputError(f"convention: expected one of {', '.join(CONVENTIONS)}; got {brief(convention)}")


class Frame:
    """The frame of a model's numbers."""

    def __init__(self, plan: Plan, convention: str = "auto", *, y_first: bool | None = None) -> None:
        """Take a plan and a convention.

        Args:
            plan: of the image.
            convention: "auto": the family's, and fractions where all numbers of a place are so.
            y_first: numbers without names come as y, x; None (default) is the family's order.

        Raises:
            InputError: no such convention.
        """
        self.plan, self.y_first = plan, plan.family.y_first if y_first is None else y_first
        self.asked = check_convention(convention)
        self.fractions_instead = False

    def place(self, place: Place) -> Point | Box | str:
        """Return a place in source pixels, or why it is none."""
        values = values_of(place.numbers)
        if not all(math.isfinite(value) for value in values):
            return "not a finite number"
        if self.y_first and not place.named:
            values = tuple(values[i ^ 1] for i in range(len(values)))
        convention = self._convention(place.numbers, values)
        outside = self._outside(values, convention)
        if outside:
            return outside
        self.fractions_instead |= self.asked == "auto" and convention != self.plan.family.convention
        if len(values) == 2:
            return self._point(values, place.label, convention)
        x1, y1, x2, y2 = values
        ordered = Box((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), place.label)
        boxes = to_source([ordered], self.plan, convention)
        return boxes[0] if boxes else "outside the image"

    def tolerance(self, place: Place) -> tuple[float, float]:
        """Return a quarter of a box's sides, or half a visual token for a point, in the units of its numbers.

        The first value is for the first number and the third, the second for the others.
        """
        values = values_of(place.numbers)
        if len(values) == 4:
            return abs(values[2] - values[0]) / 4, abs(values[3] - values[1]) / 4
        x, y = (
            side * self.plan.family.factor / 2 / resized
            for side, resized in zip(
                self._sides(self._convention(place.numbers, values)), self.plan.resized_size, strict=True
            )
        )
        return (y, x) if self.y_first and not place.named else (x, y)

    def _sides(self, convention: Convention) -> tuple[int, int]:
        """Return (x, y) at the right lower corner of the image."""
        return {"thousandths": (1000, 1000), "fractions": (1, 1)}.get(convention, self.plan.resized_size)

    def _convention(self, numbers: Sequence[str], values: Sequence[float]) -> Convention:
        if self.asked != "auto":
            return self.asked
        within = all(-_TOLERANCE <= value <= 1 + _TOLERANCE for value in values)
        decimals = all(has_decimals(number) or number in ("0", "1") for number in numbers)
        if within and decimals and any(has_decimals(number) for number in numbers):
            return "fractions"
        return self.plan.family.convention

    def _outside(self, values: Sequence[float], convention: Convention) -> str:
        """Return a reason where a number lies outside the frame by more than models err, "" elsewhere."""
        sides = self._sides(convention)
        for index, value in enumerate(values):
            side = sides[index % 2]
            tolerance = side * _TOLERANCE
            if convention == "absolute":
                tolerance = max(tolerance, _MIN_PIXELS)
            if not -tolerance <= value <= side + tolerance:
                axis = "xy"[index % 2]
                return f"{axis} {value:g} is outside 0..{side}, {self._words(convention)}"
        return ""

    def _words(self, convention: Convention) -> str:
        if convention == "absolute":
            return "the resized image's pixels"
        return f"the {convention} that this family writes" if self.asked == "auto" else f"the {convention} asked for"

    def _point(self, values: Sequence[float], label: str, convention: Convention) -> Point:
        x, y = scale(values, self.plan, convention)
        width, height = self.plan.source_size
        return Point((min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))), label)


def values_of(numbers: Sequence[str]) -> tuple[float, ...]:
    """Return numbers; one of more digits than any coordinate is not a number."""
    return tuple(float(number) if len(number) <= _MAX_DIGITS else math.nan for number in numbers)


def has_decimals(number: str) -> bool:
    """Return True if a number is written with decimals."""
    return "." in number or "e-" in number.lower()
