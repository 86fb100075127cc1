"""Keys and values between the language model's live caches and the prompts that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlx_saccade import caches
from mlx_saccade.backend import mx
from mlx_saccade.nets import KVCache

__all__ = ["Memo", "export", "restore"]


def export(cache: Sequence[KVCache], start: int, stop: int) -> mx.array:
    """Keys and values of one sequence's tokens, a copy: [layers, 2, K, stop - start, d]."""
    parts = mx.stack([buffer[0, :, start:stop] for layer in cache for buffer in layer.state])
    return parts.reshape(len(cache), 2, *parts.shape[1:])


def restore(cache: Sequence[KVCache], state: mx.array) -> None:
    """Put what `export` gave into the empty caches of one sequence."""
    for number, layer in enumerate(cache):
        layer.append(state[number, 0][None], state[number, 1][None])


@dataclass(frozen=True)
class Memo:
    """How one sequence that is being read will be kept.

    Attributes:
        prefixes: where.
        rows: `caches.keys.rows` of its prompt.
        delta: what to add to a later token's index to have its position.
    """

    prefixes: caches.Prefixes
    rows: npt.NDArray[np.int64]
    delta: int

    def keep(self, cache: Sequence[KVCache], answer: Sequence[int] = ()) -> None:
        """Keep the prompt and those tokens of its answer, all of which the language model has read."""
        start = len(self.rows)
        later = np.zeros((len(answer), self.rows.shape[1]), np.int64)
        later[:, 0] = answer
        later[:, 5:] = (np.arange(start, start + len(answer)) + self.delta)[:, None]
        self.prefixes.insert(np.concatenate([self.rows, later]), lambda start, stop: export(cache, start, stop))
