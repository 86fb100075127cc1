"""An engine in whose place an oracle answers: it knows every box, and sees what the plan of a look lets it see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import mlx_saccade as saccade
from mlx_saccade.engine import Answer, FrameInfo
from mlx_saccade.grounding import Box, Point

Edges = tuple[float, float, float, float]
TIMINGS = {"vision": 0.5, "answer": 0.25}


@dataclass(frozen=True)
class Screen:
    """A frame without pixels, of which a policy needs the size alone."""

    source_size: tuple[int, int]


@dataclass
class Oracle:
    """An engine that finds described boxes in a crop.

    Attributes:
        boxes: of each description, in pixels of the whole image; the first one that is seen is the answer.
        smallest: shorter side in model pixels below which a box is not seen.
        budget: tokens of a look.
        labels: the name that is written for each description; default the description.
        distractors: boxes given, with their own labels, where nothing of a description is seen.
        cuts: share of a box that has to be in the crop for it to be seen.
        confidence: of every answer.
        points: True writes the centers of boxes.
        bloat: model pixels by which each edge is too far out.
        drift: standard deviation in model pixels by which a box is moved, another way for each crop and seed.
        token_probability: of every sample.
        views: every look, in order; all samples of a view are one.
        rounds: calls.
    """

    boxes: Mapping[str, Sequence[Edges]]
    smallest: float = 10.0
    budget: int = 256
    labels: Mapping[str, str] = field(default_factory=dict)
    distractors: Sequence[tuple[Edges, str]] = ()
    cuts: float = 0.3
    confidence: float | None = None
    points: bool = False
    bloat: float = 0.0
    drift: float = 0.0
    token_probability: float = 1.0
    views: list[tuple[tuple[int, int, int, int], str]] = field(default_factory=list)
    rounds: int = 0

    def look(self, frame: Screen, views: Sequence[tuple[Any, str]], **_: Any) -> list[Answer]:
        """Answer views as `Engine.look` does."""
        self.rounds += 1
        self.views += views
        return [self._answer(frame, crop, words) for crop, words in views]

    def sample_looks(
        self,
        frame: Screen,
        views: Sequence[tuple[Any, str]],
        samples: int,
        *,
        temperature: float,
        seed: int,
        **_: Any,
    ) -> list[list[Answer]]:
        """Answer views as `Engine.sample_looks` does; samples at temperature 0 err as looks do."""
        self.rounds += 1
        self.views += views
        seeds = [seed + number if temperature else None for number in range(samples)]
        answers = []
        for crop, words in views:
            first, *others = (self._answer(frame, crop, words, seed) for seed in seeds)
            own = {"prompt": 0, "image": 0, "video": 0, "answer": 9}
            several = [first, *(replace(one, usage=own, timings={**TIMINGS, "vision": 0.0}) for one in others)]
            answers.append([replace(one, token_probability=self.token_probability) for one in several])
        return answers

    def _answer(self, frame: Screen, crop: tuple[int, int, int, int], words: str, seed: int | None = None) -> Answer:
        (width, height), (x1, y1, x2, y2) = frame.source_size, crop
        assert all(isinstance(edge, int) for edge in crop)
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        plan = saccade.plan((x2 - x1, y2 - y1), budget=self.budget)
        named = [(box, self.labels.get(words, words)) for box in self.boxes.get(words, ())]
        seen = [Box(part, label) for box, label in named if (part := self._seen(box, crop, plan)) is not None]
        if not seen:
            seen = [Box(part, label) for box, label in self.distractors if (part := self._seen(box, crop, plan))]
        seen = [self._erring(box, crop, plan, f"{crop} {words} {seed}") for box in seen[:1]]
        usage = {"prompt": plan.tokens + 20, "image": plan.tokens, "video": 0, "answer": 9}
        text = f"{seen[0].xyxy}" if seen else "[]"
        answer = Answer(tuple(seen), text, (FrameInfo.of(plan),), usage, dict(TIMINGS), "stop")
        if self.points:
            answer = replace(answer, boxes=(), points=tuple(Point(box.center, box.label) for box in answer.boxes))
        return replace(answer, confidence=self.confidence if seen else None)

    def _erring(self, box: Box, crop: tuple[int, int, int, int], plan: saccade.Plan, seed: str) -> Box:
        """Return a box with the errors of the rule, inside the crop."""
        random = Random(seed)
        shifts = random.gauss(0, self.drift), random.gauss(0, self.drift)
        edges = [
            min(max(edge + (shifts[axis] + outward) * plan.scale[axis], crop[axis]), crop[axis + 2])
            for edge, axis, outward in zip(box.xyxy, (0, 1, 0, 1), (-self.bloat,) * 2 + (self.bloat,) * 2, strict=True)
        ]
        return Box((edges[0], edges[1], edges[2], edges[3]), box.label)

    def _seen(self, box: Edges, crop: tuple[int, int, int, int], plan: saccade.Plan) -> Edges | None:
        part = max(box[0], crop[0]), max(box[1], crop[1]), min(box[2], crop[2]), min(box[3], crop[3])
        wide, high = part[2] - part[0], part[3] - part[1]
        if wide <= 0 or high <= 0 or wide * high < self.cuts * (box[2] - box[0]) * (box[3] - box[1]):
            return None
        return part if min(wide / plan.scale[0], high / plan.scale[1]) >= self.smallest else None
