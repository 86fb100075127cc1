"""Collect the looks of a policy for one description, and sum them up in its answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlx_saccade.engine import Look
from mlx_saccade.engine.policy import Crop
from mlx_saccade.policies.candidates import Candidate, candidate
from mlx_saccade.policies.tiles import not_too_long

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer
    from mlx_saccade.policies.rounds import Looks

__all__ = ["Crop", "Trail", "whole"]

_NOT_BELIEVED = "the place in the text was not believed, since no other look confirmed it"


class Trail:
    """The looks for one description, in order.

    Attributes:
        description: of the target.
        size: (width, height) of the whole image.
        looks: so far.
        answers: of the looks, in pixels of the whole image.
    """

    def __init__(self, description: str, size: tuple[int, int]) -> None:
        self.description, self.size = description, size
        self.looks: list[Look] = []
        self.answers: list[Answer] = []

    def look(self, crops: Sequence[Crop]) -> Looks[list[Candidate | None]]:
        """Look at crops, record the looks, and return the place that each gave; None without one."""
        crops = [not_too_long(crop, self.size) for crop in crops]
        answers = yield crops
        return [self.add(answer, crop) for answer, crop in zip(answers, crops, strict=True)]

    def look_closer(self, crop: Crop, before: Candidate) -> Looks[Answer]:
        """Look at a crop, and return the policy's answer: the place that it gave, or without one that of before."""
        (place,) = yield from self.look([crop])
        if place is None:
            self.keep(before)
        return self.answer_of(place or before)

    def add(self, answer: Answer, crop: Crop, verdict: str | None = None) -> Candidate | None:
        """Record a look, and return its place; None without one.

        Args:
            answer: in pixels of the whole image.
            crop: part of the image that the model saw.
            verdict: what the policy made of the answer, in words; None: "box", "point" or "no box".
        """
        place = candidate(answer, crop, self.size, self.description, len(self.looks))
        if verdict is None:
            verdict = "no box" if place is None else "point" if place.side is None else "box"
        self.answers.append(answer)
        self.looks.append(Look.of(answer, crop, verdict))
        return place

    def judge(self, place: int, verdict: str) -> None:
        """Replace the verdict on a look."""
        self.looks[place] = replace(self.looks[place], verdict=verdict)

    def keep(self, best: Candidate) -> None:
        """Say of the last look, which has no box, that an earlier one is kept."""
        self.judge(len(self.looks) - 1, f"no box; that of look {best.look + 1} is kept")

    def answer(self, best: int | None) -> Answer:
        """Return the policy's answer: usage and timings of all looks, and the first look's frames.

        Args:
            best: number of the look whose boxes and text it has; None: no look is believed.
        """
        usage, timings = Counter[str](), Counter[str]()
        for one in self.answers:
            usage.update(one.usage)
            timings.update(one.timings)
        chosen = self.answers[best or 0]
        if best is None and chosen.click is not None:
            notes = (*chosen.notes, _NOT_BELIEVED)
            chosen = replace(chosen, boxes=(), points=(), actions=(), confidence=None, notes=notes)
        elif best is not None:
            self.judge(best, f"answer: {self.looks[best].verdict}")
        frames = self.answers[0].frames
        return replace(chosen, frames=frames, usage=dict(usage), timings=dict(timings), looks=tuple(self.looks))

    def answer_of(self, best: Candidate | None) -> Answer:
        """Return the policy's answer with the boxes of a place; None: no look gave one."""
        return self.answer(None if best is None else best.look)


def whole(size: tuple[int, int]) -> Crop:
    """Return the crop that is the whole image of a size (width, height)."""
    return (0, 0, *size)
