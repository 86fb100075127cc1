"""Define the result of a question: the answer, the images as the model read them, and the costs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from mlx_saccade import validation
from mlx_saccade.engine import hints
from mlx_saccade.engine.capture import SAME_UNITS, Screen
from mlx_saccade.errors import quantity
from mlx_saccade.grounding import Action, Box, GroundedText, Point, Rejected, TimeSpan
from mlx_saccade.media.region import Region
from mlx_saccade.preprocess.plan import Plan

__all__ = ["Answer", "Candidate", "Chunk", "FrameInfo", "Look", "StageTimer", "last_answer"]

_PLAIN = ("confidence", "text", "usage", "timings", "finish")
_LOOK_PLAIN = ("tokens", "seconds", "confidence", "text", "verdict")
_STAGES = ("decode", "patches", "vision", "prefill", "answer")


@dataclass(frozen=True)
class FrameInfo:
    """The form in which the model read one image or video. Sizes are (width, height), of a video those of its frames.

    Attributes:
        source_size: the upright source image, the whole of it where the model read a region. Boxes are in its pixels.
        processed_size: the size after resizing, of the region if there is one.
        grid_thw: (frames, rows, columns) in patches; 1 frame for an image.
        scale: (x, y) source pixels for one model pixel.
        region: the part (x, y, width, height) of that image that the model read; None for all of it.
        convention: how the model writes coordinates: "absolute" pixels of the processed image, or "thousandths" or
            "fractions" of its sides.
        tokens: visual tokens spent.
        budget: the limit on the tokens, in words.
        tokens_without_fit: more than `tokens` where `fit` reduced the image.
        tokens_at_cap: tokens under the checkpoint's own cap alone; of a video `tokens`.
        fps: frames a second of a video, None for an image.
        seconds: of a video, the time of each frame of the grid, from the film's first frame; empty for an image.
        notes: what of the file was set aside, such as a color profile or other pages, in words.
    """

    source_size: tuple[int, int]
    processed_size: tuple[int, int]
    grid_thw: tuple[int, int, int]
    scale: tuple[float, float]
    convention: str
    tokens: int
    budget: str
    tokens_without_fit: int
    tokens_at_cap: int
    fps: float | None = None
    notes: tuple[str, ...] = ()
    region: Region | None = None
    seconds: tuple[float, ...] = ()

    def to_source(self, xy: Sequence[float]) -> tuple[float, ...]:
        """Map a point (x, y) or box (x1, y1, x2, y2) from model pixels to pixels of the source image, unrounded.

        Raises:
            InputError: `xy` is neither two nor four finite numbers.
        """
        corner = (0, 0) if self.region is None else self.region[:2]
        values = validation.coordinates(xy)
        return tuple(value * self.scale[i % 2] + corner[i % 2] for i, value in enumerate(values))

    @classmethod
    def of(
        cls,
        plan: Plan,
        *,
        tokens_without_fit: int | None = None,
        tokens_at_cap: int | None = None,
        fps: float | None = None,
        notes: tuple[str, ...] = (),
        convention: str = "auto",
        source_size: tuple[int, int] | None = None,
        region: Region | None = None,
        seconds: tuple[float, ...] = (),
    ) -> FrameInfo:
        """Return the description of a plan, other arguments as the attributes.

        Convention "auto" is the family's; the two counts of tokens are the plan's where they are None, and so is the
        `source_size`, which for a region is the region's.
        """
        return cls(
            source_size=source_size or plan.source_size,
            processed_size=plan.resized_size,
            grid_thw=plan.grid_thw,
            scale=plan.scale,
            convention=plan.family.convention if convention == "auto" else convention,
            tokens=plan.tokens,
            budget=plan.budget,
            tokens_without_fit=plan.tokens if tokens_without_fit is None else tokens_without_fit,
            tokens_at_cap=plan.tokens if tokens_at_cap is None else tokens_at_cap,
            fps=fps,
            notes=notes,
            region=region,
            seconds=seconds,
        )

    def __repr__(self) -> str:
        """Return the sizes and tokens in short."""
        (width, height), (resized_w, resized_h) = self.source_size, self.processed_size
        times = f", {self.grid_thw[0]} times" if self.grid_thw[0] > 1 else ""
        return f"FrameInfo({width}x{height} as {resized_w}x{resized_h}{times}, {quantity(self.tokens, 'token')})"


@dataclass(frozen=True)
class Look:
    """One question to the model about a part of the image, on the way of a policy to its answer.

    Attributes:
        crop: (x1, y1, x2, y2) of the part, in pixels of the whole image.
        tokens: visual tokens of the part.
        seconds: time that the look took; looks that ran together share theirs equally.
        box: first box of the look, in pixels of the whole image; None without one.
        confidence: of the look's place, as `Answer.confidence`.
        text: the model's own words.
        verdict: what the policy made of the look, in words.
    """

    crop: tuple[int, int, int, int]
    tokens: int
    seconds: float
    box: Box | None
    confidence: float | None
    text: str
    verdict: str

    @classmethod
    def of(cls, answer: Answer, crop: tuple[int, int, int, int], verdict: str) -> Look:
        """Return the look that gave an answer, which is in pixels of the whole image."""
        return cls(
            crop=crop,
            tokens=answer.usage["image"],
            seconds=sum(answer.timings.values()),
            box=answer.boxes[0] if answer.boxes else None,
            confidence=answer.confidence,
            text=answer.text,
            verdict=verdict,
        )

    def moved(self, dx: int, dy: int) -> Look:
        """Return the look in the pixels of an image in which this one's image starts at (dx, dy)."""
        x1, y1, x2, y2 = self.crop
        crop = x1 + dx, y1 + dy, x2 + dx, y2 + dy
        return replace(self, crop=crop, box=None if self.box is None else self.box.moved(dx, dy))

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, for JSON."""
        box = None if self.box is None else self.box.as_dict()
        return {**{name: getattr(self, name) for name in _LOOK_PLAIN}, "crop": list(self.crop), "box": box}


@dataclass(frozen=True)
class Candidate:
    """A box that a model may have meant.

    Attributes:
        box: in source pixels, with the label that the model goes on to give it.
        score: in 0..1, `Answer.confidence` of this box. Scores of one answer add up to about 1 at most.
    """

    box: Box
    score: float

    def moved(self, dx: float, dy: float) -> Candidate:
        """Return the candidate in the pixels of an image in which this one's image starts at (dx, dy)."""
        return Candidate(self.box.moved(dx, dy), self.score)

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, strings and numbers, for JSON."""
        return {**self.box.as_dict(), "score": self.score}


@dataclass(frozen=True)
class Answer:
    """The answer of the model, and its cost.

    Attributes:
        boxes: in source pixels, clipped to the image; empty where the text has none.
        text: the model's own words, without the end token.
        frames: one for each image or video, in order.
        usage: token counts: "prompt" (images and videos included), "image", "video", "answer".
        timings: seconds: "decode", "patches", "vision", "prefill", "answer".
        finish: "stop" at an end token, "length" where `max_tokens` cut the answer off, "stop string" before one of
            the given stop strings.
        points: in source pixels; those of actions are theirs alone.
        actions: what the model wants done, with points and boxes in source pixels.
        rejected: numbers that the frame cannot hold, or that are neither a point nor a box, with the reasons.
        notes: what of the images and of the text was set aside or read in part, in words; of `locate` also a label
            that is another name than the description, and that a box is tiny on the model's image.
        description: that was located; None for another question.
        confidence: in 0..1, of the place of `click`: the probability that the model writes each of its numbers within
            a quarter of the box's side (half a visual token for a point), given the numbers before. It is of the
            model's own distribution at temperature 1, whatever chose the tokens. None without a place. It says how
            decided the model is, not that it is right: nothing of whether there is such a thing, nor of the label.
            How far it can be trusted differs between checkpoints and screens; see docs/guides/measuring.md.
        token_probability: in 0..1, of an answer of `Engine.sample_looks`: the geometric mean of the probabilities of
            its tokens, the end token included, in the model's own distribution at temperature 1. Else None.
        candidates: with `locate(..., candidates=...)`, boxes that do not overlap by half: the answer's first box, then
            others by score. Empty without a box, if there is a point or action too, and for one candidate.
        looks: of a policy's answer, and so of `locate` without a budget, each look in order. Its usage and timings are
            then their sums, and its text that of the look with the boxes; `frames` has the first look.
        screen: the place of the image on the desktop, as `origin` and `scale` said.
        times: that the text names, in seconds from the film's first frame; of a question about one film.
    """

    boxes: tuple[Box, ...]
    text: str
    frames: tuple[FrameInfo, ...]
    usage: dict[str, int]
    timings: dict[str, float]
    finish: str
    points: tuple[Point, ...] = ()
    actions: tuple[Action, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()
    description: str | None = None
    confidence: float | None = None
    candidates: tuple[Candidate, ...] = ()
    looks: tuple[Look, ...] = ()
    screen: Screen = SAME_UNITS
    times: tuple[TimeSpan, ...] = ()
    token_probability: float | None = None

    def __repr__(self) -> str:
        """Return what was found, the tokens and the seconds in short."""
        counts = {"box": len(self.boxes), "point": len(self.points), "action": len(self.actions)}
        plural = {"box": "boxes", "point": "points", "action": "actions"}
        parts = [f"{count} {name if count == 1 else plural[name]}" for name, count in counts.items() if count]
        parts = parts or ["no box"]
        if self.click is not None:
            parts.append("click=({:.0f}, {:.0f})".format(*self.click))
        if self.confidence is not None:
            parts.append(f"confidence={self.confidence:.2f}")
        text = self.text if len(self.text) <= 40 else self.text[:37] + "..."
        parts += [f"text={text!r}", f"{self.usage['prompt']} + {self.usage['answer']} tokens"]
        return f"Answer({', '.join(parts)}, {sum(self.timings.values()):.2f} s)"

    @property
    def hint(self) -> str | None:
        """Why a description was probably not found, and what to try, in one line; None if it was, or for `ask`."""
        return hints.hint(self)

    @property
    def found(self) -> bool:
        """True if there is a box; an answer of points or actions has a `click` alone."""
        return bool(self.boxes)

    @property
    def click(self) -> tuple[float, float] | None:
        """(x, y) to click: of the first action that has a place, else the first point, else the first box's center."""
        return self._grounded().click

    @property
    def screen_click(self) -> tuple[float, float] | None:
        """`click` in the units of the screen, as a clicker takes it; None where `click` is None."""
        if self.click is None:
            return None
        x, y = self.to_screen(self.click)
        return x, y

    def to_screen(self, xy: Sequence[float]) -> tuple[float, ...]:
        """Map a point (x, y) or box (x1, y1, x2, y2) in source pixels to the screen: xy / scale + origin, unrounded.

        Raises:
            InputError: `xy` is neither two nor four finite numbers.
        """
        return self.screen.to_screen(xy)

    def _grounded(self) -> GroundedText:
        return GroundedText(self.boxes, self.points, self.actions, self.rejected, self.notes)

    def moved(self, dx: int, dy: int) -> Answer:
        """Return the answer in the pixels of an image in which this one's image starts at (dx, dy)."""
        return replace(
            self,
            boxes=tuple(box.moved(dx, dy) for box in self.boxes),
            points=tuple(point.moved(dx, dy) for point in self.points),
            actions=tuple(action.moved(dx, dy) for action in self.actions),
            looks=tuple(look.moved(dx, dy) for look in self.looks),
            candidates=tuple(one.moved(dx, dy) for one in self.candidates),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts, strings and numbers for JSON, with `found` and `hint`; without `description`."""
        plain = {**self._grounded().as_dict(), **{name: getattr(self, name) for name in _PLAIN}}
        plain["frames"] = [
            {key: list(value) if isinstance(value, tuple) else value for key, value in frame.items()}
            for frame in map(asdict, self.frames)
        ]
        click, looks = self.screen_click, [look.as_dict() for look in self.looks]
        plain["candidates"] = [candidate.as_dict() for candidate in self.candidates]
        plain["times"] = [span.as_dict() for span in self.times]
        screen = {"screen_click": None if click is None else list(click)}
        return {"found": self.found, **plain, **screen, "hint": self.hint, "looks": looks}


@dataclass(frozen=True)
class Chunk:
    """A part of an answer, as it is generated.

    Attributes:
        text: whole characters, which later chunks never take back; may be empty in the last chunk.
        answer: the whole answer, in the last chunk.
    """

    text: str
    answer: Answer | None = None


def last_answer(chunks: Iterator[Chunk]) -> Answer:
    """Return the answer that the last of several chunks carries."""
    for chunk in chunks:
        if chunk.answer is not None:
            return chunk.answer
    raise RuntimeError("a run ends with its answer")


class StageTimer:
    """A sum of seconds for each stage of one request; a stage that did not run took 0 seconds."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(_STAGES, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the duration of the block to a stage, even if the block raises."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start
