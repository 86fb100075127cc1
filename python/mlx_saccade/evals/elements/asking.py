"""Ask a model the questions of `elements`: what it recognizes in a crop, where a description is, what is in a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from mlx_saccade.engine.request import locate
from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals.targets import Edges
from mlx_saccade.evals.tiny.questions import NOTHING, what_is_at, what_is_in
from mlx_saccade.policies.candidates import agreement
from mlx_saccade.policies.trail import Crop

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer, Engine
    from mlx_saccade.media import Frame
    from mlx_saccade.preprocess.limits import Budget

__all__ = ["PROPOSERS", "Asker", "EngineAsker", "Finding", "Look", "Proposer", "check_proposer", "erase"]

Proposer = Literal["points", "list"]
PROPOSERS: tuple[Proposer, ...] = ("points", "list")
"""Ways to ask what is in a crop: a grid of points, each asked alone, or one list of everything."""

_LIST = (
    "List every user interface element in this image that a person could name: windows, buttons, icons, menus, fields, "
    'panels. Output JSON: [{"bbox_2d": [x1, y1, x2, y2], "label": "short description that fits this element only"}].'
)
_WORDS, _LIST_WORDS = 64, 2048  # most tokens of an answer


@dataclass(frozen=True)
class Finding:
    """A box that the model gave, in pixels of the whole image.

    Attributes:
        box: (x1, y1, x2, y2).
        label: the model's name for it, "" without one.
        confidence: as `mlx_saccade.engine.Answer.confidence`; None where there is none.
        near_edge: source pixels from the crop's edge within which a box may be cut off: two pixels of the model.
        others: other boxes of the same answer, whose labels agree with the description.
    """

    box: Edges
    label: str = ""
    confidence: float | None = None
    near_edge: float = 2.0
    others: tuple[Edges, ...] = ()


@dataclass(frozen=True)
class Look:
    """A description to locate in a crop of an image.

    Attributes:
        crop: (x1, y1, x2, y2) in whole pixels.
        description: of the element.
        erased: box to paint over first, so that only another element can match; None (default) for none.
    """

    crop: Crop
    description: str
    erased: Edges | None = None


class Asker(Protocol):
    """What the three stages ask; a test puts the truth in its place.

    Attributes:
        proposer: the way to ask what is in a crop.
        names_boxes: True if the model can say what is in a box.
    """

    @property
    def proposer(self) -> Proposer:
        """Return the way to ask what is in a crop."""
        ...

    @property
    def names_boxes(self) -> bool:
        """Return True if the model can say what is in a box."""
        ...

    def seen_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return (width, height) in model pixels of an image or crop of `size`."""
        ...

    def name_points(self, frame: Frame, crop: Crop, points: Sequence[tuple[float, float]]) -> list[str]:
        """Return what is at each point (x, y) of the image, "" for nothing; the model sees the crop only."""
        ...

    def list_elements(self, frame: Frame, crop: Crop) -> list[Finding]:
        """Return everything that the model lists in a crop."""
        ...

    def locate_all(self, frame: Frame, crop: Crop, descriptions: Sequence[str]) -> list[Finding | None]:
        """Return the first box of each description in one crop."""
        ...

    def locate_each(self, frame: Frame, looks: Sequence[Look]) -> list[Finding | None]:
        """Return the first box of each look."""
        ...

    def name_boxes(self, frame: Frame, boxes: Sequence[tuple[Crop, Edges]]) -> list[str]:
        """Return what is in each box, "" for nothing; the model sees its crop only."""
        ...


class EngineAsker:
    """An engine as `Asker`; its answers are greedy."""

    def __init__(self, engine: Engine, proposer: Proposer, budget: Budget = None) -> None:
        """Take a loaded engine.

        Args:
            engine: the model.
            proposer: "points" for a checkpoint that was trained on questions about points and boxes, as the packaged
                one; "list" for others.
            budget: of each crop, as `mlx_saccade.plan`.
        """
        self.engine, self.proposer, self.budget = engine, proposer, budget

    proposer: Proposer

    @property
    def names_boxes(self) -> bool:
        """True for a checkpoint that answers questions about boxes."""
        return self.proposer == "points"

    def seen_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return (width, height) in model pixels of an image or crop of `size`."""
        return self.engine.plan(size, budget=self.budget).resized_size

    def name_points(self, frame: Frame, crop: Crop, points: Sequence[tuple[float, float]]) -> list[str]:
        """Return what is at each point, "" for nothing."""
        image = self.engine.shared_image(frame.crop(crop), budget=self.budget)
        questions = [what_is_at(image.plan.to_model((x - crop[0], y - crop[1]))) for x, y in points]
        return [_words(answer.text) for answer in image.ask(questions, max_tokens=_WORDS)]

    def list_elements(self, frame: Frame, crop: Crop) -> list[Finding]:
        """Return everything that the model lists in a crop."""
        answer = self.engine.ask(frame.crop(crop), _LIST, budget=self.budget, max_tokens=_LIST_WORDS)
        return [Finding(_moved(box.xyxy, crop), box.label.strip()) for box in answer.boxes if box.label.strip()]

    def locate_all(self, frame: Frame, crop: Crop, descriptions: Sequence[str]) -> list[Finding | None]:
        """Return the first box of each description in one crop, which is encoded once."""
        if not descriptions:
            return []
        image = self.engine.shared_image(frame.crop(crop), budget=self.budget)
        answers = image.locate(descriptions)
        return [_finding(answer, crop, words) for answer, words in zip(answers, descriptions, strict=True)]

    def locate_each(self, frame: Frame, looks: Sequence[Look]) -> list[Finding | None]:
        """Return the first box of each look; looks run as rows of one batch."""
        if not looks:
            return []
        questions = [(_cut(frame, look), locate(look.description)) for look in looks]
        answers = self.engine.ask_batch(questions, budget=self.budget, max_tokens=256)
        return [_finding(answer, look.crop, look.description) for answer, look in zip(answers, looks, strict=True)]

    def name_boxes(self, frame: Frame, boxes: Sequence[tuple[Crop, Edges]]) -> list[str]:
        """Return what is in each box, "" for nothing."""
        if not boxes:
            return []
        questions = []
        for crop, box in boxes:
            part = frame.crop(crop)
            inner = self.engine.plan(part.source_size, budget=self.budget).to_model(_moved(box, crop, -1))
            questions.append((part, what_is_in(inner)))
        answers = self.engine.ask_batch(questions, budget=self.budget, max_tokens=_WORDS)
        return [_words(answer.text) for answer in answers]


def check_proposer(proposer: str | None, folder: Path) -> Proposer:
    """Return the proposer for a checkpoint.

    Args:
        proposer: None is "points" for the packaged checkpoint, "list" for every other.
        folder: of the checkpoint.

    Raises:
        InputError: no such proposer.
    """
    from mlx_saccade.checkpoint import hub

    if proposer is None:
        return "points" if folder.resolve() == hub.find(None).resolve() else "list"
    if proposer not in PROPOSERS:
        raise InputError(f"proposer: expected one of {', '.join(PROPOSERS)}; got {brief(proposer)}")
    return proposer


def erase(frame: Frame, box: Edges, crop: Crop) -> Frame:
    """Return a crop of a frame in which a box is painted over with the mean color around it."""
    import numpy as np

    from mlx_saccade.media import open_image

    pixels = np.array(frame.crop(crop).pixels)
    x1, y1, x2, y2 = (round(value) for value in _moved(box, crop, -1))
    x1, y1, x2, y2 = max(0, x1 - 1), max(0, y1 - 1), max(0, x2 + 1), max(0, y2 + 1)  # its antialiased edge too
    ring = np.ones(pixels.shape[:2], bool)
    ring[y1:y2, x1:x2] = False
    near = ring[max(0, y1 - 2) : y2 + 2, max(0, x1 - 2) : x2 + 2]
    around = pixels[max(0, y1 - 2) : y2 + 2, max(0, x1 - 2) : x2 + 2][near]
    pixels[y1:y2, x1:x2] = around.mean(0).round() if len(around) else 128
    return open_image(pixels)


def _cut(frame: Frame, look: Look) -> Frame:
    return frame.crop(look.crop) if look.erased is None else erase(frame, look.erased, look.crop)


def _words(text: str) -> str:
    return "" if text.strip() == NOTHING else text.strip()


def _moved(box: Sequence[float], crop: Crop, sign: int = 1) -> Edges:
    """Return a box of a crop in pixels of the whole image; with sign -1 the reverse."""
    dx, dy = sign * crop[0], sign * crop[1]
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def _finding(answer: Answer, crop: Crop, description: str) -> Finding | None:
    if not answer.boxes:
        return None
    first, *others = answer.boxes
    confidence = None if answer.confidence is None else round(answer.confidence, 4)
    near = 2 * max(answer.frames[0].scale)
    more = tuple(_moved(box.xyxy, crop) for box in others if agreement(description, box.label) == 1)
    return Finding(_moved(first.xyxy, crop), first.label, confidence, near, more)
