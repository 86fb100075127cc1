"""One request from end to end: prepared, or refused before a pixel is decoded; then seen, read and answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mlx_saccade import grounding
from mlx_saccade.checkpoint.tokenizer import Prompts
from mlx_saccade.engine import prefill
from mlx_saccade.engine.answer import Answer, Chunk, FrameInfo, StageTimer
from mlx_saccade.engine.detokenizer import StreamDetokenizer
from mlx_saccade.engine.encoder import EncodedMedia, MediaEncoder
from mlx_saccade.engine.memory_limit import MemoryLimit
from mlx_saccade.engine.prefill import Allowed, PrefilledPrompt
from mlx_saccade.engine.request import Medium, Request
from mlx_saccade.engine.sampling import Settings
from mlx_saccade.errors import InputError
from mlx_saccade.models import Model
from mlx_saccade.preprocess.limits import PixelLimits
from mlx_saccade.preprocess.plan import Plan

__all__ = ["PlannedRequest", "Runner", "capped", "fitted", "refusal"]


@dataclass(frozen=True)
class PlannedRequest:
    """A request that can run.

    Attributes:
        request: what is asked.
        plans: what each medium becomes.
        wanted: tokens that each medium would have taken, had its plan not been made to fit.
        ids: of the prompt.
        settings: how it is answered.
        peak: bytes that it takes, with the weights.
    """

    request: Request
    plans: tuple[Plan, ...]
    wanted: tuple[int, ...]
    ids: list[int]
    settings: Settings
    peak: int


class Runner:
    """What an engine does with a request."""

    def __init__(self, model: Model, prompts: Prompts, sight: MediaEncoder, room: MemoryLimit) -> None:
        """Take the parts of an engine."""
        self.model, self.prompts, self.sight, self.room = model, prompts, sight, room

    def count(self, request: Request, asked: PixelLimits) -> tuple[list[Plan], list[int]]:
        """Plans and prompt ids of a request; of files, only headers are read."""
        plans = [self.sight.plan(medium, asked) for medium in request.media]
        return plans, self.encode(request, plans)

    def encode(self, request: Request, plans: Sequence[Plan]) -> list[int]:
        """Token ids of a prompt whose media take what their plans say."""
        counts: dict[str, list[int]] = {"image": [], "video": []}
        for medium, plan in zip(request.media, plans, strict=True):
            counts[medium.kind].append(plan.tokens)
        return self.prompts.encode(request.messages, counts["image"], counts["video"])

    def prepare(self, request: Request, asked: PixelLimits, settings: Settings, *, fit: bool) -> PlannedRequest:
        """Plan a request and refuse what the language model cannot read to its end.

        Args:
            request: what is asked.
            asked: limits on images without their own.
            settings: how it is answered.
            fit: let images take fewer tokens instead of refusing.

        Raises:
            InputError: prompt and answer are longer than the model can read, or take more than the memory limit.
        """
        plans, ids = self.count(request, asked)
        wanted = tuple(plan.tokens for plan in plans)
        room = self.model.config.text.max_position_embeddings - settings.max_tokens
        if len(ids) > room and fit:
            left = room - (len(ids) - sum(wanted))
            plans = fitted(self.sight, request.media, asked, plans, left) or plans
            ids = self.encode(request, plans)
        if len(ids) > room:
            most = self.model.config.text.max_position_embeddings
            raise refusal(len(ids), [plan.tokens for plan in plans], settings.max_tokens, most, fit=fit)
        under = partial(capped, self.sight, request.media, asked, plans)
        peak = self.room.check(plans, len(ids), settings.max_tokens, under)
        return PlannedRequest(request, tuple(plans), wanted, ids, settings, peak)

    def look(self, ready: PlannedRequest, clock: StageTimer) -> list[EncodedMedia]:
        """See a request's media; `clock` as `MediaEncoder.look`."""
        self.room.make(ready.peak)
        return self.sight.look(ready.request.media, ready.plans, clock, ready.settings.progress)

    def run(
        self,
        ready: PlannedRequest,
        *,
        seen: Sequence[EncodedMedia] | None = None,
        allowed: Allowed | None = None,
        clock: StageTimer | None = None,
    ) -> Iterator[Chunk]:
        """Yield the answer's text as it comes; the last piece carries the answer.

        Args:
            ready: from `prepare`.
            seen: its media, where they have been looked at already.
            allowed: which tokens may come next; None: all.
            clock: goes on from what `seen` took.
        """
        clock, settings = clock or StageTimer(), ready.settings
        if seen is None:
            seen = self.look(ready, clock)
        self.room.make(ready.peak)
        read = prefill.prefill(self.model, self.sight.store, ready.ids, seen, clock, settings.progress)
        pieces = StreamDetokenizer(self.prompts.decode, settings.stop)
        count, ended = 0, False
        for token in self._tokens(ready, read, allowed, clock):
            count += 1
            ended = token in self.model.config.eos_token_ids
            text = "" if ended else pieces.add(token)
            if settings.progress is not None:
                settings.progress("answer", count, settings.max_tokens)
            if text:
                yield Chunk(text)
            if pieces.stopped is not None:
                break
        rest = pieces.finish()
        yield Chunk(rest, self.answer(ready, pieces, count, clock, ended=ended))

    def run_rows(self, rows: Sequence[PlannedRequest]) -> list[Answer]:
        """Answer several requests at once; the timings of each are those of all.

        Raises:
            InputError: they take more than the memory limit.
        """
        clock, progress, most = StageTimer(), rows[0].settings.progress, rows[0].settings.max_tokens
        self.room.make(self.room.check_rows([(row.plans, len(row.ids)) for row in rows], most))
        seen = [self.sight.look(row.request.media, row.plans, clock, progress) for row in rows]
        given = [(row.ids, views) for row, views in zip(rows, seen, strict=True)]
        read = prefill.prefill_rows(self.model, self.sight.store, given, clock, progress)
        pieces = [StreamDetokenizer(self.prompts.decode, row.settings.stop) for row in rows]
        counts, ended, done = [0] * len(rows), [False] * len(rows), set[int]()
        choose = [prefill.chooser(row.settings.sampling, row.ids) for row in rows]
        with clock.stage("answer"):
            for row, token in self.model.stream_rows(read.prompt, read.cache, read.logits, most, choose, done):
                counts[row] += 1
                ended[row] = token in self.model.config.eos_token_ids
                if not ended[row]:
                    pieces[row].add(token)
                if pieces[row].stopped is not None:
                    done.add(row)
                if progress is not None:
                    progress("answer", max(counts), most)
        for text in pieces:
            text.finish()
        return [
            self.answer(row, text, count, clock, ended=end)
            for row, text, count, end in zip(rows, pieces, counts, ended, strict=True)
        ]

    def _tokens(
        self, ready: PlannedRequest, read: PrefilledPrompt, allowed: Allowed | None, clock: StageTimer
    ) -> Iterator[int]:
        choose = prefill.chooser(ready.settings.sampling, ready.ids, allowed)
        return prefill.tokens(self.model, read, ready.settings.max_tokens, choose, clock)

    def answer(
        self, ready: PlannedRequest, pieces: StreamDetokenizer, count: int, clock: StageTimer, *, ended: bool
    ) -> Answer:
        """What is handed back of an answer whose `count` tokens are all there."""
        used = {"image": 0, "video": 0}
        for medium, plan in zip(ready.request.media, ready.plans, strict=True):
            used[medium.kind] += plan.tokens
        boxes = grounding.read(pieces.text, ready.plans[0]) if len(ready.plans) == 1 else ()
        shown = zip(ready.request.media, ready.plans, ready.wanted, strict=True)
        return Answer(
            boxes=boxes,
            text=pieces.text,
            frames=tuple(FrameInfo.of(plan, wanted=wanted, fps=medium.fps) for medium, plan, wanted in shown),
            usage={"prompt": len(ready.ids), **used, "answer": count},
            timings=dict(clock.seconds),
            finish="stop" if ended else "length" if pieces.stopped is None else "stop string",
        )


# Prompts that are too long: the numbers of a refusal, or images that take fewer tokens.
def refusal(prompt: int, media: Sequence[int], answer: int, most: int, *, fit: bool) -> InputError:
    """The error for what the language model cannot read to its end.

    Args:
        prompt: its tokens, images included.
        media: tokens of each image or video.
        answer: tokens it may have.
        most: that the model can read.
        fit: whether fewer tokens an image have been tried.
    """
    shares = ", ".join(str(tokens) for tokens in media) or "none"
    advice = "lower the budget, give fewer images or less text, or lower max_tokens"
    if media:
        advice = f"fit cannot make it fit; {advice}" if fit else f"{advice}, or pass fit=True"
    if answer >= most:
        left, advice = "which the answer alone takes", "lower max_tokens"
    else:
        left = f"{most - answer} for the prompt"
    return InputError(
        f"the prompt takes {prompt} tokens (images: {shares}) and the answer up to {answer}, together "
        f"{prompt + answer}; the model has {most} (max_position_embeddings), {left}: {advice}"
    )


def capped(
    sight: MediaEncoder, media: Sequence[Medium], asked: PixelLimits, plans: Sequence[Plan], most: int
) -> list[Plan] | None:
    """Plans of at most so many tokens each, those below it as they were; None where no plan of a shape is as small."""
    try:
        return [
            plan if plan.tokens <= most else sight.plan(medium, asked, most=most)
            for medium, plan in zip(media, plans, strict=True)
        ]
    except InputError:
        return None


def fitted(
    sight: MediaEncoder, media: Sequence[Medium], asked: PixelLimits, plans: Sequence[Plan], room: int
) -> list[Plan] | None:
    """Plans that take at most `room` tokens together: one cap for all, as high as it may be.

    Args:
        sight: makes the plans.
        media: images and videos.
        asked: the request's limits.
        plans: what the media would become.
        room: tokens that there are.

    Returns:
        One plan a medium, those below the cap as they were; None where no cap is low enough.
    """
    low, high = 0, max((plan.tokens for plan in plans), default=0)
    best = None
    while low < high:
        middle = (low + high + 1) // 2
        found = capped(sight, media, asked, plans, middle)
        if found is None or sum(plan.tokens for plan in found) > room:
            high = middle - 1
        else:
            low, best = middle, found
    return best
