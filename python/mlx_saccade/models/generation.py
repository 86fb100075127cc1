"""From the logits of a prompt to the tokens of its answer: one after another, or each begun before the last is known.

Where the likeliest token is wanted, MLX can compute on while the caller still has the one before: reading a token is
asked for before it is known which one it is. A token is so read ahead that may turn out to be the last; nothing is made
of it. On the CPU, where a step by NumPy takes less time than MLX's, steps follow one another (`steps`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mlx_saccade.backend import mx
from mlx_saccade.models import cpu_decode, cpu_ops, execution
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.inputs import Prompt

if TYPE_CHECKING:
    from mlx_saccade.models.model import Model

__all__ = ["Sampler", "greedy", "stream_rows"]

Sampler = Callable[[mx.array], int]
"""From the logits [vocabulary] of the next token to that token."""


def greedy(logits: mx.array) -> int:
    """The likeliest token, the first of equals; 0 where NaN is among them. Logits are [vocabulary]."""
    if not cpu_ops.applies(logits):
        return int(np.asarray(mx.argmax(logits)))
    values = cpu_ops.view(logits)
    token = int(values.argmax())  # NaN counts as the greatest
    return 0 if np.isnan(values[token]) else token


def stream_rows(
    model: Model,
    prompt: Prompt,
    cache: Sequence[KVCache],
    logits: mx.array,
    max_new_tokens: int,
    choose: Sequence[Sampler],
    done: Container[int],
) -> Iterator[tuple[int, int]]:
    """As `Model.stream_rows`; `choose` has one a row."""
    rows = list(range(len(prompt.deltas)))
    going: _Going
    if cpu_decode.applies(model.model, model.head):
        going = _Steps(model, prompt.deltas, cache, logits, choose)
    elif all(one is greedy for one in choose):
        going = _Ahead(model, prompt.deltas, cache, logits)
    else:
        going = _Turns(model, prompt.deltas, cache, logits, choose)
    for left in reversed(range(max_new_tokens)):
        alive = []
        for place, row in enumerate(rows):
            token = going.token(place, left)
            if token == 0:  # what NaN gives
                execution.check_logits(going.logits[place], cache)
            yield row, token
            if token not in model.config.eos_token_ids and row not in done:
                alive.append(place)
        if not alive or not left:
            return
        if len(alive) < len(rows):
            rows = [rows[place] for place in alive]
            for layer in cache:
                layer.keep(alive)
            going.keep(alive)
        going.read()


class _Going(Protocol):
    """Rows on their way; the cache is theirs."""

    @property
    def logits(self) -> Sequence[mx.array] | mx.array:
        """Of each row's next token."""

    def token(self, place: int, left: int) -> int:
        """The next token of a row, which comes after those before it; `left` tokens may follow."""

    def keep(self, places: Sequence[int]) -> None:
        """Forget all rows but these."""

    def read(self) -> None:
        """Read the tokens that were given."""


class _Turns:
    """A token is chosen from its logits, then read."""

    def __init__(
        self,
        model: Model,
        deltas: Sequence[int],
        cache: Sequence[KVCache],
        logits: Sequence[mx.array] | mx.array,
        choose: Sequence[Sampler],
    ) -> None:
        self.model, self.deltas, self.cache, self.logits, self.choose = model, deltas, cache, logits, choose
        self.tokens = [0] * len(deltas)

    def token(self, place: int, left: int) -> int:
        self.tokens[place] = self.choose[place](self.logits[place])
        return self.tokens[place]

    def keep(self, places: Sequence[int]) -> None:
        self.deltas = [self.deltas[place] for place in places]
        self.choose = [self.choose[place] for place in places]
        self.tokens = [self.tokens[place] for place in places]

    def read(self) -> None:
        self.logits = self.model.decode(self.tokens, self.deltas, self.cache)


class _Steps(_Turns):
    """The same on the CPU."""

    _steps: cpu_decode.CpuDecoder | None = None

    def keep(self, places: Sequence[int]) -> None:
        super().keep(places)
        self._steps = None

    def read(self) -> None:
        if self._steps is None:
            self._steps = cpu_decode.CpuDecoder(self.model.model, self.model.head, len(self.tokens))
        places = [self.cache[0].offset + delta for delta in self.deltas]
        self.logits = self._steps(self.tokens, places, self.cache)


class _Ahead:
    """The likeliest tokens; those after them are asked of MLX before they are waited for."""

    def __init__(self, model: Model, deltas: Sequence[int], cache: Sequence[KVCache], logits: mx.array) -> None:
        self.model, self.deltas, self.cache, self.logits = model, deltas, cache, logits
        self._likeliest = _begun(logits)
        self._tokens: list[int] | None = None
        self._next: tuple[mx.array, mx.array] | None = None

    def token(self, place: int, left: int) -> int:
        if self._tokens is None:
            if left:
                logits = self.model.decode(self._likeliest, self.deltas, self.cache)
                self._next = logits, _begun(logits)
            self._tokens = [int(token) for token in np.asarray(self._likeliest)]
        return self._tokens[place]

    def keep(self, places: Sequence[int]) -> None:
        assert self._next is not None
        chosen = mx.array(list(places))
        self.deltas = [self.deltas[place] for place in places]
        self._next = self._next[0][chosen], self._next[1][chosen]

    def read(self) -> None:
        assert self._next is not None
        (self.logits, self._likeliest), self._next, self._tokens = self._next, None, None


def _begun(logits: mx.array) -> mx.array:
    """The likeliest tokens [B] of logits [B, vocabulary], on their way."""
    likeliest = mx.argmax(logits, axis=-1)
    mx.async_eval(likeliest)
    return likeliest
