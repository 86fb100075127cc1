"""Evict the least recently used entries of every kind, under one limit in bytes on their sum."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator

__all__ = ["ByteLRU", "Entry"]


class Entry(ABC):
    """A cached thing. An entry that others depend on is touched after them (see `ByteLRU.touch`)."""

    nbytes: int

    @abstractmethod
    def drop(self) -> None:
        """Remove the entry from its container; called under the lock of the `ByteLRU`."""


class ByteLRU:
    """The entries of all containers, from the least to the most recently used.

    Every method may be called from any thread. A container holds `lock` while it and the entries change together.
    """

    def __init__(self, limit: int) -> None:
        """Start empty; `limit` is the maximum of bytes, and 0 caches nothing."""
        self.limit = limit
        self._left: int | None = None
        self.lock = threading.RLock()
        self.used = 0
        self.evictions = 0
        self._order: dict[Entry, int] = {}  # bytes as counted; a dict keeps the order of insertion

    def __contains__(self, entry: Entry) -> bool:
        return entry in self._order

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._order))

    def __len__(self) -> int:
        return len(self._order)

    @property
    def most(self) -> int:
        """Maximum of bytes now: the limit, or less where others need the memory."""
        return self.limit if self._left is None else min(self.limit, self._left)

    def leave(self, left: int) -> None:
        """Keep at most `left` bytes until the next call, even if the limit is higher, and evict the rest."""
        with self.lock:
            self._left = max(0, left)
            self.trim()

    def add(self, entry: Entry) -> None:
        """Add an entry as the most recently used; the caller calls `trim`."""
        with self.lock:
            self.remove(entry)
            self._order[entry] = entry.nbytes
            self.used += entry.nbytes

    def touch(self, entry: Entry) -> None:
        """Make an entry the most recently used. Touched after all entries that depend on it, it outlives them."""
        with self.lock:
            if entry in self._order:
                self._order[entry] = self._order.pop(entry)

    def resize(self, entry: Entry) -> None:
        """Count an entry's bytes again."""
        with self.lock:
            self.used += entry.nbytes - self._order[entry]
            self._order[entry] = entry.nbytes

    def remove(self, entry: Entry) -> None:
        """Remove an entry that its container has dropped."""
        with self.lock:
            self.used -= self._order.pop(entry, 0)

    def trim(self, limit: int | None = None) -> None:
        """Evict the least recently used entries until the rest fit `limit` bytes (None: `most`)."""
        with self.lock:
            most = self.most if limit is None else limit
            while self.used > most and self._order:
                oldest = next(iter(self._order))
                self.remove(oldest)
                oldest.drop()
                self.evictions += 1
