"""One engine's cache: features and prompts under one limit, a folder behind them, and the counts of what was spared."""

from __future__ import annotations

import secrets

import numpy as np

from mlx_saccade.backend import mx
from mlx_saccade.caches import fingerprint
from mlx_saccade.caches.counters import Counters, Counts
from mlx_saccade.caches.disk import Disk
from mlx_saccade.caches.features import Features
from mlx_saccade.caches.keys import Key
from mlx_saccade.caches.ledger import Ledger
from mlx_saccade.caches.prefixes import Prefixes
from mlx_saccade.nets.vision import VisionModel

__all__ = ["FOLDER_LIMIT", "MEMORY_LIMIT", "Store"]

MEMORY_LIMIT = "512MB"
"""Of the cache in memory: seven screens of 1,280 tokens with their keys and values in a 7B model at half precision."""

FOLDER_LIMIT = "4GB"


class Store:
    """What an engine keeps between requests."""

    def __init__(self, visual: VisionModel, limit: int, disk: Disk | None = None) -> None:
        """Begin empty, but for what the folder holds.

        Args:
            visual: the tower whose features are kept.
            limit: most bytes kept in memory; 0 keeps nothing there.
            disk: the folder; None: none.
        """
        self.ledger = Ledger(limit)
        self.counters = Counters()
        self.prefixes = Prefixes(self.ledger)
        self._features = Features(self.ledger)
        self._disk = disk
        # Without a folder nobody else can meet these keys, so nothing has to be read to name the tower.
        self.tower: Key = secrets.token_bytes(32) if disk is None else fingerprint.tower(visual)

    @property
    def on(self) -> bool:
        """Whether anything can be kept."""
        return self.ledger.limit > 0 or self._disk is not None

    def counts(self) -> Counts:
        """What was done and spared so far."""
        faults = 0 if self._disk is None else self._disk.faults
        held, evictions = self.ledger.used, self.ledger.evictions
        return self.counters.read(bytes=held, evictions=evictions, disk_faults=faults)

    def clear(self) -> None:
        """Forget everything in memory; the folder keeps its files."""
        self.ledger.trim(0)

    def features(self, content: Key) -> mx.array | None:
        """Features [tokens, hidden] of a content, from memory or the folder; None where they have to be computed."""
        found = self._features.get(content)
        if found is None and self._disk is not None:
            found = self._disk.get(content)
            if found is not None:
                self.counters.add(disk_hits=1)
                self._features.put(content, found)
        self.counters.add(**{"feature_misses" if found is None else "feature_hits": 1})
        return found

    def keep_features(self, content: Key, features: mx.array) -> None:
        """Keep evaluated features in memory and in the folder."""
        self._features.put(content, features)
        if self._disk is not None:
            self._disk.put(content, features)

    def content_of(self, planned: Key) -> Key | None:
        """The content that a planned source had before, or None."""
        found = self._features.content_of(planned)
        if found is None and self._disk is not None:
            stored = self._disk.get(planned)
            if stored is not None and stored.dtype == mx.uint8 and stored.size == len(planned):
                found = np.asarray(stored).tobytes()
                self._features.link(planned, found)
        return found

    def link(self, planned: Key, content: Key) -> None:
        """Remember that this source under this plan has this content."""
        self._features.link(planned, content)
        if self._disk is not None:
            self._disk.put(planned, mx.array(list(content), dtype=mx.uint8))
