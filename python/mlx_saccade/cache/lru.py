"""What is kept, by bytes: one order of use over entries of every kind, and one limit on their sum."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator

__all__ = ["ByteLRU", "Entry"]


class Entry(ABC):
    """Something that is kept. An entry that others hang on has to be touched after them (see `ByteLRU.touch`)."""

    nbytes: int

    @abstractmethod
    def drop(self) -> None:
        """Take the entry out of the container that finds it; called under the ledger's lock."""


class ByteLRU:
    """The entries from the one used longest ago to the one used last.

    Every method may be called from any thread. A container that changes together with the ledger holds `lock`.
    """

    def __init__(self, limit: int) -> None:
        """`limit` is the most bytes kept; 0 keeps nothing."""
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
        """The most bytes kept now: the limit, or less where others need the memory."""
        return self.limit if self._left is None else min(self.limit, self._left)

    def leave(self, left: int) -> None:
        """Until the next call, keep at most so many bytes, however much more the limit is; the rest is dropped."""
        with self.lock:
            self._left = max(0, left)
            self.trim()

    def add(self, entry: Entry) -> None:
        """Take in an entry as the one used last; `trim` is the caller's to call."""
        with self.lock:
            self.remove(entry)
            self._order[entry] = entry.nbytes
            self.used += entry.nbytes

    def touch(self, entry: Entry) -> None:
        """Make an entry the one used last. Touched after all that hangs on it, it outlives them."""
        with self.lock:
            if entry in self._order:
                self._order[entry] = self._order.pop(entry)

    def resize(self, entry: Entry) -> None:
        """Count an entry's bytes anew."""
        with self.lock:
            self.used += entry.nbytes - self._order[entry]
            self._order[entry] = entry.nbytes

    def remove(self, entry: Entry) -> None:
        """Forget an entry that its container has let go of."""
        with self.lock:
            self.used -= self._order.pop(entry, 0)

    def trim(self, limit: int | None = None) -> None:
        """Drop the entries used longest ago until those left fit `limit` bytes (None: `most`)."""
        with self.lock:
            most = self.most if limit is None else limit
            while self.used > most and self._order:
                oldest = next(iter(self._order))
                self.remove(oldest)
                oldest.drop()
                self.evictions += 1
