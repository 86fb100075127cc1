"""Keys and values of the tokens read so far, one cache a layer."""

from __future__ import annotations

from collections.abc import Sequence

from mlx_saccade.backend import mx

__all__ = ["KVCache"]


class KVCache:
    """Keys and values of the tokens seen so far by one layer, in buffers that grow by `STEP` tokens."""

    STEP = 256

    def __init__(self, padding: Sequence[int] = ()) -> None:
        """An empty cache; `padding` says how many tokens at the start of each row are none."""
        self.offset = 0
        self.padding = tuple(padding)
        self._keys: mx.array | None = None
        self._values: mx.array | None = None

    @property
    def state(self) -> list[mx.array]:
        """The buffers, to be evaluated."""
        return [buffer for buffer in (self._keys, self._values) if buffer is not None]

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows of the batch but these."""
        chosen = mx.array(list(rows))
        self.padding = tuple(self.padding[row] for row in rows) if self.padding else ()
        if self._keys is not None and self._values is not None:
            self._keys, self._values = self._keys[chosen], self._values[chosen]

    def append(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """Add [B, K, L, d] of each and return all: [B, K, offset, d]."""
        start, self.offset = self.offset, self.offset + keys.shape[2]
        self._keys = self._store(self._keys, keys, start)
        self._values = self._store(self._values, values, start)
        return self._keys[:, :, : self.offset], self._values[:, :, : self.offset]

    def extend(self, count: int) -> list[mx.array]:
        """Count so many tokens more, and return the buffers [B, K, capacity, d], for the caller to write them into.

        The buffers are evaluated, in C order and nobody else's; the cache holds a token already.
        """
        assert self._keys is not None and self._values is not None
        self.offset += count
        if self.offset > self._keys.shape[2]:
            self._keys, self._values = self._grown(self._keys, self._keys), self._grown(self._values, self._values)
            mx.eval(self._keys, self._values)
        return [self._keys, self._values]

    def _grown(self, buffer: mx.array | None, like: mx.array) -> mx.array:
        """A buffer with room for all tokens, of the shape and type of `like` but for their number."""
        batch, heads, _, width = like.shape
        room = 0 if buffer is None else buffer.shape[2]
        steps = -(-(self.offset - room) // self.STEP)
        more = mx.zeros((batch, heads, steps * self.STEP, width), dtype=like.dtype)
        return more if buffer is None else mx.concatenate([buffer, more], axis=2)

    def _store(self, buffer: mx.array | None, new: mx.array, start: int) -> mx.array:
        if buffer is None or self.offset > buffer.shape[2]:
            buffer = self._grown(buffer, new)
        buffer[:, :, start : self.offset] = new
        return buffer
