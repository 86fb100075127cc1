"""One image, many questions: the tower runs once, the image's tokens are read once, questions of one length together.

Greedy answers; the same tokens as `Engine.ask` gives one by one (`tests/evals/test_tiny.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlx_saccade import media
from mlx_saccade.backend import mx
from mlx_saccade.engine import Engine
from mlx_saccade.errors import InputError, brief
from mlx_saccade.models import KVCache, Prompt
from mlx_saccade.preprocess import patchify

__all__ = ["Sitting"]

# Rows that go through the language model together; each holds its own copy of the image's keys and values.
TOGETHER = 16


class Sitting:
    """An image that an engine has seen and read."""

    def __init__(self, engine: Engine, image: Any, *, budget: int | str | None = None) -> None:
        """Look at an image; arguments and errors as `Engine.locate`."""
        self.engine = engine
        self.plan = engine.plan(image, budget=budget)
        pixels = mx.array(patchify.patchify(media.open_image(image), self.plan))
        self._features = engine.model.image_features(pixels, [self.plan.grid_thw])
        mx.eval(self._features)
        self._read: tuple[list[int], list[KVCache]] | None = None

    def ask(self, questions: Sequence[str], *, max_tokens: int = 64) -> list[str]:
        """The model's words on each question, without the end token, in the questions' order.

        Raises:
            InputError: anything but a list of texts.
        """
        if isinstance(questions, str) or not isinstance(questions, Sequence):
            raise InputError(f"questions is a list of texts; got {brief(questions)}; put one question in a list")
        for question in questions:
            if not isinstance(question, str):
                raise InputError(f"a question is a text; got {brief(question)}")
        groups: dict[int, list[int]] = defaultdict(list)
        encoded = [self._encode(question) for question in questions]
        for index, ids in enumerate(encoded):
            groups[len(ids)].append(index)
        answers = [""] * len(questions)
        for group in groups.values():
            for start in range(0, len(group), TOGETHER):
                chosen = group[start : start + TOGETHER]
                for index, text in zip(chosen, self._answer([encoded[i] for i in chosen], max_tokens), strict=True):
                    answers[index] = text
        return answers

    def _encode(self, question: str) -> list[int]:
        content = [{"type": "image"}, {"type": "text", "text": question}]
        return self.engine.prompts.encode([{"role": "user", "content": content}], [self.plan.tokens])

    def _answer(self, rows: list[list[int]], max_tokens: int) -> Iterator[str]:
        model = self.engine.model
        beginning, read = self._beginning(rows[0])
        start, delta = len(beginning), self._delta
        length = len(rows[0]) - start
        ids = mx.array(np.array([row[start:] for row in rows], np.int32))
        places = mx.broadcast_to(mx.arange(start, start + length) + delta, (3, len(rows), length))
        prompt = Prompt(model.model.embed_tokens(ids), places, (delta,) * len(rows), (0,) * len(rows))
        cache = [_repeat(layer, len(rows)) for layer in read]
        said: list[list[int]] = [[] for _ in rows]
        for row, token in model.stream_rows(prompt, cache, model.prefill(prompt, cache), max_tokens):
            if token not in model.config.eos_token_ids:
                said[row].append(token)
        return map(self.engine.prompts.decode, said)

    def _beginning(self, ids: list[int]) -> tuple[list[int], list[KVCache]]:
        """What all questions begin with, up to the image's last token, and its keys and values."""
        if self._read is None:
            model = self.engine.model
            end = len(ids) - ids[::-1].index(model.config.image_token_id)
            whole = model.prompt(ids, image_grid_thw=[self.plan.grid_thw], image_features=self._features)
            prompt = Prompt(whole.embeddings[:, :end], whole.position_ids[:, :, :end], whole.deltas, whole.padding)
            cache = model.model.make_cache()
            mx.eval(model.prefill(prompt, cache))
            self._read, self._delta = (ids[:end], cache), whole.deltas[0]
        return self._read


def _repeat(cache: KVCache, rows: int) -> KVCache:
    """A cache of several rows that have all read the same."""
    copy = KVCache()
    copy.append(*(mx.repeat(buffer[:, :, : cache.offset], rows, axis=0) for buffer in cache.state))
    return copy
