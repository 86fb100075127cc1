"""Run one request from end to end: plan it, or refuse it before a pixel is decoded; then encode, read and answer."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mlx_saccade import grounding
from mlx_saccade.backend import mx
from mlx_saccade.checkpoint.tokenizer import Prompts, TimedVideo
from mlx_saccade.engine import branches, owner, prefill
from mlx_saccade.engine.answer import Answer, Candidate, Chunk, FrameInfo, StageTimer
from mlx_saccade.engine.capture import WHOLE
from mlx_saccade.engine.confidence import NumberTokens, TokenRecorder, observe_rows
from mlx_saccade.engine.detokenizer import StreamDetokenizer
from mlx_saccade.engine.encoder import EncodedMedia, MediaEncoder
from mlx_saccade.engine.memory_limit import MemoryLimit
from mlx_saccade.engine.prefill import Allowed, PrefilledPrompt
from mlx_saccade.engine.request import ImageOpener, Medium, Request
from mlx_saccade.engine.sampling import Settings
from mlx_saccade.errors import InputError, quantity
from mlx_saccade.grounding.frames import ConventionName
from mlx_saccade.media import Video
from mlx_saccade.models import Model
from mlx_saccade.preprocess.limits import PixelLimits
from mlx_saccade.preprocess.plan import Plan, kinds_of

__all__ = ["ROWS", "PlannedRequest", "Runner"]

ROWS = 16
"""Prompts that go through the language model together at most; each has its own keys and values."""


@dataclass(frozen=True)
class PlannedRequest:
    """A request that can run.

    Attributes:
        request: the messages and media; its images are opened.
        plans: one for each medium.
        tokens_without_fit: tokens of each medium, more than its plan's where `fit` reduced it.
        ids: of the prompt.
        settings: how it is answered.
        peak: bytes that it takes, with the weights.
    """

    request: Request
    plans: tuple[Plan, ...]
    tokens_without_fit: tuple[int, ...]
    ids: list[int]
    settings: Settings
    peak: int


class Runner:
    """The path of a request through the parts of an engine."""

    def __init__(
        self,
        model: Model,
        prompts: Prompts,
        encoder: MediaEncoder,
        memory_limit: MemoryLimit,
        convention: ConventionName = "auto",
    ) -> None:
        """Take the parts of an engine, and the convention of answers whose request names none."""
        self.model, self.prompts, self.encoder, self.memory_limit = model, prompts, encoder, memory_limit
        self.convention = convention
        self._numbers: NumberTokens | None = None

    def opener(self) -> ImageOpener:
        """Return a new opener, for the images of one question."""
        return ImageOpener(self.encoder.image_options)

    def count(self, request: Request, limits: PixelLimits) -> tuple[list[Plan], list[int]]:
        """Return plans and prompt ids of a request; of images only headers are read, of films their packets' times."""
        request = request.with_videos(self.encoder.family)
        plans = [self.encoder.plan(medium, limits) for medium in request.media]
        return plans, self.encode_prompt(request, plans)

    def encode_prompt(self, request: Request, plans: Sequence[Plan]) -> list[int]:
        """Return token ids of a prompt whose media take as many tokens as their plans say."""
        images: list[int] = []
        videos: list[Any] = []
        for medium, plan in zip(request.media, plans, strict=True):
            if medium.kind == "image":
                images.append(plan.tokens)
            elif self.model.family.timed_words:
                seconds = tuple(medium.source.times(plan.family.temporal_patch_size))
                videos.append(TimedVideo(seconds, plan.tokens // plan.frames))
            else:
                videos.append(plan.tokens)
        return self.prompts.encode(request.messages, images, videos)

    def plan(
        self,
        request: Request,
        limits: PixelLimits,
        settings: Settings,
        *,
        fit: bool,
        opener: ImageOpener | None = None,
    ) -> PlannedRequest:
        """Plan a request, and refuse it if the language model cannot read it to its end.

        Args:
            request: its images are opened here, each file once.
            limits: on images without their own.
            settings: how it is answered.
            fit: let images take fewer tokens instead of refusing.
            opener: shares images with other requests of the same question; None: nothing is shared.

        Raises:
            InputError: prompt and answer are longer than the model can read, or take more than the memory limit.
            CancelledError: the caller has stopped the call.
        """
        owner.checkpoint()  # a question may have thousands of descriptions
        request = (opener or self.opener()).open(request.with_videos(self.encoder.family))
        plans, ids = self.count(request, limits)
        tokens = tuple(plan.tokens for plan in plans)
        room = self.model.config.text.max_position_embeddings - settings.max_tokens
        if len(ids) > room and fit:
            left = room - (len(ids) - sum(tokens))
            plans = _fitted(self.encoder, request.media, limits, plans, left) or plans
            ids = self.encode_prompt(request, plans)
        self.require_context(ids, plans, settings, fit=fit)
        under = partial(_capped, self.encoder, request.media, limits, plans)
        peak = self.memory_limit.require(plans, len(ids), settings.max_tokens, under)
        return PlannedRequest(request, tuple(plans), tokens, ids, settings, peak)

    def require_context(
        self, ids: Sequence[int], plans: Sequence[Plan], settings: Settings, *, fit: bool = False
    ) -> None:
        """Refuse a prompt that the language model cannot read to the end of the answer.

        Raises:
            InputError: the numbers, and what to lower; `fit` says that smaller images were tried.
        """
        context = self.model.config.text.max_position_embeddings
        if len(ids) > context - settings.max_tokens:
            raise _refusal(len(ids), plans, settings.max_tokens, context, fit=fit)

    def encode(self, planned: PlannedRequest, timer: StageTimer, *, later: Sequence[Medium] = ()) -> list[EncodedMedia]:
        """Encode a request's media; `timer` and `later` as `MediaEncoder.encode`."""
        self.memory_limit.evict_for(planned.peak)
        progress = planned.settings.progress
        return self.encoder.encode(planned.request.media, planned.plans, timer, progress, later=later)

    def run(
        self,
        planned: PlannedRequest,
        *,
        encoded: Sequence[EncodedMedia] | None = None,
        constraint: Callable[[], Allowed] | None = None,
        timer: StageTimer | None = None,
        candidates: int = 1,
    ) -> Generator[Chunk, None, None]:
        """Yield the answer's text as it is generated; the last chunk carries the answer.

        Args:
            planned: from `plan`.
            encoded: its media, if they are encoded already.
            constraint: makes the function that returns the tokens that may come next in one answer; None: all may.
            timer: holds the time that `encoded` took.
            candidates: most boxes to give in `Answer.candidates`; 1 takes no further work.
        """
        timer, settings = timer or StageTimer(), planned.settings
        if encoded is None:
            encoded = self.encode(planned, timer)
        self.memory_limit.evict_for(planned.peak)
        prefilled = prefill.prefill(self.model, self.encoder.store, planned.ids, encoded, timer, settings.progress)
        detokenizer, recorder = StreamDetokenizer(self.prompts.decode, settings.stop), self.recorder()
        allowed = None if constraint is None else constraint()
        tokens: list[int] = []
        ended = False
        for token in self._tokens(planned, prefilled, allowed, timer, recorder):
            tokens.append(token)
            ended = token in self.model.config.eos_token_ids
            text = "" if ended else detokenizer.add(token)
            if settings.progress is not None:
                settings.progress("answer", len(tokens), settings.max_tokens)
            if text:
                yield Chunk(text)
            if detokenizer.stopped is not None:
                break
        rest = detokenizer.finish()
        answer = self.answer(planned, detokenizer, len(tokens), timer, ended=ended, recorder=recorder)
        if candidates > 1:
            answer = self._with_candidates(answer, planned, prefilled, tokens, recorder, candidates, constraint, timer)
        yield Chunk(rest, answer)

    def _rows_within(self, prompt: int, answer: int, rows: int) -> int:
        """Return how many rows run at once beside the prompt that they share, at most `ROWS`, and make room for them.

        Raises:
            InputError: not even one can.
        """
        limit, rows = self.memory_limit, max(1, min(ROWS, rows))
        while rows > 1 and limit.estimate_rows([((), prompt)] * (rows + 1), answer).peak > limit.limit:
            rows //= 2
        limit.evict_for(limit.require_rows([((), prompt)] * (rows + 1), answer))
        return rows

    def _with_candidates(
        self,
        answer: Answer,
        planned: PlannedRequest,
        prefilled: PrefilledPrompt,
        tokens: Sequence[int],
        recorder: TokenRecorder,
        count: int,
        constraint: Callable[[], Allowed] | None,
        timer: StageTimer,
    ) -> Answer:
        """Return an answer with its candidates, as many at a time as the memory limit allows."""
        plan, decode = planned.plans[0], self.prompts.decode
        read = partial(grounding.read, plan=plan, convention=planned.settings.convention or self.convention)
        grounded = read(answer.text)
        if answer.confidence is None or not answer.boxes or answer.points or answer.actions or grounded.written is None:
            return answer
        with timer.stage("answer"):
            forks = recorder.forks(grounded.written, answer.text, decode, branches.rows_of(count))
            if constraint is not None:
                forks = [fork for fork in forks if fork.token in constraint()(tokens[: fork.index])]
            texts = []
            most, length = planned.settings.max_tokens, len(planned.ids)
            rows = self._rows_within(length, most, len(forks))
            for start in range(0, len(forks), rows):
                part = forks[start : start + rows]
                texts += branches.decode_forks(self.model, prefilled, tokens, part, recorder, most, decode, constraint)
        first = Candidate(grounded.boxes[0], answer.confidence)
        corner = planned.request.media[0].capture.corner
        boxes = [one.moved(*corner) for one in branches.candidates(first, texts, count, read, decode)]
        return replace(answer, candidates=tuple(boxes), timings=dict(timer.seconds))

    def run_rows(self, rows: Sequence[PlannedRequest]) -> list[Answer]:
        """Return the answers to several requests, run at once; the timings of each are those of all.

        Raises:
            InputError: they take more than the memory limit.
        """
        timer, progress = StageTimer(), rows[0].settings.progress
        peak = self.memory_limit.require_rows([(row.plans, len(row.ids)) for row in rows], rows[0].settings.max_tokens)
        self.memory_limit.evict_for(peak)
        prompts = []
        for number, row in enumerate(rows):
            later = [medium for other in rows[number + 1 :] for medium in other.request.media]
            media = self.encoder.encode(row.request.media, row.plans, timer, progress, later=later)
            prompts.append((row.ids, media))
        return self._answer_rows(
            rows, prefill.prefill_rows(self.model, self.encoder.store, prompts, timer, progress), timer
        )

    def run_samples(
        self,
        planned: PlannedRequest,
        count: int,
        *,
        encoded: Sequence[EncodedMedia],
        constraint: Callable[[], Allowed] | None = None,
        timer: StageTimer | None = None,
    ) -> list[Answer]:
        """Return several answers to one request, whose prompt is read once, in rows that fit the memory limit.

        Args:
            planned: from `plan`. Answer number i, from 0, has its seed plus i.
            count: answers, at least 1.
            encoded: its media.
            constraint: as `run`.
            timer: holds the time that `encoded` took.

        Returns:
            The answers. Usage and timings of the first have the prompt; the others have their own tokens alone.
        """
        timer, most = timer or StageTimer(), planned.settings.max_tokens
        at_once = self._rows_within(len(planned.ids), most, count)
        prefilled = prefill.prefill(
            self.model, self.encoder.store, planned.ids, encoded, timer, planned.settings.progress
        )
        answers: list[Answer] = []
        while len(answers) < count:
            rows = [_with_seed(planned, len(answers) + row) for row in range(min(at_once, count - len(answers)))]
            prompt, cache = branches.copy_rows(prefilled, len(rows), prefilled.prompt.length)
            copies = PrefilledPrompt(prompt, cache, mx.repeat(prefilled.logits, len(rows), axis=0), None)
            several = self._answer_rows(rows, copies, StageTimer(), constraint, every_token=True)
            answers += [_without_prompt(answer, len(rows)) for answer in several]
        first = answers[0]
        usage = {**self.usage(planned), "answer": first.usage["answer"]}
        timings = {stage: seconds + first.timings[stage] for stage, seconds in timer.seconds.items()}
        return [replace(first, usage=usage, timings=timings), *answers[1:]]

    def run_batches(self, rows: Sequence[PlannedRequest]) -> list[Answer]:
        """Return the answers to several requests, in batches of at most `ROWS` that fit the memory limit.

        The answers of a batch share its timings equally.
        """
        answers: list[Answer] = []
        while len(answers) < len(rows):
            batch = rows[len(answers) :][:ROWS]
            while len(batch) > 1 and not self._fit_together(batch):
                batch = batch[: len(batch) // 2]
            for answer in self.run_rows(batch):
                timings = {stage: seconds / len(batch) for stage, seconds in answer.timings.items()}
                answers.append(replace(answer, timings=timings))
        return answers

    def _fit_together(self, rows: Sequence[PlannedRequest]) -> bool:
        sizes = [(row.plans, len(row.ids)) for row in rows]
        limit = self.memory_limit
        return limit.estimate_rows(sizes, rows[0].settings.max_tokens).peak <= limit.limit

    def _answer_rows(
        self,
        rows: Sequence[PlannedRequest],
        prefilled: PrefilledPrompt,
        timer: StageTimer,
        constraint: Callable[[], Allowed] | None = None,
        *,
        every_token: bool = False,
    ) -> list[Answer]:
        progress, most = rows[0].settings.progress, rows[0].settings.max_tokens
        detokenizers = [StreamDetokenizer(self.prompts.decode, row.settings.stop) for row in rows]
        recorders = [self.recorder(every_token=every_token) for _ in rows]
        counts, ended, done = [0] * len(rows), [False] * len(rows), set[int]()
        allowed = [None if constraint is None else constraint() for _ in rows]
        choose = [prefill.sampler(row.settings.sampling, row.ids, ids) for row, ids in zip(rows, allowed, strict=True)]
        stream = self.model.stream_rows(
            prefilled.prompt, prefilled.cache, prefilled.logits, most, choose, done, observe_rows(recorders)
        )
        with timer.stage("answer"):
            for row, token in stream:
                counts[row] += 1
                ended[row] = token in self.model.config.eos_token_ids
                if not ended[row]:
                    detokenizers[row].add(token)
                if detokenizers[row].stopped is not None:
                    done.add(row)
                if progress is not None:
                    progress("answer", max(counts), most)
        for detokenizer in detokenizers:
            detokenizer.finish()
        return [
            self.answer(row, detokenizer, count, timer, ended=end, recorder=recorder)
            for row, detokenizer, count, end, recorder in zip(rows, detokenizers, counts, ended, recorders, strict=True)
        ]

    def recorder(self, *, every_token: bool = False) -> TokenRecorder:
        """Return a new recorder of the tokens of one answer; argument as `TokenRecorder`."""
        if self._numbers is None:
            self._numbers = NumberTokens(self.prompts.number_tokens())
        return TokenRecorder(self._numbers, every_token=every_token)

    def usage(self, planned: PlannedRequest) -> dict[str, int]:
        """Return the tokens of a prompt, as in `Answer.usage`."""
        used = {"prompt": len(planned.ids), "image": 0, "video": 0}
        for medium, plan in zip(planned.request.media, planned.plans, strict=True):
            used[medium.kind] += plan.tokens
        return used

    def _tokens(
        self,
        planned: PlannedRequest,
        prefilled: PrefilledPrompt,
        allowed: Allowed | None,
        timer: StageTimer,
        recorder: TokenRecorder,
    ) -> Iterator[int]:
        choose = prefill.sampler(planned.settings.sampling, planned.ids, allowed)
        most = planned.settings.max_tokens
        return prefill.tokens(self.model, prefilled, most, choose, timer, observe_rows([recorder]))

    def answer(
        self,
        planned: PlannedRequest,
        detokenizer: StreamDetokenizer,
        count: int,
        timer: StageTimer,
        *,
        ended: bool,
        recorder: TokenRecorder,
    ) -> Answer:
        """Return the answer whose `count` tokens are complete; `recorder` has its probabilities."""
        text, convention = detokenizer.text, planned.settings.convention or self.convention
        grounded, capture = grounding.GroundedText(), WHOLE
        times: list[grounding.TimeSpan] = []
        time_notes: list[str] = []
        if len(planned.plans) == 1:
            medium = planned.request.media[0]
            grounded, capture = grounding.read(text, planned.plans[0], convention), medium.capture
            if isinstance(medium.source, Video):
                times, time_notes = self._times(text, medium.source)
        media = zip(planned.request.media, planned.plans, planned.tokens_without_fit, strict=True)
        frames = tuple(
            FrameInfo.of(
                plan,
                tokens_without_fit=tokens,
                tokens_at_cap=self.encoder.tokens_at_cap(medium, plan),
                fps=medium.fps,
                seconds=medium.seconds(plan.family.temporal_patch_size),
                notes=(*medium.notes, *plan.notes),
                convention=convention,
                source_size=medium.whole_size(self.encoder.image_options),
                region=medium.capture.region,
            )
            for medium, plan, tokens in media
        )
        answer = Answer(
            boxes=grounded.boxes,
            points=grounded.points,
            actions=grounded.actions,
            rejected=grounded.rejected,
            notes=(*dict.fromkeys(note for frame in frames for note in frame.notes), *grounded.notes, *time_notes),
            times=tuple(times),
            text=text,
            frames=frames,
            usage={**self.usage(planned), "answer": count},
            timings=dict(timer.seconds),
            confidence=(
                None if grounded.written is None else recorder.confidence(grounded.written, text, self.prompts.decode)
            ),
            finish="stop" if ended else "length" if detokenizer.stopped is None else "stop string",
            screen=capture.screen,
            token_probability=recorder.token_probability(),
        )
        return answer.moved(*capture.corner)

    def _times(self, text: str, video: Video) -> tuple[list[grounding.TimeSpan], list[str]]:
        """Return the times that a text names, in seconds of the film, and notes on them.

        A family that counts seconds by positions starts at the first frame it is shown. The others are told the times
        in words, or not at all.
        """
        by_position = self.model.family.seconds_per_grid is not None
        clock = video.film_seconds if by_position else float
        return grounding.on_film(grounding.read_times(text), clock, video.end)


def _with_seed(planned: PlannedRequest, number: int) -> PlannedRequest:
    """Return a request whose seed is `number` further; without a seed it stays without."""
    settings = planned.settings
    if settings.sampling.seed is None:
        return planned
    sampling = replace(settings.sampling, seed=settings.sampling.seed + number)
    return replace(planned, settings=replace(settings, sampling=sampling))


def _without_prompt(answer: Answer, rows: int) -> Answer:
    """Return an answer with its own tokens alone, and its share of the seconds that its rows took together."""
    usage = {**dict.fromkeys(answer.usage, 0), "answer": answer.usage["answer"]}
    return replace(answer, usage=usage, timings={stage: time / rows for stage, time in answer.timings.items()})


def _refusal(prompt: int, plans: Sequence[Plan], answer: int, context: int, *, fit: bool) -> InputError:
    """Return the error for a prompt that the language model cannot read to its end.

    Args:
        prompt: its tokens, images included.
        plans: of its images and videos.
        answer: maximum tokens of the answer.
        context: tokens that the model can read.
        fit: True if smaller images were tried.
    """
    shares = ", ".join(str(plan.tokens) for plan in plans) or "none"
    advice = "lower the budget, give fewer images or less text, or lower max_tokens (--max-tokens)"
    if any(plan.frames > 1 for plan in plans):
        advice = f"lower the total of a film (--total), take fewer of its frames, {advice}"
    if plans:
        advice = f"fit cannot make it fit; {advice}" if fit else f"{advice}, or pass fit=True (--fit)"
    if answer >= context:
        left, advice = "which the answer alone takes", "lower max_tokens (--max-tokens)"
    else:
        left = f"{context - answer} for the prompt"
    return InputError(
        f"the prompt takes {quantity(prompt, 'token')} ({kinds_of(plans)}: {shares}) and the answer up to {answer}, "
        f"together {prompt + answer}; the model has {context} (max_position_embeddings), {left}: {advice}"
    )


def _capped(
    encoder: MediaEncoder, media: Sequence[Medium], limits: PixelLimits, plans: Sequence[Plan], most: int
) -> list[Plan] | None:
    """Return plans of at most `most` tokens each, smaller ones unchanged; None if no plan of a shape is as small."""
    try:
        return [
            plan if plan.tokens <= most else encoder.plan(medium, limits, most=most)
            for medium, plan in zip(media, plans, strict=True)
        ]
    except InputError:
        return None


def _fitted(
    encoder: MediaEncoder, media: Sequence[Medium], limits: PixelLimits, plans: Sequence[Plan], room: int
) -> list[Plan] | None:
    """Return plans that take at most `room` tokens together, under the highest cap that allows it.

    Args:
        encoder: makes the plans.
        media: images and videos.
        limits: of the request.
        plans: of the media, without a cap.
        room: maximum tokens of all plans.

    Returns:
        One plan for each medium, smaller ones unchanged; None if no cap is low enough.
    """
    low, high = 0, max((plan.tokens for plan in plans), default=0)
    best = None
    while low < high:
        middle = (low + high + 1) // 2
        smaller = _capped(encoder, media, limits, plans, middle)
        if smaller is None or sum(plan.tokens for plan in smaller) > room:
            high = middle - 1
        else:
            low, best = middle, smaller
    return best
