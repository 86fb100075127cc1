"""A checkpoint with its tokenizer, and the questions it can be asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from saccade import caches, families, grounding, nets
from saccade.budget import Plan
from saccade.engine import speech
from saccade.engine.answer import Answer, Shown
from saccade.engine.clock import Clock
from saccade.engine.sight import Sight
from saccade.errors import InputError
from saccade.prompts import Message, Prompts

__all__ = ["Engine"]

_LOCATE = "Locate {}, output its bbox coordinates using JSON format."


class Engine:
    """A loaded checkpoint with its tokenizer; `load` makes one."""

    def __init__(
        self,
        folder: Path,
        *,
        compute_dtype: str | None = None,
        cache_memory: int | str = caches.MEMORY_LIMIT,
        cache_dir: str | os.PathLike[str] | None = None,
        cache_dir_size: int | str = caches.FOLDER_LIMIT,
    ) -> None:
        """Read a checkpoint folder; arguments and errors as `load`."""
        self.model = nets.load(folder, compute_dtype=compute_dtype)
        self.prompts = Prompts(folder, self.model.config.image_token_id)
        vision = self.model.config.vision
        pixels = nets.preprocessor.read(folder, vision)
        self.family = replace(
            families.get(self.model.config.family),
            patch_size=vision.patch_size,
            merge_size=vision.spatial_merge_size,
            temporal_patch_size=vision.temporal_patch_size,
            window_size=vision.window_size,
            mean=pixels.mean,
            std=pixels.std,
        )
        self.store = caches.Store(self.model.visual, memory=cache_memory, folder=cache_dir, folder_size=cache_dir_size)
        self.sight = Sight(self.model, self.family, pixels.pixel_limits, self.store)

    @property
    def counts(self) -> caches.Counts:
        """What all requests so far took, and what the cache spared them."""
        return self.store.counts()

    def plan(self, image: Any, *, budget: int | str | None = None) -> Plan:
        """What this checkpoint would be shown of an image; reads the header only. As `saccade.plan`."""
        return self.sight.plan(image, budget)

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
        """One request from end to end; what cannot run is refused before the first pixel is decoded."""
        max_tokens = nets.answer_length(max_tokens, "max_tokens")
        clock = Clock()
        plans = [self.plan(image, budget=budget) for image in images]
        ids = self.prompts.encode(messages, [plan.tokens for plan in plans])
        self._check_length(len(ids), plans, max_tokens)
        views = self.sight.look(images, plans, clock)
        read = speech.prefill(self.model, self.store, ids, plans, views, clock)
        tokens = list(speech.tokens(self.model, read, max_tokens, clock))
        stopped = tokens[-1] in self.model.config.eos_token_ids
        text = self.prompts.decode(tokens[:-1] if stopped else tokens)
        return Answer(
            boxes=grounding.read(text, plans[0]) if len(plans) == 1 else (),
            text=text,
            frames=tuple(Shown.of(plan) for plan in plans),
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


def _several(images: Any) -> list[Any]:
    return list(images) if isinstance(images, list | tuple) else [images]


def _question(images: Sequence[Any], text: str) -> Message:
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"text is {text!r}; ask something")
    return {"role": "user", "content": [*({"type": "image"} for _ in images), {"type": "text", "text": text}]}
