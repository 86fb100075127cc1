"""Cache features of images by content, and the content that a source has under a plan."""

from __future__ import annotations

from mlx_saccade.backend import mx
from mlx_saccade.cache.keys import Key
from mlx_saccade.cache.lru import ByteLRU, Entry

__all__ = ["FeatureCache"]

_LINK_BYTES = 256  # about: two keys and their places in the dictionaries


class _Features(Entry):
    def __init__(self, table: dict[Key, _Features], key: Key, value: mx.array) -> None:
        self.table, self.key, self.value = table, key, value
        self.nbytes = value.nbytes + _LINK_BYTES

    def drop(self) -> None:
        del self.table[self.key]


class _Link(Entry):
    nbytes = _LINK_BYTES

    def __init__(self, table: dict[Key, _Link], key: Key, target: Key) -> None:
        self.table, self.key, self.target = table, key, target

    def drop(self) -> None:
        del self.table[self.key]


class FeatureCache:
    """The tower's output by content key, and content keys by the key of source and plan, under one `ByteLRU`."""

    def __init__(self, lru: ByteLRU) -> None:
        self._lru = lru
        self._features: dict[Key, _Features] = {}
        self._links: dict[Key, _Link] = {}

    def get(self, content: Key) -> mx.array | None:
        """Return the features [tokens, width] of a content, or None; other prompts read the same array."""
        with self._lru.lock:
            entry = self._features.get(content)
            if entry is None:
                return None
            self._lru.touch(entry)
            return entry.value

    def put(self, content: Key, features: mx.array) -> None:
        """Cache evaluated features, unless they are larger than the whole cache."""
        with self._lru.lock:
            if content in self._features or features.nbytes + _LINK_BYTES > self._lru.most:
                return
            self._features[content] = _Features(self._features, content, features)
            self._lru.add(self._features[content])
            self._lru.trim()

    def content_of(self, planned: Key) -> Key | None:
        """Return the content that a source had under a plan, or None."""
        with self._lru.lock:
            link = self._links.get(planned)
            if link is None:
                return None
            self._lru.touch(link)
            return link.target

    def link(self, planned: Key, content: Key) -> None:
        """Cache the content of a source under a plan."""
        with self._lru.lock:
            if planned in self._links or self._lru.most < _LINK_BYTES:
                return
            self._links[planned] = _Link(self._links, planned, content)
            self._lru.add(self._links[planned])
            self._lru.trim()
