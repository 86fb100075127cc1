"""Cache keys and values of prompts, shared by their longest common beginning.

The cache is a tree whose edges are runs of prompt rows (`keys.rows`). A path from the root is a prompt, and prompts
with the same beginning share its edges, so an image with ten questions is stored once. Keys and values are copied in
and out, so no later decoding writes to them. (The radix tree of SGLang, arXiv 2312.07104, section 3.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mlx_saccade.backend import mx
from mlx_saccade.cache.lru import ByteLRU, Entry

__all__ = ["PrefixCache", "Rows"]

Rows = npt.NDArray[np.int64]
"""[L, columns], one row a token; equal rows after equal beginnings mean equal keys and values."""

Export = Callable[[int, int], mx.array]
"""Returns keys and values [layers, 2, K, stop - start, d] of the tokens from start to stop."""

_TOKENS = 3  # the axis of tokens in keys and values


class _Node(Entry):
    """A run of rows after its parent's, with their keys and values."""

    def __init__(self, parent: _Node | None, rows: Rows, state: mx.array | None) -> None:
        self.parent, self.rows, self.state = parent, rows, state
        self.children: dict[bytes, _Node] = {}

    @property
    def nbytes(self) -> int:  # type: ignore[override]
        return self.rows.nbytes + (0 if self.state is None else self.state.nbytes)

    def drop(self) -> None:
        assert self.parent is not None
        self.parent.children.pop(_first(self.rows), None)


class PrefixCache:
    """The tree of one model's prompts, under the limit of a `ByteLRU`."""

    def __init__(self, lru: ByteLRU) -> None:
        self._lru = lru
        self._root = _Node(None, np.zeros((0, 0), np.int64), None)

    def longest(self, rows: Rows) -> tuple[int, mx.array | None]:
        """Return the longest cached beginning of a prompt.

        Args:
            rows: of the prompt.

        Returns:
            Its length in tokens and a copy of its keys and values [layers, 2, K, length, d]; (0, None) without one.
        """
        with self._lru.lock:
            path = self._walk(rows)
            self._touch([node for node, _ in path])
            parts = [_tokens(node.state, 0, count) for node, count in path if node.state is not None]
        if not parts:
            return 0, None
        return sum(count for _, count in path), mx.concatenate(parts, axis=_TOKENS)

    def insert(self, rows: Rows, export: Export) -> None:
        """Cache a prompt.

        Args:
            rows: of the prompt.
            export: gives the keys and values of the part that is not cached yet. A prompt larger than the whole cache
                is not cached, and nothing is evicted for it.
        """
        with self._lru.lock:
            try:
                self._insert(rows, export)
            except BaseException:  # Ctrl-C can come between any two steps, and half a tree is wrong
                self.clear()
                raise

    def clear(self) -> None:
        """Drop all prompts."""
        with self._lru.lock:
            self._root.children.clear()
            for entry in self._lru:
                if isinstance(entry, _Node):
                    self._lru.remove(entry)

    def _insert(self, rows: Rows, export: Export) -> None:
        path = self._walk(rows)
        known = sum(count for _, count in path)
        state = mx.contiguous(export(known, len(rows))) if known < len(rows) else None
        if state is None or self._path_bytes(path) + rows[known:].nbytes + state.nbytes > self._lru.most:
            self._touch([node for node, _ in path])
            return
        if path and path[-1][1] < len(path[-1][0].rows):
            path[-1] = (self._split(*path[-1]), path[-1][1])
        parent = path[-1][0] if path else self._root
        mx.eval(state)
        leaf = _Node(parent, rows[known:].copy(), state)
        parent.children[_first(leaf.rows)] = leaf
        self._lru.add(leaf)
        self._touch([*(node for node, _ in path), leaf])
        self._lru.trim()

    def _walk(self, rows: Rows) -> list[tuple[_Node, int]]:
        """Return the nodes that a prompt begins with, and how many rows of each; all except the last are whole."""
        path: list[tuple[_Node, int]] = []
        node, start = self._root, 0
        while start < len(rows):
            child = node.children.get(_first(rows[start:]))
            if child is None:
                break
            count = _common(child.rows, rows[start:])
            path.append((child, count))
            if count < len(child.rows):
                break
            node, start = child, start + count
        return path

    def _path_bytes(self, path: list[tuple[_Node, int]]) -> int:
        """Return the bytes of a beginning, its last node cut where the prompt leaves it."""
        return sum(node.nbytes * count // len(node.rows) for node, count in path)

    def _split(self, lower: _Node, count: int) -> _Node:
        """Split a node after `count` rows, and return the upper part, the parent of the lower one."""
        assert lower.parent is not None and lower.state is not None
        upper = _Node(lower.parent, lower.rows[:count].copy(), _copy(lower.state, 0, count))
        lower.parent.children[_first(lower.rows)] = upper
        lower.state = _copy(lower.state, count, len(lower.rows))
        lower.parent, lower.rows = upper, lower.rows[count:].copy()
        upper.children[_first(lower.rows)] = lower
        mx.eval(upper.state, lower.state)
        self._lru.resize(lower)
        self._lru.add(upper)
        return upper

    def _touch(self, path: list[_Node]) -> None:
        """Touch the leaf first and the root last, so that no node is evicted before its children."""
        for node in reversed(path):
            self._lru.touch(node)


def _first(rows: Rows) -> bytes:
    first: bytes = rows[0].tobytes()
    return first


def _common(first: Rows, second: Rows) -> int:
    """Return how many rows two prompts have in common at their beginning."""
    length = min(len(first), len(second))
    different = (first[:length] != second[:length]).any(axis=1)
    return int(different.argmax()) if different.any() else length


def _tokens(state: mx.array, start: int, stop: int) -> mx.array:
    return state[:, :, :, start:stop]


def _copy(state: mx.array, start: int, stop: int) -> mx.array:
    """Copy a part, so that the whole can be freed."""
    return mx.contiguous(_tokens(state, start, stop))
