"""What comes back: the answer, what the model was shown of each image, and what it cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from mlx_saccade.grounding import Box
from mlx_saccade.preprocess.plan import Plan

__all__ = ["Answer", "Chunk", "FrameInfo", "StageTimer"]


@dataclass(frozen=True)
class FrameInfo:
    """What the model was shown of one image or video. Sizes are (width, height), of a video those of its frames.

    Attributes:
        source_size: the upright source image.
        processed_size: what it was resized to.
        grid_thw: (frames, rows, columns) in patches; 1 frame of an image.
        scale: (x, y) source pixels for one model pixel.
        convention: how the model writes coordinates: "absolute" pixels of the processed image, or "thousandths" or
            "fractions" of its sides.
        tokens: visual tokens spent.
        budget: what limited them, in words.
        wanted: tokens that it would have taken had there been room; more than `tokens` where `fit` cut it down.
        fps: frames a second of a video, None of an image.
    """

    source_size: tuple[int, int]
    processed_size: tuple[int, int]
    grid_thw: tuple[int, int, int]
    scale: tuple[float, float]
    convention: str
    tokens: int
    budget: str
    wanted: int
    fps: float | None = None

    @classmethod
    def of(cls, plan: Plan, *, wanted: int, fps: float | None = None) -> FrameInfo:
        """What a plan shows; the other two as the attributes."""
        return cls(
            source_size=plan.source_size,
            processed_size=plan.resized_size,
            grid_thw=plan.grid_thw,
            scale=plan.scale,
            convention=plan.family.convention,
            tokens=plan.tokens,
            budget=plan.budget,
            wanted=wanted,
            fps=fps,
        )


@dataclass(frozen=True)
class Answer:
    """What the model said, and what it cost.

    Attributes:
        boxes: in source pixels, clipped to the image; empty where the text has none.
        text: the model's own words, without the end token.
        frames: one an image, in order.
        usage: token counts: "prompt" (images and videos included), "image", "video", "answer".
        timings: seconds: "decode", "patches", "vision", "prefill", "answer".
        finish: "stop" at an end token, "length" where `max_tokens` cut the answer off, "stop string" before one of
            those that were given.
    """

    boxes: tuple[Box, ...]
    text: str
    frames: tuple[FrameInfo, ...]
    usage: dict[str, int]
    timings: dict[str, float]
    finish: str

    @property
    def found(self) -> bool:
        """Whether there is a box."""
        return bool(self.boxes)

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, strings and numbers, for JSON; `found` included."""
        plain = asdict(self)
        plain["boxes"] = [{"xyxy": list(box.xyxy), "label": box.label} for box in self.boxes]
        plain["frames"] = [
            {key: list(value) if isinstance(value, tuple) else value for key, value in frame.items()}
            for frame in plain["frames"]
        ]
        return {"found": self.found, **plain}


@dataclass(frozen=True)
class Chunk:
    """A part of an answer as it comes.

    Attributes:
        text: whole characters, which are never taken back; may be empty in the last piece.
        answer: the whole, in the last piece.
    """

    text: str
    answer: Answer | None = None


# Seconds by stage.
STAGES = ("decode", "patches", "vision", "prefill", "answer")


class StageTimer:
    """Adds up how long each stage of one request took; a stage that did not run took 0 seconds."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what the block takes to a stage, also where it raises."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start
