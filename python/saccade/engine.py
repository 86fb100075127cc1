"""An image and words in, an answer out: media, plan, patches, network and grounding in one call.

engine = saccade.load()
answer = engine.locate("screen.png", "the red round button")
answer.boxes[0].xyxy        # in pixels of screen.png
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from saccade import budget as budgets
from saccade import families, grounding, hub, media, nets, patches
from saccade.backend import mx
from saccade.budget import Plan
from saccade.errors import InputError
from saccade.grounding import Box
from saccade.prompts import Message, Prompts

__all__ = ["Answer", "Engine", "Shown", "load"]

_LOCATE = "Locate {}, output its bbox coordinates using JSON format."


@dataclass(frozen=True)
class Shown:
    """What the model was shown of one image. Sizes are (width, height).

    Attributes:
        source_size: the upright source image.
        processed_size: what it was resized to.
        grid_thw: (1, rows, columns) in patches.
        scale: (x, y) source pixels for one model pixel.
        convention: how the model writes coordinates: "absolute" pixels of the processed image, or "thousandths".
        tokens: visual tokens spent.
        budget: what limited them, in words.
    """

    source_size: tuple[int, int]
    processed_size: tuple[int, int]
    grid_thw: tuple[int, int, int]
    scale: tuple[float, float]
    convention: str
    tokens: int
    budget: str


@dataclass(frozen=True)
class Answer:
    """What the model said, and what it cost.

    Attributes:
        boxes: in source pixels, clipped to the image; empty where the text has none.
        text: the model's own words, without the end token.
        frames: one an image, in order.
        usage: token counts: "prompt" (images included), "image", "answer".
        timings: seconds: "decode", "patches", "vision", "prefill", "answer".
        finish: "stop" at an end token, "length" where `max_tokens` cut the answer off.
    """

    boxes: tuple[Box, ...]
    text: str
    frames: tuple[Shown, ...]
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


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


class Engine:
    """A loaded checkpoint with its tokenizer; `load` makes one."""

    def __init__(self, folder: Path, *, compute_dtype: str | None = None) -> None:
        """Read a checkpoint folder; arguments and errors as `load`."""
        self.model = nets.load(folder, compute_dtype=compute_dtype)
        self.prompts = Prompts(folder, self.model.config.image_token_id)
        vision = self.model.config.vision
        pixels = nets.preprocessor.read(folder, vision)
        self.pixel_limits = pixels.pixel_limits
        self.family = replace(
            families.get("qwen2.5-vl"),
            patch_size=vision.patch_size,
            merge_size=vision.spatial_merge_size,
            temporal_patch_size=vision.temporal_patch_size,
            window_size=vision.window_size,
            mean=pixels.mean,
            std=pixels.std,
        )

    def plan(self, image: Any, *, budget: int | str | None = None) -> Plan:
        """What this checkpoint would be shown of an image; reads the header only. As `saccade.plan`."""
        return budgets.plan(image, family=self.family, budget=budget, checkpoint_pixels=self.pixel_limits)

    def locate(
        self,
        image: Any,
        description: str,
        *,
        budget: int | str | None = None,
        max_tokens: int = 256,
        image_first: bool = True,
    ) -> Answer:
        """Find what a description names.

        Args:
            image: what `saccade.media.open_image` takes.
            description: such as "the red round button". Special tokens in it are plain text.
            budget: as `saccade.plan`.
            max_tokens: an answer longer than this is cut off.
            image_first: False puts the words before the image, as Qwen's cookbook did.

        Returns:
            The answer; one without a box has `found` false, and its text says what the model said instead.

        Raises:
            InputError: an empty description, an image or budget that cannot be used, or more tokens than the model
                can read.
            FileNotFoundError: no such image.
        """
        if not isinstance(description, str) or not description.strip():
            raise InputError(f"description is {description!r}; say in words what to find")
        words = {"type": "text", "text": _LOCATE.format(description.strip())}
        content = [{"type": "image"}, words] if image_first else [words, {"type": "image"}]
        return self._answer([image], [{"role": "user", "content": content}], budget, max_tokens)

    def ask(self, images: Any, text: str, *, budget: int | str | None = None, max_tokens: int = 512) -> Answer:
        """Ask about images, which are put before the text.

        Args:
            images: one image, or a list of them (an empty one asks without).
            text: the question.
            budget: of each image, as `saccade.plan`.
            max_tokens: as `locate`.

        Returns:
            The answer; boxes are read where there is exactly one image, since the text does not say whose they are.

        Raises:
            InputError, FileNotFoundError: as `locate`.
        """
        pictures = _several(images)
        return self._answer(pictures, [_question(pictures, text)], budget, max_tokens)

    def count_tokens(self, images: Any, text: str, *, budget: int | str | None = None) -> int:
        """Tokens of the prompt that `ask` would make; of files, only the headers are read."""
        pictures = _several(images)
        counts = [self.plan(picture, budget=budget).tokens for picture in pictures]
        return len(self.prompts.encode([_question(pictures, text)], counts))

    def _answer(
        self, images: Sequence[Any], messages: Sequence[Message], budget: int | str | None, max_tokens: int
    ) -> Answer:
        max_tokens = nets.answer_length(max_tokens, "max_tokens")
        clock = _Clock()
        with clock.stage("decode"):
            frames = [media.open_image(image) for image in images]
        plans = [self.plan(frame, budget=budget) for frame in frames]
        ids = self.prompts.encode(messages, [plan.tokens for plan in plans])
        self._check_length(len(ids), plans, max_tokens)
        with clock.stage("patches"):
            pixels = [mx.array(patches.patchify(frame, plan)) for frame, plan in zip(frames, plans, strict=True)]
            mx.eval(pixels)
        grids = np.array([plan.grid_thw for plan in plans], np.int64).reshape(-1, 3)
        features = None
        with clock.stage("vision"):
            if pixels:
                features = self.model.image_features(mx.concatenate(pixels), grids)
                mx.eval(features)
        tokens = []
        with clock.stage("prefill"):
            prompt = self.model.prompt(ids, image_grid_thw=grids, image_features=features)
            stream = self.model.continue_from(prompt, max_tokens)
            tokens.append(next(stream))
        with clock.stage("answer"):
            tokens.extend(stream)
        stopped = tokens[-1] in self.model.config.eos_token_ids
        text = self.prompts.decode(tokens[:-1] if stopped else tokens)
        return Answer(
            boxes=grounding.read(text, plans[0]) if len(plans) == 1 else (),
            text=text,
            frames=tuple(_shown(plan) for plan in plans),
            usage={"prompt": len(ids), "image": sum(plan.tokens for plan in plans), "answer": len(tokens)},
            timings=clock.seconds,
            finish="stop" if stopped else "length",
        )

    def _check_length(self, prompt: int, plans: Sequence[Plan], answer: int) -> None:
        """Refuse what the language model cannot read to its end."""
        most = self.model.config.text.max_position_embeddings
        if prompt + answer <= most:
            return
        shares = ", ".join(str(plan.tokens) for plan in plans) or "none"
        raise InputError(
            f"the prompt takes {prompt} tokens (images: {shares}) and the answer up to {answer}, together "
            f"{prompt + answer}; the model has {most} (max_position_embeddings): lower the budget, give fewer images "
            "or less text, or lower max_tokens"
        )


def load(path_or_id: str | os.PathLike[str] | None = None, *, compute_dtype: str | None = None) -> Engine:
    """Load a checkpoint with its tokenizer, template and size limits.

    Args:
        path_or_id: a folder, a hub id ("owner/name"), or None for the packaged checkpoint, which knows generated
            screens only.
        compute_dtype: "float32", "bfloat16" or "float16"; None: float32 for the packaged checkpoint, which is small;
            else as `saccade.nets.load`: float32 on the CPU, on a GPU the checkpoint's own, but bfloat16 for a float16
            checkpoint, whose activations float16 does not hold on some images.

    Raises:
        FileNotFoundError: no such folder, or a file missing from it.
        InputError: a checkpoint that cannot be used, or a hub id that cannot be downloaded.
    """
    if path_or_id is None and compute_dtype is None:
        compute_dtype = "float32"
    return Engine(hub.find(path_or_id), compute_dtype=compute_dtype)


def _several(images: Any) -> list[Any]:
    return list(images) if isinstance(images, list | tuple) else [images]


def _question(images: Sequence[Any], text: str) -> Message:
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"text is {text!r}; ask something")
    return {"role": "user", "content": [*({"type": "image"} for _ in images), {"type": "text", "text": text}]}


def _shown(plan: Plan) -> Shown:
    return Shown(
        source_size=plan.source_size,
        processed_size=plan.resized_size,
        grid_thw=plan.grid_thw,
        scale=plan.scale,
        convention=plan.family.convention,
        tokens=plan.tokens,
        budget=plan.budget,
    )
