"""Ask several questions about one image: the vision tower and the image's tokens run once, then questions in rows.

Answers are greedy, with the same tokens as `Engine.ask` gives one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from mlx_saccade.backend import mx
from mlx_saccade.engine import hints, owner, prefill, request, sampling
from mlx_saccade.engine.answer import Answer, StageTimer
from mlx_saccade.engine.closable import Closable
from mlx_saccade.engine.confidence import observe_rows
from mlx_saccade.engine.detokenizer import StreamDetokenizer
from mlx_saccade.engine.owner import on_owner
from mlx_saccade.engine.request import Medium, Request
from mlx_saccade.engine.runner import ROWS, PlannedRequest, Runner
from mlx_saccade.errors import InputError, brief
from mlx_saccade.models import KVCache, Prompt
from mlx_saccade.preprocess.limits import PixelLimits
from mlx_saccade.preprocess.plan import Plan

__all__ = ["SharedImage"]


class SharedImage(Closable):
    """An image, or a video, that an engine has encoded for several questions; `Engine.shared_image` makes one.

    Attributes:
        plan: its size and grid.
    """

    plan: Plan

    def __init__(self, runner: Runner, medium: Medium, limits: PixelLimits) -> None:
        """Encode the image; arguments and errors as `Engine.shared_image`."""
        self._runner, self._timer = runner, StageTimer()
        turn = {"role": "user", "content": [{"type": medium.kind}]}
        planned = runner.plan(Request((turn,), (medium,)), limits, sampling.read({}, 1), fit=False)
        self._media, (self.plan,) = planned.request.media, planned.plans
        self._encoded = runner.encode(planned, self._timer)
        self._features = [self._encoded[0].features()]
        self._beginning: tuple[list[int], list[KVCache], int] | None = None

    def close(self) -> None:
        """Free the image, as the end of its engine does; later questions raise `InputError`."""
        owner.call(self._free)

    @on_owner
    def locate(self, descriptions: Sequence[str], *, max_tokens: int = 256) -> list[Answer]:
        """Find what each description names.

        Args:
            descriptions: such as ["the red round button"].
            max_tokens: maximum tokens of each answer.

        Returns:
            One answer for each description, in their order; the timings of answers that ran together are the same.

        Raises:
            InputError: not a list of texts, or answers above the memory limit.
        """
        words = [request.locate(text) for text in _texts(descriptions, "descriptions", "a description")]
        answers = zip(self.ask(words, max_tokens=max_tokens), descriptions, strict=True)
        return [hints.locating(answer, description) for answer, description in answers]

    @on_owner
    def ask(self, questions: Sequence[str], *, max_tokens: int = 512) -> list[Answer]:
        """Ask each question.

        Args:
            questions: texts; the image stands before each.
            max_tokens: maximum tokens of each answer.

        Returns:
            One answer for each question, in their order; the timings of answers that ran together are the same.

        Raises:
            InputError: not a list of texts, or answers above the memory limit.
        """
        settings = sampling.read({}, max_tokens)
        planned = [self._plan(text, settings) for text in _texts(questions, "questions", "a question")]
        groups: dict[int, list[int]] = defaultdict(list)
        for index, one in enumerate(planned):
            groups[len(one.ids)].append(index)
        answers: dict[int, Answer] = {}
        for length, group in groups.items():
            rows = self._rows(length, len(group), settings.max_tokens)
            for start in range(0, len(group), rows):
                indices = group[start : start + rows]
                answers.update(zip(indices, self._answer([planned[index] for index in indices]), strict=True))
        return [answers[index] for index in range(len(planned))]

    def _plan(self, question: str, settings: sampling.Settings) -> PlannedRequest:
        content = [{"type": self._media[0].kind}, {"type": "text", "text": question}]
        shared = Request(({"role": "user", "content": content},), self._media)
        ids = self._runner.encode_prompt(shared, [self.plan])
        self._runner.require_context(ids, [self.plan], settings)
        return PlannedRequest(shared, (self.plan,), (self.plan.tokens,), ids, settings, 0)

    def _rows(self, prompt: int, questions: int, answer: int) -> int:
        """Return how many questions of one length run together, at most `ROWS`, and make room for them."""
        limit, rows = self._runner.memory_limit, min(ROWS, questions)
        while rows > 1 and limit.estimate_rows([([self.plan], prompt)] * rows, answer).peak > limit.limit:
            rows //= 2
        limit.evict_for(limit.require_rows([([self.plan], prompt)] * rows, answer))
        return rows

    def _answer(self, rows: Sequence[PlannedRequest]) -> Iterator[Answer]:
        """Answer questions whose prompts are equally long."""
        runner, model = self._runner, self._runner.model
        timer, self._timer = self._timer, StageTimer()
        most, ends = rows[0].settings.max_tokens, model.config.eos_token_ids
        with timer.stage("prefill"):
            prompt, cache = self._prompt([row.ids for row in rows])
            logits = model.prefill(prompt, cache)
        tokens: list[list[int]] = [[] for _ in rows]
        recorders = [runner.recorder() for _ in rows]
        with timer.stage("answer"):
            for number, token in model.stream_rows(prompt, cache, logits, most, observe=observe_rows(recorders)):
                tokens[number].append(token)
                owner.checkpoint()
        for row, ids, recorder in zip(rows, tokens, recorders, strict=True):
            detokenizer = StreamDetokenizer(runner.prompts.decode)
            ended = bool(ids) and ids[-1] in ends
            for token in ids[:-1] if ended else ids:
                detokenizer.add(token)
            detokenizer.finish()
            yield runner.answer(row, detokenizer, len(ids), timer, ended=ended, recorder=recorder)

    def _prompt(self, rows: Sequence[list[int]]) -> tuple[Prompt, list[KVCache]]:
        """Return the rest of each prompt, after the image, and a cache in which every row has read the image."""
        beginning, cache, delta = self._read_image(rows[0])
        start, length = len(beginning), len(rows[0]) - len(beginning)
        ids = mx.array(np.array([row[start:] for row in rows], np.int32))
        position_ids = mx.broadcast_to(mx.arange(start, start + length) + delta, (3, len(rows), length))
        embeddings = self._runner.model.model.embed_tokens(ids)
        prompt = Prompt(embeddings, position_ids, (delta,) * len(rows), (0,) * len(rows))
        return prompt, [layer.copy(len(rows), layer.offset) for layer in cache]

    def _read_image(self, ids: list[int]) -> tuple[list[int], list[KVCache], int]:
        """Return the common beginning of all prompts, to the image's last token, its keys and values, and the delta."""
        if self._beginning is None:
            model = self._runner.model
            end = 1 + int(np.flatnonzero(np.isin(ids, prefill.media_tokens(model)))[-1])
            whole = prefill.embed(model, ids, self._encoded, self._features)
            cache = model.model.make_cache()
            mx.eval(model.prefill(whole.part(0, end), cache))
            self._beginning = ids[:end], cache, whole.deltas[0]
        return self._beginning


def _texts(given: Sequence[str], name: str, item: str) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InputError(f"{name} is a list of texts; got {brief(given)}; put one in a list")
    for text in given:
        if not isinstance(text, str):
            raise InputError(f"{item} is a text; got {brief(text)}")
    return list(given)
