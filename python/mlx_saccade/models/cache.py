"""The keys and values of the tokens read so far: one cache for each layer."""

from __future__ import annotations

from collections.abc import Sequence

from mlx_saccade.backend import mx

__all__ = ["KVCache"]


class KVCache:
    """The keys and values of one layer, in buffers that grow by `STEP` tokens."""

    STEP = 256

    def __init__(self, padding: Sequence[int] = ()) -> None:
        """Start empty.

        Args:
            padding: tokens of padding at the start of each row; default none.
        """
        self.offset = 0
        self.padding = tuple(padding)
        self._keys: mx.array | None = None
        self._values: mx.array | None = None

    @property
    def state(self) -> list[mx.array]:
        """The buffers, for `mx.eval`."""
        return [buffer for buffer in (self._keys, self._values) if buffer is not None]

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows of the batch except these."""
        chosen = mx.array(list(rows))
        self.padding = tuple(self.padding[row] for row in rows) if self.padding else ()
        if self._keys is not None and self._values is not None:
            self._keys, self._values = self._keys[chosen], self._values[chosen]

    def copy(self, rows: int, tokens: int) -> KVCache:
        """Return a cache of `rows` rows that all hold the first tokens of this one's only row."""
        copy = KVCache(self.padding * rows)
        copy.append(*(mx.repeat(buffer[:, :, :tokens], rows, axis=0) for buffer in self.state))
        return copy

    def append(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """Add keys and values [B, K, L, d] and return all of them, [B, K, offset, d]."""
        start, self.offset = self.offset, self.offset + keys.shape[2]
        self._keys = self._store(self._keys, keys, start)
        self._values = self._store(self._values, values, start)
        return self._keys[:, :, : self.offset], self._values[:, :, : self.offset]

    def extend(self, count: int) -> list[mx.array]:
        """Make room for more tokens and return the buffers [B, K, capacity, d]; the caller writes the tokens there.

        The buffers are evaluated, in C order and not shared. The cache must have a token already.

        Args:
            count: new tokens, which count as read.
        """
        assert self._keys is not None and self._values is not None
        self.offset += count
        if self.offset > self._keys.shape[2]:
            self._keys, self._values = self._grown(self._keys, self._keys), self._grown(self._values, self._values)
            mx.eval(self._keys, self._values)
        return [self._keys, self._values]

    def _grown(self, buffer: mx.array | None, like: mx.array) -> mx.array:
        """Return a buffer with room for all tokens; batch, heads, width and type are those of `like`."""
        batch, heads, _, width = like.shape
        capacity = 0 if buffer is None else buffer.shape[2]
        steps = -(-(self.offset - capacity) // self.STEP)
        more = mx.zeros((batch, heads, steps * self.STEP, width), dtype=like.dtype)
        return more if buffer is None else mx.concatenate([buffer, more], axis=2)

    def _store(self, buffer: mx.array | None, new: mx.array, start: int) -> mx.array:
        if buffer is None or self.offset > buffer.shape[2]:
            buffer = self._grown(buffer, new)
        buffer[:, :, start : self.offset] = new
        return buffer
