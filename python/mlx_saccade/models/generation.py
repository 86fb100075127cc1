"""Reading a prompt in chunks, and generating the tokens of its answer.

Greedy decoding on a GPU is pipelined: a token goes back into the model before its value is known to the caller, so MLX
computes while the caller works. The last token may be read ahead for nothing. On the CPU a step in NumPy takes less
time than MLX's, and steps follow one another (`cpu_decode`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.backend import mx, nn
from mlx_saccade.models import cpu_decode, cpu_ops, execution
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.config import Config
from mlx_saccade.models.inputs import Prompt

__all__ = [
    "PREFILL_CHUNK",
    "CausalModel",
    "Decoder",
    "Observer",
    "Sampler",
    "decode",
    "generate",
    "greedy",
    "log_probabilities",
    "prefill",
    "read_chunks",
    "stream",
    "stream_rows",
]

PREFILL_CHUNK = 512
"""Prompt tokens in one pass of the language model; what a pass allocates grows with this times the prompt."""

Sampler = Callable[[mx.array], int]
"""A function from the logits [vocabulary] of the next token to that token."""

Observer = Callable[[int, int, mx.array], None]
"""A function that is called with (row, token, logits [vocabulary] of that token) before the token is yielded."""


class Decoder(Protocol):
    """A language model without its head."""

    embed_tokens: Any
    layers: list[Any]

    def make_cache(self, padding: Sequence[int] = ()) -> list[KVCache]:
        """Return an empty cache for each layer."""

    def __call__(
        self,
        embeddings: mx.array,
        position_ids: mx.array,
        cache: Sequence[KVCache],
        *,
        last_only: bool = False,
        deepstack: mx.array | None = None,
    ) -> mx.array:
        """Return hidden states of new tokens [B, L, hidden], or [B, 1, hidden], and append the tokens to the cache."""


class CausalModel(Protocol):
    """A model as generation needs it: a decoder with its head."""

    config: Config
    model: Decoder

    @property
    def head(self) -> nn.Module:
        """Layer that holds the weights [vocabulary, hidden] of the head."""

    def logits(self, hidden: mx.array) -> mx.array:
        """Apply the head: [..., hidden] -> [..., vocabulary]."""

    def decode(self, tokens: Sequence[int] | mx.array, deltas: Sequence[int], cache: Sequence[KVCache]) -> mx.array:
        """Read one more token in each row and return the logits [B, vocabulary] after it."""


def greedy(logits: mx.array) -> int:
    """Return the token with the highest logit [vocabulary], the first of equals; 0 if any is NaN."""
    if not cpu_ops.applies(logits):
        return int(np.asarray(mx.argmax(logits)))
    values = cpu_ops.view(logits)
    token = int(values.argmax())  # NaN counts as the highest
    return 0 if np.isnan(values[token]) else token


def log_probabilities(logits: mx.array, ids: NDArray[np.int64]) -> mx.array | NDArray[np.float32]:
    """Return the log-probabilities of some tokens, float32 [ids], from the logits [vocabulary] of all.

    An MLX array is on its way and not waited for, so that decoding on a GPU goes on.
    """
    if cpu_ops.applies(logits):
        values = cpu_ops.view(logits)
        most = values.max()
        own: NDArray[np.float32] = values[ids] - (most + np.log(np.exp(values - most).sum()))
        return own
    whole = logits.astype(mx.float32)
    logs = whole[mx.array(ids)] - mx.logsumexp(whole)
    mx.async_eval(logs)
    return logs


# Reading.


def read_chunks(
    decoder: Decoder, prompt: Prompt, cache: Sequence[KVCache], *, last_only: bool = False
) -> Iterator[mx.array]:
    """Yield hidden states of each chunk, [B, <= PREFILL_CHUNK, hidden], or [B, 1, hidden] of its last token."""
    for start in range(0, prompt.length, PREFILL_CHUNK):
        chunk = prompt.part(start, start + PREFILL_CHUNK)
        hidden = decoder(chunk.embeddings, chunk.position_ids, cache, last_only=last_only, deepstack=chunk.deepstack)
        # Evaluated here, or the graph of all chunks would be alive at once.
        mx.eval(hidden, [layer.state for layer in cache])
        yield hidden


def prefill(
    model: CausalModel, prompt: Prompt, cache: Sequence[KVCache], progress: execution.Progress | None = None
) -> mx.array:
    """Read a prompt into a cache and return the logits [B, vocabulary] after it; see `Model.prefill`."""
    done = 0
    for hidden in read_chunks(model.model, prompt, cache, last_only=True):
        last, done = hidden, min(done + PREFILL_CHUNK, prompt.length)
        if progress is not None:
            progress(done, prompt.length)
    logits = model.logits(last[:, -1])
    execution.check_logits(logits, cache)
    return logits


def decode(
    model: CausalModel, tokens: Sequence[int] | mx.array, deltas: Sequence[int], cache: Sequence[KVCache]
) -> mx.array:
    """Read one more token in each row and return the logits [B, vocabulary] after it; see `Model.decode`."""
    places = mx.array([cache[0].offset + delta for delta in deltas], dtype=mx.int32)
    position_ids = mx.broadcast_to(places[None, :, None], (3, len(deltas), 1))
    ids = tokens if isinstance(tokens, mx.array) else mx.array(list(tokens))
    embeddings = model.model.embed_tokens(ids[:, None])  # [B, 1, hidden]
    return model.logits(model.model(embeddings, position_ids, cache)[:, -1])


# Generating.


def generate(model: CausalModel, prompt: Prompt, max_new_tokens: int) -> list[list[int]]:
    """Return the greedy tokens of each row, up to and including an end token."""
    cache = model.model.make_cache(prompt.padding)
    answers: list[list[int]] = [[] for _ in prompt.deltas]
    logits = prefill(model, prompt, cache)
    for row, token in stream_rows(model, prompt, cache, logits, max_new_tokens):
        answers[row].append(token)
    return answers


def stream(
    model: CausalModel,
    prompt: Prompt,
    cache: Sequence[KVCache],
    logits: mx.array,
    max_new_tokens: int,
    sampler: Sampler | None = None,
    observe: Observer | None = None,
) -> Iterator[int]:
    """Yield the tokens after a prompt of one row; see `stream_rows`."""
    samplers = None if sampler is None else [sampler]
    rows = stream_rows(model, prompt, cache, logits, max_new_tokens, samplers, observe=observe)
    return (token for _, token in rows)


def stream_rows(
    model: CausalModel,
    prompt: Prompt,
    cache: Sequence[KVCache],
    logits: mx.array,
    max_new_tokens: int,
    samplers: Sequence[Sampler] | None = None,
    done: Container[int] = (),
    observe: Observer | None = None,
) -> Iterator[tuple[int, int]]:
    """Yield (row, token) of a batch, row after row; see `Model.stream_rows`."""
    rows = list(range(len(prompt.deltas)))
    steps = _steps(model, prompt.deltas, cache, logits, samplers)
    for left in reversed(range(max_new_tokens)):
        alive = []
        for place, row in enumerate(rows):
            token = steps.token(place, left)
            if token == 0:  # the token of NaN
                execution.check_logits(steps.logits[place], cache)
            if observe is not None:
                observe(row, token, steps.logits[place])
            yield row, token
            if token not in model.config.eos_token_ids and row not in done:
                alive.append(place)
        if not alive or not left:
            return
        if len(alive) < len(rows):
            rows = [rows[place] for place in alive]
            for layer in cache:
                layer.keep(alive)
            steps.keep(alive)
        steps.read()


class _Steps(Protocol):
    """A way to take rows from token to token; it owns the cache."""

    @property
    def logits(self) -> Sequence[mx.array] | mx.array:
        """Logits of each row's next token."""

    def token(self, place: int, left: int) -> int:
        """Return a row's next token, row after row; at most `left` tokens follow."""

    def keep(self, places: Sequence[int]) -> None:
        """Drop all rows except these."""

    def read(self) -> None:
        """Read the tokens that `token` returned."""


def _steps(
    model: CausalModel,
    deltas: Sequence[int],
    cache: Sequence[KVCache],
    logits: mx.array,
    samplers: Sequence[Sampler] | None,
) -> _Steps:
    """Choose the way for a model and its samplers."""
    chosen = [greedy] * len(deltas) if samplers is None else samplers
    if cpu_decode.applies(model.model, model.head):
        return _CpuSteps(model, deltas, cache, logits, chosen)
    if all(sampler is greedy for sampler in chosen):
        return _PipelinedSteps(model, deltas, cache, logits)
    return _SampledSteps(model, deltas, cache, logits, chosen)


class _SampledSteps:
    """Steps in turn: a token is sampled from its logits, then read."""

    def __init__(
        self,
        model: CausalModel,
        deltas: Sequence[int],
        cache: Sequence[KVCache],
        logits: Sequence[mx.array] | mx.array,
        samplers: Sequence[Sampler],
    ) -> None:
        self.model, self.deltas, self.cache, self.logits, self.samplers = model, deltas, cache, logits, samplers
        self.tokens = [0] * len(deltas)

    def token(self, place: int, left: int) -> int:
        self.tokens[place] = self.samplers[place](self.logits[place])
        return self.tokens[place]

    def keep(self, places: Sequence[int]) -> None:
        self.deltas = [self.deltas[place] for place in places]
        self.samplers = [self.samplers[place] for place in places]
        self.tokens = [self.tokens[place] for place in places]

    def read(self) -> None:
        self.logits = self.model.decode(self.tokens, self.deltas, self.cache)


class _CpuSteps(_SampledSteps):
    """Steps in turn, by NumPy on the CPU."""

    _decoder: cpu_decode.CpuDecoder | None = None

    def keep(self, places: Sequence[int]) -> None:
        super().keep(places)
        self._decoder = None

    def read(self) -> None:
        if self._decoder is None:
            self._decoder = cpu_decode.CpuDecoder(self.model.model, self.model.head, len(self.tokens))
        places = [self.cache[0].offset + delta for delta in self.deltas]
        self.logits = self._decoder(self.tokens, places, self.cache)


class _PipelinedSteps:
    """Greedy steps: the next ones are on their way in MLX before the tokens before them are read out."""

    def __init__(self, model: CausalModel, deltas: Sequence[int], cache: Sequence[KVCache], logits: mx.array) -> None:
        self.model, self.deltas, self.cache, self.logits = model, deltas, cache, logits
        self._best = _start_argmax(logits)
        self._tokens: list[int] | None = None
        self._next: tuple[mx.array, mx.array] | None = None

    def token(self, place: int, left: int) -> int:
        if self._tokens is None:
            if left:
                logits = self.model.decode(self._best, self.deltas, self.cache)
                self._next = logits, _start_argmax(logits)
            self._tokens = [int(token) for token in np.asarray(self._best)]
        return self._tokens[place]

    def keep(self, places: Sequence[int]) -> None:
        assert self._next is not None
        rows = mx.array(list(places))
        self.deltas = [self.deltas[place] for place in places]
        self._next = self._next[0][rows], self._next[1][rows]

    def read(self) -> None:
        assert self._next is not None
        (self.logits, self._best), self._next, self._tokens = self._next, None, None


def _start_argmax(logits: mx.array) -> mx.array:
    """Return the best tokens [B] of logits [B, vocabulary]; their evaluation is on its way."""
    best = mx.argmax(logits, axis=-1)
    mx.async_eval(best)
    return best
