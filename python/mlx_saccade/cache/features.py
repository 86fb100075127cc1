"""Features of images by their content, and what source and plan lead to which content."""

from __future__ import annotations

from mlx_saccade.backend import mx
from mlx_saccade.cache.keys import Key
from mlx_saccade.cache.lru import ByteLRU, Entry

__all__ = ["FeatureCache"]

_LINK_BYTES = 256  # two keys and the dictionaries' places for them, about


class _Kept(Entry):
    def __init__(self, table: dict[Key, _Kept], key: Key, value: mx.array) -> None:
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
    """The tower's output by content key, and content keys by planned source; both within the ledger's limit."""

    def __init__(self, ledger: ByteLRU) -> None:
        self._ledger = ledger
        self._features: dict[Key, _Kept] = {}
        self._links: dict[Key, _Link] = {}

    def get(self, content: Key) -> mx.array | None:
        """Features [tokens, hidden] of a content, or None. Not to be written to: other prompts read them."""
        with self._ledger.lock:
            kept = self._features.get(content)
            if kept is None:
                return None
            self._ledger.touch(kept)
            return kept.value

    def put(self, content: Key, features: mx.array) -> None:
        """Keep evaluated features; what is larger than the whole cache is not kept."""
        with self._ledger.lock:
            if content in self._features or features.nbytes + _LINK_BYTES > self._ledger.most:
                return
            self._features[content] = _Kept(self._features, content, features)
            self._ledger.add(self._features[content])
            self._ledger.trim()

    def content_of(self, planned: Key) -> Key | None:
        """The content that a planned source was found to have, or None."""
        with self._ledger.lock:
            link = self._links.get(planned)
            if link is None:
                return None
            self._ledger.touch(link)
            return link.target

    def link(self, planned: Key, content: Key) -> None:
        """Remember the content of a planned source."""
        with self._ledger.lock:
            if planned in self._links or self._ledger.most < _LINK_BYTES:
                return
            self._links[planned] = _Link(self._links, planned, content)
            self._ledger.add(self._links[planned])
            self._ledger.trim()
