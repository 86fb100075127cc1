"""One request from end to end: prepared, or refused before a pixel is decoded; then seen, read and answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mlx_saccade import grounding
from mlx_saccade.budget import Plan
from mlx_saccade.engine import speech
from mlx_saccade.engine.answer import Answer, Piece, Shown
from mlx_saccade.engine.clock import Clock
from mlx_saccade.engine.fitting import capped, fitted, refusal
from mlx_saccade.engine.options import Limits
from mlx_saccade.engine.pieces import Pieces
from mlx_saccade.engine.request import Request
from mlx_saccade.engine.room import Room
from mlx_saccade.engine.settings import Settings
from mlx_saccade.engine.sight import Sight, View
from mlx_saccade.engine.speech import Allowed, Read
from mlx_saccade.nets import Model
from mlx_saccade.prompts import Prompts

__all__ = ["Ready", "Runner"]


@dataclass(frozen=True)
class Ready:
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

    def __init__(self, model: Model, prompts: Prompts, sight: Sight, room: Room) -> None:
        """Take the parts of an engine."""
        self.model, self.prompts, self.sight, self.room = model, prompts, sight, room

    def count(self, request: Request, asked: Limits) -> tuple[list[Plan], list[int]]:
        """Plans and prompt ids of a request; of files, only headers are read."""
        plans = [self.sight.plan(medium, asked) for medium in request.media]
        return plans, self.encode(request, plans)

    def encode(self, request: Request, plans: Sequence[Plan]) -> list[int]:
        """Token ids of a prompt whose media take what their plans say."""
        counts: dict[str, list[int]] = {"image": [], "video": []}
        for medium, plan in zip(request.media, plans, strict=True):
            counts[medium.kind].append(plan.tokens)
        return self.prompts.encode(request.messages, counts["image"], counts["video"])

    def prepare(self, request: Request, asked: Limits, settings: Settings, *, fit: bool) -> Ready:
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
        return Ready(request, tuple(plans), wanted, ids, settings, peak)

    def look(self, ready: Ready, clock: Clock) -> list[View]:
        """See a request's media; `clock` as `Sight.look`."""
        self.room.make(ready.peak)
        return self.sight.look(ready.request.media, ready.plans, clock, ready.settings.progress)

    def run(
        self,
        ready: Ready,
        *,
        seen: Sequence[View] | None = None,
        allowed: Allowed | None = None,
        clock: Clock | None = None,
    ) -> Iterator[Piece]:
        """Yield the answer's text as it comes; the last piece carries the answer.

        Args:
            ready: from `prepare`.
            seen: its media, where they have been looked at already.
            allowed: which tokens may come next; None: all.
            clock: goes on from what `seen` took.
        """
        clock, settings = clock or Clock(), ready.settings
        if seen is None:
            seen = self.look(ready, clock)
        self.room.make(ready.peak)
        read = speech.prefill(self.model, self.sight.store, ready.ids, seen, clock, settings.progress)
        pieces = Pieces(self.prompts.decode, settings.stop)
        count, ended = 0, False
        for token in self._tokens(ready, read, allowed, clock):
            count += 1
            ended = token in self.model.config.eos_token_ids
            text = "" if ended else pieces.add(token)
            if settings.progress is not None:
                settings.progress("answer", count, settings.max_tokens)
            if text:
                yield Piece(text)
            if pieces.stopped is not None:
                break
        rest = pieces.finish()
        yield Piece(rest, self.answer(ready, pieces, count, clock, ended=ended))

    def run_rows(self, rows: Sequence[Ready]) -> list[Answer]:
        """Answer several requests at once; the timings of each are those of all.

        Raises:
            InputError: they take more than the memory limit.
        """
        clock, progress, most = Clock(), rows[0].settings.progress, rows[0].settings.max_tokens
        self.room.make(self.room.check_rows([(row.plans, len(row.ids)) for row in rows], most))
        seen = [self.sight.look(row.request.media, row.plans, clock, progress) for row in rows]
        given = [(row.ids, views) for row, views in zip(rows, seen, strict=True)]
        read = speech.prefill_rows(self.model, self.sight.store, given, clock, progress)
        pieces = [Pieces(self.prompts.decode, row.settings.stop) for row in rows]
        counts, ended, done = [0] * len(rows), [False] * len(rows), set[int]()
        choose = [speech.chooser(row.settings.sampling, row.ids) for row in rows]
        with clock.stage("answer"):
            for row, token in self.model.follow_rows(read.prompt, read.cache, read.logits, most, choose, done):
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

    def _tokens(self, ready: Ready, read: Read, allowed: Allowed | None, clock: Clock) -> Iterator[int]:
        choose = speech.chooser(ready.settings.sampling, ready.ids, allowed)
        return speech.tokens(self.model, read, ready.settings.max_tokens, choose, clock)

    def answer(self, ready: Ready, pieces: Pieces, count: int, clock: Clock, *, ended: bool) -> Answer:
        """What is handed back of an answer whose `count` tokens are all there."""
        used = {"image": 0, "video": 0}
        for medium, plan in zip(ready.request.media, ready.plans, strict=True):
            used[medium.kind] += plan.tokens
        boxes = grounding.read(pieces.text, ready.plans[0]) if len(ready.plans) == 1 else ()
        shown = zip(ready.request.media, ready.plans, ready.wanted, strict=True)
        return Answer(
            boxes=boxes,
            text=pieces.text,
            frames=tuple(Shown.of(plan, wanted=wanted, fps=medium.fps) for medium, plan, wanted in shown),
            usage={"prompt": len(ready.ids), **used, "answer": count},
            timings=dict(clock.seconds),
            finish="stop" if ended else "length" if pieces.stopped is None else "stop string",
        )
