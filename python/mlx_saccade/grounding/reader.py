"""Reads what a model meant: the boxes, points and actions of its answer, in the source image's pixels.

The forms come in the order of how much they say: calls, then tags, then keys, then bare numbers where nothing else was
read. A character that one form has read is not read by another. No text raises, and the time is linear in its length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from mlx_saccade.errors import InputError, brief
from mlx_saccade.grounding import actions, bare_forms, calls, json_forms, xml_forms
from mlx_saccade.grounding.actions import Action
from mlx_saccade.grounding.boxes import Box
from mlx_saccade.grounding.candidates import Call, Candidate, Misfit, Place
from mlx_saccade.grounding.document import Document
from mlx_saccade.grounding.frames import Frame, Rejected, values_of
from mlx_saccade.grounding.points import Point
from mlx_saccade.grounding.written import WrittenPlace, spans_of
from mlx_saccade.preprocess.plan import Plan

__all__ = ["GroundedText", "read", "read_raw"]

_Form = Callable[[Document], Iterable[Candidate]]
_Spot = TypeVar("_Spot", Box, Point)

# In order: what one has read, the next does not see.
_FORMS: tuple[_Form, ...] = (
    actions.objects,
    calls.functions,
    calls.calls,
    calls.verbs,
    xml_forms.tags,
    xml_forms.attributes,
    json_forms.keyed,
)
# Strings that hold an answer of their own, and how many may hold one another.
_ANSWER_KEYS = frozenset([
    "answer", "output", "result", "response", "content", "code", "command", "action", "final_answer", "actions",
])  # fmt: skip
_MAX_NESTING = 2


@dataclass(frozen=True)
class GroundedText:
    """What a model meant, in pixels of the source image.

    Attributes:
        boxes: clipped to the image, in the order of the text.
        points: that belong to no action, in the order of the text.
        actions: in the order of the text.
        rejected: numbers that the frame cannot hold, or that are neither a point nor a box.
        notes: what was set aside or read in part, in words.
        written: the numbers of the place of `click` in the text; None without a place.
    """

    boxes: tuple[Box, ...] = ()
    points: tuple[Point, ...] = ()
    actions: tuple[Action, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()
    written: WrittenPlace | None = field(default=None, compare=False, repr=False)

    @property
    def click(self) -> tuple[float, float] | None:
        """(x, y) to click: of the first action that has a place, else the first point, else the first box's center."""
        for action in self.actions:
            if action.click is not None:
                return action.click
        if self.points:
            return self.points[0].xy
        return self.boxes[0].center if self.boxes else None

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts, strings and numbers, for JSON."""
        return {
            "boxes": [box.as_dict() for box in self.boxes],
            "points": [point.as_dict() for point in self.points],
            "actions": [action.as_dict() for action in self.actions],
            "click": None if self.click is None else list(self.click),
            "rejected": [
                {"text": one.text, "numbers": list(one.numbers), "reason": one.reason} for one in self.rejected
            ],
            "notes": list(self.notes),
        }


def read(text: str, plan: Plan, convention: str = "auto", *, y_first: bool | None = None) -> GroundedText:
    """Read an answer.

    Args:
        text: of the model, about one image.
        plan: of that image.
        convention: of the numbers: "absolute" pixels of the resized image, "thousandths" or "fractions" of its sides;
            "auto": the family's, and fractions for a place whose numbers have decimals and are at most 1.
        y_first: numbers without names come as y, x; None (default) is the family's order: Gemma 4's.

    Returns:
        Boxes, points and actions in source pixels; a hundredth of a side (at least 4 pixels) past the edge is clipped,
        more is rejected.

    Raises:
        InputError: not a text, not a plan, or no such convention.
    """
    _check_text(text)
    if not isinstance(plan, Plan):
        raise InputError(f"plan: expected a Plan; got {brief(plan)}. Give that of mlx_saccade.plan or Engine.plan")
    sizes = (plan.source_size, plan.resized_size)
    reading = _Reading(Document(text), Frame(plan, convention, y_first=y_first))
    for candidate in _collect(reading.document, sizes):
        reading.add(candidate)
    return reading.result()


def read_raw(text: str) -> tuple[Box, ...]:
    """Return the boxes of an answer as the model wrote them, corners put in order; nothing is scaled or clipped.

    Raises:
        InputError: not a text.
    """
    _check_text(text)
    boxes = []
    for candidate in _collect(Document(text), ()):
        if isinstance(candidate, Place) and len(candidate.numbers) == 4:
            values = values_of(candidate.numbers)
            x1, y1, x2, y2 = values
            if all(abs(value) < float("inf") for value in values):
                boxes.append(Box((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), candidate.label))
    return tuple(boxes)


def _check_text(text: Any) -> None:
    if not isinstance(text, str):
        raise InputError(f"text: expected the text of an answer; got {brief(text)}. Give a string")


def _collect(document: Document, sizes: tuple[tuple[int, int], ...], nesting: int = 0) -> list[Candidate]:
    """Return the candidates of all forms in the order of the text."""
    found: list[Candidate] = []
    for form in _FORMS:
        taken = [candidate for candidate in form(document) if document.is_free(candidate.start, candidate.end)]
        for candidate in taken:
            document.take(candidate.start, candidate.end)
        found += taken
    if nesting < _MAX_NESTING:
        found += _in_strings(document, sizes, nesting)
    if not found:
        bare = bare_forms.bare(document, sizes)
        found = [candidate for candidate in bare if document.is_free(candidate.start, candidate.end)]
    return sorted(found, key=lambda candidate: candidate.start)


def _in_strings(document: Document, sizes: tuple[tuple[int, int], ...], nesting: int) -> Iterator[Candidate]:
    """Yield the candidates of strings that hold a whole answer."""
    for group in document.groups:
        for key, value in group.items:
            if key is None or key.lower() not in _ANSWER_KEYS or not document.is_free(value.start, value.end):
                continue
            text = getattr(value, "text", "")
            if any(bracket in text for bracket in "([{<"):
                inner = Document(text)
                for candidate in _collect(inner, sizes, nesting + 1):
                    yield _moved(candidate, value.start, value.end)
                document.take(value.start, value.end)


def _moved(candidate: Candidate, start: int, end: int) -> Candidate:
    return replace(candidate, start=start, end=end)


@dataclass
class _Reading:
    """What has been read of one text."""

    document: Document
    frame: Frame
    boxes: list[Box] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    # The candidates of boxes and points, and the first place of each action, with the span of the whole candidate.
    sources: list[tuple[Box | Point | Action, Place]] = field(default_factory=list)

    def add(self, candidate: Candidate) -> None:
        if isinstance(candidate, Call):
            self._add_call(candidate)
            return
        spot = self._spot(candidate)
        if isinstance(spot, str):
            self._reject(candidate, candidate.numbers, spot)
            return
        if isinstance(spot, Box):
            self.boxes.append(spot)
        else:
            self.points.append(spot)
        if isinstance(candidate, Place):
            self.sources.append((spot, candidate))

    def _add_call(self, call: Call) -> None:
        """Add an action; one of whose places is none is rejected as a whole, half a drag is another action."""
        spots = [self._spot(place) for place in call.places]
        for place, spot in zip(call.places, spots, strict=True):
            if isinstance(spot, str):
                self._reject(call, place.numbers, spot)
                return
        points = tuple(spot for spot in spots if isinstance(spot, Point))
        boxes = tuple(spot for spot in spots if isinstance(spot, Box))
        action = Action(call.name, points, boxes, call.arguments, call.tool)
        self.actions.append(action)
        # `click` prefers points to boxes.
        first = points[0] if points else boxes[0] if boxes else None
        for place, spot in zip(call.places, spots, strict=True):
            if spot is first and isinstance(place, Place):
                self.sources.append((action, replace(place, start=call.start, end=call.end)))
                break

    def _spot(self, place: Place | Misfit) -> Box | Point | str:
        return place.reason if isinstance(place, Misfit) else self.frame.place(place)

    def _reject(self, candidate: Candidate, numbers: tuple[str, ...], reason: str) -> None:
        text = self.document.written[candidate.start : candidate.end]
        short = text if len(text) <= 200 else text[:197] + "..."
        finite = tuple(value for value in values_of(numbers) if abs(value) < float("inf"))
        self.rejected.append(Rejected(short, finite, reason))

    def result(self) -> GroundedText:
        """Return what was read, each place once, and the notes."""
        notes = list(self.document.notes)
        boxes, points = _once(self.boxes, notes, "boxes"), _once(self.points, notes, "points")
        if self.frame.fractions_instead:
            notes.append("numbers from 0 to 1 were read as fractions of the image's sides")
        if self.document.cut_off:
            notes.append("the text ends inside a list of numbers, which was not read")
        if self.rejected and (boxes or points or self.actions):
            notes.append("a part of the answer was rejected; the rest may be in another frame too")
        clicked = next((action for action in self.actions if action.click is not None), None)
        targets: list[Box | Point | Action] = [*([] if clicked is None else [clicked]), *points, *boxes]
        written = self._written(targets[0]) if targets else None
        return GroundedText(boxes, points, tuple(self.actions), tuple(self.rejected), tuple(notes), written)

    def _written(self, target: Box | Point | Action) -> WrittenPlace | None:
        """Return the numbers of a box, point or action in the text."""
        place = next((place for spot, place in self.sources if spot == target and type(spot) is type(target)), None)
        if place is None:
            return None
        spans = spans_of(self.document.text, place.start, place.end, place.numbers)
        return WrittenPlace(spans, self.frame.tolerance(place))


def _once(spots: list[_Spot], notes: list[str], name: str) -> tuple[_Spot, ...]:
    """Return each place once; one without a label repeats any other in the same place."""
    labels: dict[tuple[float, ...], set[str]] = {}
    for spot in spots:
        labels.setdefault(tuple(spot), set()).add(spot.label)
    kept: dict[tuple[tuple[float, ...], str], _Spot] = {}
    for spot in spots:
        where = tuple(spot)
        if spot.label or labels[where] == {""}:
            kept.setdefault((where, spot.label), spot)
    if len(kept) < len(spots):
        notes.append(
            f"{len(spots) - len(kept)} of {len(spots)} {name} repeat another in the same place; each is given once"
        )
    return tuple(kept.values())
