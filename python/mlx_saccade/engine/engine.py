"""Ask a loaded checkpoint: locate, ask, chat, stream, and predictions of their cost."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, overload

from mlx_saccade import cache, families, media, models, validation
from mlx_saccade.backend import mx
from mlx_saccade.checkpoint import hub
from mlx_saccade.checkpoint.tokenizer import Message, Prompts, VideoPrompt, check_video_prompt
from mlx_saccade.engine import branches, hints, locating, owner, request, sampling
from mlx_saccade.engine import capture as captures
from mlx_saccade.engine import policy as policies
from mlx_saccade.engine.answer import Answer, Chunk, last_answer
from mlx_saccade.engine.closable import Closable
from mlx_saccade.engine.encoder import MediaEncoder
from mlx_saccade.engine.locating import Locator
from mlx_saccade.engine.memory_limit import MemoryLimit, read_limit
from mlx_saccade.engine.owner import OwnedGenerator, on_owner
from mlx_saccade.engine.policy import Policy, View
from mlx_saccade.engine.request import ImageOpener, Medium, Request
from mlx_saccade.engine.runner import PlannedRequest, Runner
from mlx_saccade.engine.shared_image import SharedImage
from mlx_saccade.errors import InputError, brief
from mlx_saccade.grounding.frames import ConventionName, check_convention
from mlx_saccade.media.image import check_format
from mlx_saccade.media.pixel_formats import PixelFormat
from mlx_saccade.media.region import Region
from mlx_saccade.preprocess import limits as pixel_limits
from mlx_saccade.preprocess import plan as plans
from mlx_saccade.preprocess.limits import Budget
from mlx_saccade.preprocess.patchify import Backend, check_backend
from mlx_saccade.preprocess.plan import Plan

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from mlx_saccade.engine.sampling import GenerateOptions
    from mlx_saccade.families import Family

__all__ = ["Engine"]

_LOCATE_TOKENS, _ASK_TOKENS = 256, 512
_SAMPLED = {"temperature": 0.9, "seed": 0}


class Engine(Closable):
    """A loaded checkpoint with its tokenizer; `load` makes one.

    Every question takes the options of `mlx_saccade.engine.sampling.GenerateOptions`: max_tokens, temperature, top_p,
    top_k, min_p, repetition_penalty, seed, stop, progress, convention. A `budget` is what `mlx_saccade.plan` takes, or
    a mapping in one of the spellings of `mlx_saccade.preprocess.limits`. An image's own budget wins over the request's,
    and the request's over the engine's.

    An engine may be used from any thread. All engines of a process work on one thread of their own, one call after
    another; calls wait for their turn. Ctrl-C and the option `cancel` stop a call at its next token or pass.
    """

    @on_owner
    def __init__(
        self,
        folder: Path,
        *,
        compute_dtype: str | None = None,
        budget: Budget = None,
        cache_memory: int | str = cache.MEMORY_LIMIT,
        cache_dir: str | os.PathLike[str] | None = None,
        cache_dir_size: int | str = cache.FOLDER_LIMIT,
        image_options: media.ImageOptions | None = None,
        memory_limit: int | str | None = None,
        convention: ConventionName = "auto",
        video_prompt: VideoPrompt = "outer",
        backend: Backend = "pillow",
    ) -> None:
        """Read a checkpoint folder; arguments and errors as `load`."""
        if image_options is not None and not isinstance(image_options, media.ImageOptions):
            raise InputError(
                f"image_options is {brief(image_options)}; give a mlx_saccade.media.ImageOptions, such as "
                "ImageOptions(color='ignore')"
            )
        check_convention(convention)
        check_video_prompt(video_prompt)
        check_backend(backend)
        default = pixel_limits.read(budget, "budget of the engine")
        cache_limit = validation.parse_bytes(cache_memory, "cache_memory")
        folder_limit = validation.parse_bytes(cache_dir_size, "cache_dir_size")
        disk = None if cache_dir is None else cache.Disk(cache_dir, folder_limit)
        limit = read_limit(memory_limit)  # before the weights take their part
        self.folder = folder
        self.model = models.load(folder, compute_dtype=compute_dtype, memory_limit=limit)
        config = self.model.config
        self.prompts = Prompts(
            folder,
            config.image_token_id,
            config.video_token_id,
            vision_pair=(config.vision_start_token_id, config.vision_end_token_id),
            video_prompt=video_prompt,
        )
        pixels = models.preprocessor_config.read(folder, config.vision, config.family)
        video, _ = models.video_preprocessor_config.read(folder, config.vision, config.family, pixels)
        self.family = _family(self.model, pixels, video)
        plans.limits(self.family, default.upper, 1, pixels.pixel_limits)  # refuses an unusable budget now
        self.store = cache.EngineCache(self.model.visual, cache_limit, disk)
        decoding = image_options or media.ImageOptions()
        self.encoder = MediaEncoder(
            self.model, self.family, pixels.pixel_limits, default, self.store, decoding, backend
        )
        self.memory_limit = MemoryLimit(self.model, self.store.lru, limit)
        self.runner = Runner(self.model, self.prompts, self.encoder, self.memory_limit, convention)
        self.locator = Locator(self.runner)
        self._streams: weakref.WeakSet[OwnedGenerator[Chunk]] = weakref.WeakSet()
        self._shared_images: weakref.WeakSet[SharedImage] = weakref.WeakSet()

    def __enter__(self) -> Engine:
        """Return the engine; the end of the `with` block closes it."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the engine."""
        self.close()

    def close(self) -> None:
        """Free the weights and the cache, after the calls before this one; streams and shared images end too.

        Other calls of a closed engine raise `InputError`; a second `close` does nothing.
        """
        if not self._closed:
            owner.call(self._close_dependents)
            owner.call(self._free)

    def _close_dependents(self) -> None:
        """Close all that holds the model."""
        for stream in list(self._streams):
            stream.close("its engine was closed")
        for image in list(self._shared_images):
            image.close()

    def _free(self) -> None:
        if not self._closed:
            self.store.clear()
        super()._free()
        mx.clear_cache()

    def __repr__(self) -> str:
        """Return the checkpoint, family, weights and budget in short."""
        if self._closed:
            return "Engine(closed)"
        quantization, dtype = self.model.config.quantization, str(self.model.visual.dtype).rpartition(".")[2]
        weights = dtype if quantization is None else f"{quantization.default.bits} bits over {dtype}"
        budget = "default" if self.encoder.default.upper is None else self.encoder.default.upper
        return (
            f"Engine({hub.name_of(self.folder)!r}, {self.family.name}, {weights}, "
            f"{models.memory.parameter_count(self.model) / 1e6:,.4g}M parameters, budget={budget!r})"
        )

    @property
    def counts(self) -> cache.Counts:
        """Work done by all requests so far, and work saved by the cache."""
        return self.store.counts()

    def open(self, image: media.Source, *, pixel_format: PixelFormat | None = None) -> media.Frame:
        """Return the pixels of an image, decoded with this engine's options; errors as `media.open_image`."""
        check_format(image, pixel_format)
        options = self.encoder.image_options
        return (options if pixel_format is None else replace(options, pixel_format=pixel_format)).open(image)

    def forget(self) -> None:
        """Clear the cache in memory, as after a change of the weights; the cache folder keeps its files."""
        self.store.clear()

    def plan(self, image: Any, *, budget: Budget = None) -> Plan:
        """Return this checkpoint's plan of an image, or of a (width, height); only the header is read."""
        levels = [pixel_limits.read(budget, "budget"), self.encoder.default]
        size = plans.source_size(image, self.encoder.image_options)
        return pixel_limits.choose(size, self.family, levels, self.encoder.pixel_limits)

    @overload
    def locate(
        self,
        image: Any,
        description: str,
        *,
        budget: Budget = None,
        policy: str | Policy | None = None,
        max_looks: int | None = None,
        pixel_format: PixelFormat | None = None,
        region: Region | None = None,
        origin: Sequence[float] = (0, 0),
        scale: float | Sequence[float] = 1,
        image_first: bool = True,
        constrained: bool = False,
        fit: bool = False,
        candidates: int = 1,
        **options: Unpack[GenerateOptions],
    ) -> Answer: ...

    @overload
    def locate(
        self,
        image: Any,
        description: Sequence[str],
        *,
        budget: Budget = None,
        policy: str | Policy | None = None,
        max_looks: int | None = None,
        pixel_format: PixelFormat | None = None,
        region: Region | None = None,
        origin: Sequence[float] = (0, 0),
        scale: float | Sequence[float] = 1,
        image_first: bool = True,
        constrained: bool = False,
        fit: bool = False,
        candidates: int = 1,
        **options: Unpack[GenerateOptions],
    ) -> list[Answer]: ...

    @on_owner
    def locate(
        self,
        image: Any,
        description: str | Sequence[str],
        *,
        budget: Budget = None,
        policy: str | Policy | None = None,
        max_looks: int | None = None,
        pixel_format: PixelFormat | None = None,
        region: Region | None = None,
        origin: Sequence[float] = (0, 0),
        scale: float | Sequence[float] = 1,
        image_first: bool = True,
        constrained: bool = False,
        fit: bool = False,
        candidates: int = 1,
        **options: Unpack[GenerateOptions],
    ) -> Answer | list[Answer]:
        """Find what a description names, or each of several.

        Args:
            image: what `mlx_saccade.media.open_image` takes; its file is read once.
            description: such as "the red round button", or a list of those, for which the image is encoded once.
                Special tokens in it are plain text.
            budget: of the image; with a policy, of each look. None: 1,280 tokens, or the checkpoint's cap if that is
                lower.
            policy: how often and where to look: "flat" (one look), "auto", "zoom", "search" or another name of
                `mlx_saccade.policies.names()`, with parameters as in "search:max_looks=20", or a function as
                `mlx_saccade.engine.policy.Policy`. None: "auto", which looks closer where the box of the first look is
                small or unsure; with a budget (the image's, this one or the engine's) or several candidates one look.
            max_looks: maximum looks of the policy for each description; None: its own default. 1 is the flat look.
            pixel_format: order of the channels of an array, such as "bgra" for a screen capture or "bgr" for an image
                of OpenCV. An array of four channels needs it; see `mlx_saccade.media.open_image`. A screenshot of
                mss, a `PIL.Image` and a file state their own.
            region: (x, y, width, height) of the part of the image to look in, in its pixels; None (default) is all of
                it. The part spends the budget as an image of its own. Boxes, points and clicks stay in pixels of the
                whole image.
            origin: (x, y) of the image's left upper corner on the desktop, in the units of the clicker; default
                (0, 0). It may be negative, as on a monitor to the left of the first.
            scale: pixels of the image for one unit of the clicker, a number or (x, y); default 1. A Retina display
                has 2. `Answer.screen_click` is `click` / scale + origin.
            image_first: False puts the words before the image, as Qwen's cookbook did.
            constrained: let the model write nothing but one box with its label, inside the image, or [].
            fit: let the image take fewer tokens if the model cannot read as many.
            candidates: most boxes to give in `Answer.candidates`, 1 to 16. Above 1 the model also writes answers that
                begin with the most likely other numbers, greedily and in one batch. Not together with a policy.
            options: as all questions; an answer has at most 256 tokens unless `max_tokens` says otherwise.

        Returns:
            The answer, or one for each description. Without a box `found` is False, `text` has the
            model's words, and `hint` says what may be the reason.

        Raises:
            InputError: an empty description, an image, budget, policy or option that cannot be used, or more tokens
                than the model can read.
            FileNotFoundError: no such image.

        Example:
            # Click on a button in the left half of the second monitor, Retina or not.
            with mss.MSS() as screens:
                monitor = screens.monitors[2]
                shot = screens.grab(monitor)
            answer = engine.locate(
                shot,
                "the save button",
                region=(0, 0, shot.size.width // 2, shot.size.height),
                origin=(monitor["left"], monitor["top"]),
                scale=shot.size.width / monitor["width"],
            )
            if answer.screen_click is not None:
                pyautogui.click(*answer.screen_click)
        """
        descriptions = request.descriptions(description)
        capture = captures.of(pixel_format, region, origin, scale)
        count = branches.check_count(candidates)
        settings = sampling.read(options, _LOCATE_TOKENS, self.locate)
        if count > 1 and (policy is not None or max_looks is not None):
            raise InputError(f"candidates: expected 1 with a policy or max_looks; got {count}. Leave one of them out")
        limits = pixel_limits.read(budget, "budget")
        requests = [
            request.with_capture(request.place(image, words, image_first=image_first), capture)
            for words in descriptions
        ]
        medium = requests[0].media[0]
        if policy is None and count == 1:
            levels = medium.limits, limits, self.encoder.default
            if max_looks is not None or all(level == pixel_limits.NO_LIMITS for level in levels):
                policy = policies.DEFAULT
        if policy is not None:
            given = budget if medium.limits == pixel_limits.NO_LIMITS else medium.limits.over(limits)
            how = {"budget": given, "image_first": image_first, "constrained": constrained, "fit": fit, **options}
            answers = self._follow_policy(medium, descriptions, policy, max_looks, how)
            return answers[0] if isinstance(description, str) else answers
        opener = self.runner.opener()
        planned = [self.runner.plan(one, limits, settings, fit=fit, opener=opener) for one in requests]
        together = zip(
            self.locator.answer_together(planned, constrained=constrained, candidates=count), descriptions, strict=True
        )
        answers = [hints.locating(answer, words) for answer, words in together]
        return answers[0] if isinstance(description, str) else answers

    @on_owner
    def look(
        self,
        frame: media.Frame,
        views: Sequence[View],
        *,
        budget: Budget = None,
        image_first: bool = True,
        constrained: bool = False,
        fit: bool = False,
        **options: Unpack[GenerateOptions],
    ) -> list[Answer]:
        """Locate descriptions in crops of an image; policies are made of this.

        Each crop is encoded once. Several crops run as rows of one batch; several descriptions of one crop share the
        image's tokens where prompts are cached.

        Args:
            frame: the whole image, as `open` returns it, or what `open` takes.
            views: pairs of a crop (x1, y1, x2, y2) in whole pixels and a description.
            budget: of each crop.
            image_first: as `locate`.
            constrained: as `locate`.
            fit: as `locate`.
            options: as `locate`.

        Returns:
            One answer for each view, in pixels of the whole image; answers that ran together share their seconds.

        Raises:
            InputError: as `locate`, views that are no such pairs, or a crop that is empty or leaves the image.
        """
        settings = sampling.read(options, _LOCATE_TOKENS, self.look)

        def answer(planned: Sequence[PlannedRequest]) -> list[list[Answer]]:
            return [[one] for one in self.locator.answer_views(planned, constrained=constrained)]

        return [one for (one,) in self._look(frame, views, answer, settings, budget, image_first=image_first, fit=fit)]

    @on_owner
    def sample_looks(
        self,
        frame: media.Frame,
        views: Sequence[View],
        samples: int,
        *,
        budget: Budget = None,
        image_first: bool = True,
        constrained: bool = False,
        fit: bool = False,
        **options: Unpack[GenerateOptions],
    ) -> list[list[Answer]]:
        """Locate each description several times in its crop, with tokens drawn at random.

        The image is encoded and the prompt is read once for all samples of a view; these run as rows of one batch.

        Args:
            frame: as `look`.
            views: as `look`.
            samples: answers to each view, at least 1.
            budget: as `look`.
            image_first: as `locate`.
            constrained: as `locate`.
            fit: as `locate`.
            options: as `locate`. `temperature` is 0.9 and `seed` is 0 if they are left out. Sample i, from 0, is the
                answer of `look` with the seed plus i.

        Returns:
            For each view its answers, in pixels of the whole image, with their `token_probability`. Usage and timings
            of the first have the image and the prompt; those of the others have their own tokens alone.

        Raises:
            InputError: as `look`, or `samples` is not a whole number of at least 1.
        """
        count = validation.at_least(1, samples, "samples")
        settings = sampling.read({**_SAMPLED, **options}, _LOCATE_TOKENS, self.sample_looks)
        answer = partial(self.locator.answer_samples, count=count, constrained=constrained)
        return self._look(frame, views, answer, settings, budget, image_first=image_first, fit=fit)

    @on_owner
    def ask(
        self,
        images: Any,
        text: str,
        *,
        budget: Budget = None,
        pixel_format: PixelFormat | None = None,
        region: Region | None = None,
        origin: Sequence[float] = (0, 0),
        scale: float | Sequence[float] = 1,
        system: str | None = None,
        fit: bool = False,
        **options: Unpack[GenerateOptions],
    ) -> Answer:
        """Ask about images, which stand before the text.

        Args:
            images: one image or `mlx_saccade.media.Video`, or a list of them (an empty one asks without). Each may be
                a part of a message as `chat` takes it, with its own budget.
            text: the question.
            budget: of each image without its own.
            pixel_format: as `locate`, of each array without its own.
            region: as `locate`, if there is exactly one image. Of several, each has its own in its part.
            origin: as `region`.
            scale: as `region`.
            system: a system message in place of the template's own.
            fit: let images take fewer tokens if the model cannot read as many.
            options: as all questions; an answer has at most 512 tokens unless `max_tokens` says otherwise.

        Returns:
            The answer. Boxes are read if there is exactly one image, since the text does not say whose they are.

        Raises:
            InputError, FileNotFoundError: as `locate`.
        """
        capture = captures.of(pixel_format, region, origin, scale)
        question = request.with_capture(request.question(images, text, system), capture)
        return last_answer(self._start(question, budget, fit, options, self.ask))

    @on_owner
    def chat(
        self,
        messages: Sequence[Message],
        *,
        budget: Budget = None,
        fit: bool = False,
        **options: Unpack[GenerateOptions],
    ) -> Answer:
        """Answer a conversation.

        Args:
            messages: [{"role": "user", "content": [{"type": "image", "image": ..., "budget": 512}, {"type": "text",
                "text": ...}]}, ...], or messages of OpenAI, Anthropic, MCP or transformers, as
                docs/guides/messages.md lists them. The order of the parts is kept, and any turn may have images. An
                image's part may have its pixel_format, region, origin and scale, as `locate` takes them.
            budget: of each image without its own.
            fit: as `ask`.
            options: as `ask`.

        Returns:
            As `ask`.

        Raises:
            InputError: as `locate`, and messages of another form.
            FileNotFoundError: no such image.
        """
        return last_answer(self._start(request.conversation(messages), budget, fit, options, self.chat))

    def stream(
        self,
        images: Any,
        text: str | None = None,
        *,
        budget: Budget = None,
        pixel_format: PixelFormat | None = None,
        region: Region | None = None,
        origin: Sequence[float] = (0, 0),
        scale: float | Sequence[float] = 1,
        system: str | None = None,
        fit: bool = False,
        **options: Unpack[GenerateOptions],
    ) -> Generator[Chunk, None, None]:
        """Answer in chunks: whole characters as they are generated; the last chunk carries the answer.

        Streams may be read in turn, and from any thread. `close()` stops one early, as does dropping it.

        Args:
            images: as `ask`; or, without a text, messages as `chat`.
            text: as `ask`.
            budget: as `ask`.
            pixel_format: as `ask`.
            region: as `ask`.
            origin: as `ask`.
            scale: as `ask`.
            system: as `ask`.
            fit: as `ask`.
            options: as `ask`.

        Raises:
            InputError, FileNotFoundError: as `ask`, at once and not at the first chunk.
        """
        cancel = options.get("cancel")
        capture = captures.of(pixel_format, region, origin, scale)
        question = request.with_capture(_either(images, text, system), capture)

        def start() -> OwnedGenerator[Chunk]:
            chunks = self._start(question, budget, fit, options, self.stream)
            stream = OwnedGenerator(chunks, cancel)
            self._streams.add(stream)
            return stream

        return owner.call(start, cancel)

    @on_owner
    def ask_batch(
        self,
        questions: Sequence[tuple[Any, str] | Sequence[Message]],
        *,
        budget: Budget = None,
        system: str | None = None,
        fit: bool = False,
        **options: Unpack[GenerateOptions],
    ) -> list[Answer]:
        """Answer several questions at once, each as it is answered alone.

        The language model reads all of them in one pass, and writes a token of each in one pass. Many short answers
        take less time than one after another; memory is that of all prompts at the length of the longest.

        Args:
            questions: each (images, text) as `ask`, or messages as `chat`.
            budget: as `ask`.
            system: as `ask`, for questions that are not messages.
            fit: as `ask`.
            options: as `ask`.

        Returns:
            One answer for each question; the timings of each are those of all.

        Raises:
            InputError, FileNotFoundError: as `ask`, for the first question that cannot be asked, or if all at once
                take more than the memory limit; no question is then answered.
        """
        if not isinstance(questions, list | tuple) or not questions:
            raise InputError("questions: give a list of (images, text) or of messages, at least one")
        limits, settings = pixel_limits.read(budget, "budget"), sampling.read(options, _ASK_TOKENS, self.ask_batch)
        opener = self.runner.opener()

        def plan(number: int, question: Any) -> PlannedRequest:
            try:
                one = request.question(*question, system) if _is_question(question) else _either(question, None, None)
                return self.runner.plan(one, limits, settings, fit=fit, opener=opener)
            except InputError as error:
                raise InputError(f"question {number}: {error}") from None

        return self.runner.run_rows([plan(number, question) for number, question in enumerate(questions)])

    @on_owner
    def shared_image(
        self,
        image: Any,
        *,
        budget: Budget = None,
        pixel_format: PixelFormat | None = None,
        region: Region | None = None,
        origin: Sequence[float] = (0, 0),
        scale: float | Sequence[float] = 1,
    ) -> SharedImage:
        """Encode an image once, for many questions about it that run in rows.

        Args:
            image: an image, video or part of a message, as `ask` takes it.
            budget: of the image without its own.
            pixel_format: as `locate`.
            region: as `locate`.
            origin: as `locate`.
            scale: as `locate`.

        Returns:
            The image, with methods `locate` and `ask`, which take lists. Their answers are greedy.

        Raises:
            InputError, FileNotFoundError: as `ask`.
        """
        capture = captures.of(pixel_format, region, origin, scale)
        one = request.with_capture(Request((), (request.medium(image),)), capture).media[0]
        shared = SharedImage(self.runner, one, pixel_limits.read(budget, "budget"))
        self._shared_images.add(shared)
        return shared

    def count_tokens(
        self, images: Any, text: str | None = None, *, budget: Budget = None, system: str | None = None
    ) -> int:
        """Return the tokens of the prompt that `ask` or `chat` would make; of files, only headers are read.

        Arguments and errors as `stream`.
        """
        _, ids = self.runner.count(_either(images, text, system), pixel_limits.read(budget, "budget"))
        return len(ids)

    def estimate(
        self, images_or_sizes: Any, text: str = "", *, budget: Budget = None, max_tokens: int = _ASK_TOKENS
    ) -> models.Estimate:
        """Predict the memory of a question without running it; of files, only headers are read.

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
        several = images_or_sizes if isinstance(images_or_sizes, list) else [images_or_sizes]
        items = tuple(request.medium(one) for one in several)
        parts = [*({"type": one.kind} for one in items), {"type": "text", "text": text}]
        question = Request(({"role": "user", "content": parts},), items)
        image_plans, ids = self.runner.count(question, pixel_limits.read(budget, "budget"))
        return self.memory_limit.estimate(image_plans, len(ids), validation.at_least(1, max_tokens, "max_tokens"))

    def _look(
        self,
        frame: media.Frame,
        views: Sequence[View],
        answer: Callable[[Sequence[PlannedRequest]], Sequence[Sequence[Answer]]],
        settings: sampling.Settings,
        budget: Budget,
        *,
        image_first: bool,
        fit: bool,
    ) -> list[list[Answer]]:
        limits = pixel_limits.read(budget, "budget")

        def plan(one: Request, opener: ImageOpener) -> PlannedRequest:
            return self.runner.plan(one, limits, settings, fit=fit, opener=opener)

        frame, views = self.open(frame), policies.check_views(views)
        return locating.look(frame, views, self.runner, plan, answer, image_first=image_first)

    def _follow_policy(
        self,
        medium: Medium,
        descriptions: Sequence[str],
        policy: str | Policy,
        max_looks: int | None,
        options: Mapping[str, Any],
    ) -> list[Answer]:
        """Answer with a policy; the pixels of an image whose features are cached may never be decoded."""
        chosen, values = policies.choose(policy, max_looks)
        for name in values.keys() & options.keys():
            raise InputError(f"{name}: expected once; got it in policy={brief(policy)} too. Leave one out")
        opened = self.runner.opener().open(Request((), (medium,))).media[0]
        opened.size(self.encoder.image_options)  # refuses a region outside
        with opened.image as image, self.store.features_kept():
            answers = list(chosen(self, media.LazyFrame(image), descriptions, **values, **options))
        if len(answers) != len(descriptions) or not all(isinstance(answer, Answer) for answer in answers):
            got = len(answers) if len(answers) != len(descriptions) else brief(answers[0])
            raise InputError(f"policy: expected {len(descriptions)} answers; got {got}. Return one a description")
        return [locating.with_screen(answer, medium.capture, image.whole_size) for answer in answers]

    def _start(
        self,
        question: Request,
        budget: Budget,
        fit: bool,
        options: Mapping[str, Any],
        method: Callable[..., Any],
    ) -> Generator[Chunk, None, None]:
        settings = sampling.read(options, _ASK_TOKENS, method)
        return self.runner.run(self.runner.plan(question, pixel_limits.read(budget, "budget"), settings, fit=fit))


def _family(
    model: models.Model, pixels: models.preprocessor_config.Preprocessor, video: families.VideoDefaults
) -> Family:
    """Return the family of a checkpoint, with the geometry of its config and the values of its preprocessors."""
    vision = model.config.vision
    return replace(
        families.get(model.config.family),
        patch_size=vision.patch_size,
        merge_size=vision.spatial_merge_size,
        temporal_patch_size=vision.temporal_patch_size,
        window_size=vision.window_size,
        mean=pixels.mean,
        std=pixels.std,
        video=video,
    )


def _either(images: Any, text: str | None, system: str | None) -> Request:
    if text is not None:
        return request.question(images, text, system)
    if system is not None:
        raise InputError("system is given beside messages; make it the first of them")
    return request.conversation(images)


def _is_question(question: Any) -> TypeGuard[tuple[Any, str]]:
    return isinstance(question, tuple) and len(question) == 2 and isinstance(question[1], str)
