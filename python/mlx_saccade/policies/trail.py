"""Collect the looks of a policy for one description, and sum them up in its answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from mlx_saccade.engine import Look
from mlx_saccade.engine.policy import Crop

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer

__all__ = ["Crop", "Trail", "whole"]

_NOT_BELIEVED = "the place in the text was not believed, since no other look confirmed it"


class Trail:
    """The looks for one description, in order."""

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.answers: list[Answer] = []

    def add(self, answer: Answer, crop: Crop, verdict: str) -> None:
        """Record a look.

        Args:
            answer: in pixels of the whole image.
            crop: part of the image that the model saw.
            verdict: what the policy made of the answer, in words.
        """
        self.answers.append(answer)
        self.looks.append(Look.of(answer, crop, verdict))

    def judge(self, place: int, verdict: str) -> None:
        """Replace the verdict on a look."""
        self.looks[place] = replace(self.looks[place], verdict=verdict)

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


def whole(size: tuple[int, int]) -> Crop:
    """Return the crop that is the whole image of a size (width, height)."""
    return (0, 0, *size)
