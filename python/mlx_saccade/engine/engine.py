"""A checkpoint with its tokenizer, and the questions it can be asked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, overload

from mlx_saccade import cache, families, media, models, validation
from mlx_saccade.checkpoint.tokenizer import Message, Prompts
from mlx_saccade.engine import request, sampling
from mlx_saccade.engine.answer import Answer, Chunk, StageTimer
from mlx_saccade.engine.encoder import MediaEncoder
from mlx_saccade.engine.grammar import BoxGrammar, Constraint, Vocabulary
from mlx_saccade.engine.memory_limit import MemoryLimit, read_limit
from mlx_saccade.engine.request import Request
from mlx_saccade.engine.runner import PlannedRequest, Runner
from mlx_saccade.engine.sampling import Settings
from mlx_saccade.errors import InputError, brief
from mlx_saccade.preprocess import limits as options
from mlx_saccade.preprocess import plan as budgets
from mlx_saccade.preprocess.limits import Budget, PixelLimits
from mlx_saccade.preprocess.plan import Plan

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from mlx_saccade.engine.sampling import GenerateOptions

__all__ = ["Engine"]

_LOCATE_TOKENS, _ASK_TOKENS = 256, 512


class Engine:
    """A loaded checkpoint with its tokenizer; `load` makes one.

    Every question takes the options of `mlx_saccade.engine.sampling.GenerateOptions`: max_tokens, temperature, top_p,
    top_k, min_p, repetition_penalty, seed, stop, progress. A `budget` is what `mlx_saccade.plan` takes, or a mapping in
    one of the spellings of `mlx_saccade.preprocess.limits`. An image's own budget wins over the request's, and the
    request's over the engine's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        compute_dtype: str | None = None,
        budget: Budget = None,
        cache_memory: int | str = cache.MEMORY_LIMIT,
        cache_dir: str | os.PathLike[str] | None = None,
        cache_dir_size: int | str = cache.FOLDER_LIMIT,
        reading: media.ImageOptions | None = None,
        memory_limit: int | str | None = None,
    ) -> None:
        """Read a checkpoint folder; arguments and errors as `load`."""
        if reading is not None and not isinstance(reading, media.ImageOptions):
            raise InputError(
                f"reading is {brief(reading)}; give a mlx_saccade.media.ImageOptions, such as Reading(color='ignore')"
            )
        default = options.read(budget, "budget of the engine")
        limit = validation.parse_bytes(cache_memory, "cache_memory")
        folder_limit = validation.parse_bytes(cache_dir_size, "cache_dir_size")
        disk = None if cache_dir is None else cache.Disk(cache_dir, folder_limit)
        most = read_limit(memory_limit)  # before the weights take their part
        self.model = models.load(folder, compute_dtype=compute_dtype, memory_limit=most)
        config = self.model.config
        self.prompts = Prompts(folder, config.image_token_id, config.video_token_id)
        vision = config.vision
        pixels = models.preprocessor_config.read(folder, vision, config.family)
        self.family = replace(
            families.get(self.model.config.family),
            patch_size=vision.patch_size,
            merge_size=vision.spatial_merge_size,
            temporal_patch_size=vision.temporal_patch_size,
            window_size=vision.window_size,
            mean=pixels.mean,
            std=pixels.std,
        )
        budgets.limits(self.family, default.upper, 1, pixels.pixel_limits)  # a name that is none is refused now
        self.store = cache.EngineCache(self.model.visual, limit, disk)
        self.sight = MediaEncoder(
            self.model, self.family, pixels.pixel_limits, default, self.store, reading or media.ImageOptions()
        )
        self.room = MemoryLimit(self.model, self.store.ledger, most)
        self.runner = Runner(self.model, self.prompts, self.sight, self.room)
        self._vocabulary: tuple[Vocabulary, list[bytes | None]] | None = None

    @property
    def counts(self) -> cache.Counts:
        """What all requests so far took, and what the cache spared them."""
        return self.store.counts()

    def open(self, image: media.Source) -> media.Frame:
        """The pixels of an image, read as this engine reads images; errors as `mlx_saccade.media.open_image`."""
        return self.sight.reading.open(image)

    def forget(self) -> None:
        """Drop what is kept in memory, as after a change of the weights; the cache folder keeps its files."""
        self.store.clear()

    def plan(self, image: Any, *, budget: Budget = None) -> Plan:
        """What this checkpoint would be shown of an image, or of a (width, height); reads the header only."""
        levels = [options.read(budget, "budget"), self.sight.default]
        return options.choose(
            budgets.source_size(image, self.sight.reading), self.family, levels, self.sight.pixel_limits
        )

    @overload
    def locate(
        self,
        image: Any,
        description: str,
        *,
        budget: Budget = None,
        image_first: bool = True,
        constrained: bool = False,
        fit: bool = False,
        **how: Unpack[GenerateOptions],
    ) -> Answer: ...

    @overload
    def locate(
        self,
        image: Any,
        description: Sequence[str],
        *,
        budget: Budget = None,
        image_first: bool = True,
        constrained: bool = False,
        fit: bool = False,
        **how: Unpack[GenerateOptions],
    ) -> list[Answer]: ...

    def locate(
        self,
        image: Any,
        description: str | Sequence[str],
        *,
        budget: Budget = None,
        image_first: bool = True,
        constrained: bool = False,
        fit: bool = False,
        **how: Unpack[GenerateOptions],
    ) -> Answer | list[Answer]:
        """Find what a description names, or each of several.

        Args:
            image: what `mlx_saccade.media.open_image` takes.
            description: such as "the red round button", or a list of those: the image is then looked at once. Special
                tokens in it are plain text.
            budget: of the image.
            image_first: False puts the words before the image, as Qwen's cookbook did.
            constrained: let the model write nothing but one box with its label, inside the image, or [].
            fit: let the image take fewer tokens where the model cannot read as many.
            how: as all questions; an answer has at most 256 tokens unless `max_tokens` says otherwise.

        Returns:
            The answer, or one a description; one without a box has `found` false, and its text says what the model
            said instead.

        Raises:
            InputError: an empty description, an image, budget or option that cannot be used, or more tokens than the
                model can read.
            FileNotFoundError: no such image.
        """
        descriptions = [description] if isinstance(description, str) else _descriptions(description)
        made, asked = sampling.read(how, _LOCATE_TOKENS), options.read(budget, "budget")
        requests = [request.place(image, words, image_first=image_first) for words in descriptions]
        ready = [self.runner.prepare(one, asked, made, fit=fit) for one in requests]
        answers = self._share_sight(ready, constrained=constrained)
        return answers[0] if isinstance(description, str) else answers

    def ask(
        self,
        images: Any,
        text: str,
        *,
        budget: Budget = None,
        system: str | None = None,
        fit: bool = False,
        **how: Unpack[GenerateOptions],
    ) -> Answer:
        """Ask about images, which are put before the text.

        Args:
            images: one image or `mlx_saccade.media.Video`, or a list of them (an empty one asks without); of each,
            also a
                part of a message as `chat` takes it, which may have its own budget.
            text: the question.
            budget: of each image without its own.
            system: a system message in place of the template's own.
            fit: let images take fewer tokens where the model cannot read as many.
            how: as all questions; an answer has at most 512 tokens unless `max_tokens` says otherwise.

        Returns:
            The answer; boxes are read where there is exactly one image, since the text does not say whose they are.

        Raises:
            InputError, FileNotFoundError: as `locate`.
        """
        return _last(self._start(request.question(images, text, system), budget, fit, how))

    def chat(
        self, messages: Sequence[Message], *, budget: Budget = None, fit: bool = False, **how: Unpack[GenerateOptions]
    ) -> Answer:
        """Answer a conversation.

        Args:
            messages: [{"role": "user", "content": [{"type": "image", "image": ..., "budget": 512}, {"type": "text",
                "text": ...}]}, ...]: form and options are those of `mlx_saccade.engine.request`, the order of the
                parts is kept, and any turn may show images.
            budget: of each image without its own.
            fit: as `ask`.
            how: as `ask`.

        Returns:
            As `ask`.

        Raises:
            InputError: as `locate`, and messages of another form.
            FileNotFoundError: no such image.
        """
        return _last(self._start(request.conversation(messages), budget, fit, how))

    def stream(
        self,
        images: Any,
        text: str | None = None,
        *,
        budget: Budget = None,
        system: str | None = None,
        fit: bool = False,
        **how: Unpack[GenerateOptions],
    ) -> Iterator[Chunk]:
        """Answer piece by piece: whole characters as they come, and the last piece carries the answer.

        Args:
            images: as `ask`; or, where there is no text, messages as `chat`.
            text: as `ask`.
            budget: as `ask`.
            system: as `ask`.
            fit: as `ask`.
            how: as `ask`.

        Raises:
            InputError, FileNotFoundError: as `ask`, at once and not at the first piece.
        """
        return self._start(_either(images, text, system), budget, fit, how)

    def ask_batch(
        self,
        questions: Sequence[tuple[Any, str] | Sequence[Message]],
        *,
        budget: Budget = None,
        system: str | None = None,
        fit: bool = False,
        **how: Unpack[GenerateOptions],
    ) -> list[Answer]:
        """Answer several questions at once, each as it is answered alone.

        One pass of the language model reads, and writes a token of, all of them, so that many short answers take less
        time than one after another; memory is that of all prompts at the length of the longest.

        Args:
            questions: of each (images, text) as `ask`, or messages as `chat`.
            budget: as `ask`.
            system: as `ask`, of questions that are no messages.
            fit: as `ask`.
            how: as `ask`.

        Returns:
            One answer a question; the timings of each are those of all.

        Raises:
            InputError, FileNotFoundError: as `ask`, for the first question that cannot be asked, or where all at once
                take more than the memory limit; none is then answered.
        """
        if not isinstance(questions, list | tuple) or not questions:
            raise InputError("questions: give a list of (images, text) or of messages, at least one")
        limits, made = options.read(budget, "budget"), sampling.read(how, _ASK_TOKENS)
        ready = [self._ready(number, asked, system, limits, made, fit) for number, asked in enumerate(questions)]
        return self.runner.run_rows(ready)

    def count_tokens(
        self, images: Any, text: str | None = None, *, budget: Budget = None, system: str | None = None
    ) -> int:
        """Tokens of the prompt that `ask` or `chat` would make, without running it; of files, only headers are read.

        Arguments and errors as `stream`.
        """
        _, ids = self.runner.count(_either(images, text, system), options.read(budget, "budget"))
        return len(ids)

    def estimate(
        self, images_or_sizes: Any, text: str = "", *, budget: Budget = None, max_tokens: int = _ASK_TOKENS
    ) -> models.Estimate:
        """Bytes that a question would take, without running it; of files, only headers are read.

        Args:
            images_or_sizes: an image, video or part of a message as `ask` takes it, or an image's size (width, height),
                or a list of those.
            text: the question.
            budget: of each image.
            max_tokens: of the answer.

        Returns:
            The prediction, in bytes of MLX's memory; `.peak` is what `memory_limit` bounds.

        Raises:
            InputError, FileNotFoundError: as `plan`.
        """
        given = images_or_sizes if isinstance(images_or_sizes, list) else [images_or_sizes]
        shown = tuple(request.medium(one) for one in given)
        parts = [*({"type": one.kind} for one in shown), {"type": "text", "text": text}]
        asked = Request(({"role": "user", "content": parts},), shown)
        plans, ids = self.runner.count(asked, options.read(budget, "budget"))
        return self.room.estimate(plans, len(ids), validation.at_least(1, max_tokens, "max_tokens"))

    def _start(self, asked: Request, budget: Budget, fit: bool, how: Mapping[str, Any]) -> Iterator[Chunk]:
        limits = options.read(budget, "budget")
        ready = self.runner.prepare(asked, limits, sampling.read(how, _ASK_TOKENS), fit=fit)
        return self.runner.run(ready)

    def _ready(
        self, number: int, asked: Any, system: str | None, limits: PixelLimits, made: Settings, fit: bool
    ) -> PlannedRequest:
        """One question of a batch."""
        try:
            one = request.question(*asked, system) if _is_question(asked) else _either(asked, None, None)
            return self.runner.prepare(one, limits, made, fit=fit)
        except InputError as error:
            raise InputError(f"question {number}: {error}") from None

    def _share_sight(self, ready: Sequence[PlannedRequest], *, constrained: bool) -> list[Answer]:
        """Answers to questions about the same media; what they take to be seen counts to the first."""
        answers, seen = [], {}
        for one in ready:
            clock, plans = StageTimer(), one.plans
            if plans not in seen:  # `fit` may give a longer description a smaller image
                seen[plans] = self.runner.look(one, clock)
            allowed = self._only_boxes(plans[0]) if constrained else None
            answers.append(_last(self.runner.run(one, seen=seen[plans], allowed=allowed, clock=clock)))
        return answers

    def _only_boxes(self, plan: Plan) -> Constraint:
        """What may come next in an answer that is one box of a plan's image, in its family's convention."""
        if self._vocabulary is None:
            tokens = self.prompts.token_bytes()
            self._vocabulary = Vocabulary(tokens, self.model.config.eos_token_ids), tokens
        vocabulary, tokens = self._vocabulary
        limits = {"absolute": plan.resized_size, "thousandths": (1000, 1000)}
        if plan.family.convention not in limits:
            raise InputError(f"constrained: {plan.family.convention} are no whole numbers; leave it out")
        return Constraint(BoxGrammar(limits[plan.family.convention]), vocabulary, tokens)


def _either(images: Any, text: str | None, system: str | None) -> Request:
    if text is not None:
        return request.question(images, text, system)
    if system is not None:
        raise InputError("system is given beside messages; make it the first of them")
    return request.conversation(images)


def _is_question(asked: Any) -> TypeGuard[tuple[Any, str]]:
    return isinstance(asked, tuple) and len(asked) == 2 and isinstance(asked[1], str)


def _last(pieces: Iterator[Chunk]) -> Answer:
    for piece in pieces:
        if piece.answer is not None:
            return piece.answer
    raise RuntimeError("a run ends with its answer")


def _descriptions(given: Any) -> list[str]:
    if not isinstance(given, list | tuple) or not given:
        raise InputError(f"description is {brief(given)}; say in words what to find, or give a list of those")
    return list(given)
