"""One engine's cache: features and prompts under one limit, a folder behind them, and the counts of what was spared."""

from __future__ import annotations

import secrets
import threading
from dataclasses import asdict, dataclass

import numpy as np

from mlx_saccade.backend import mx
from mlx_saccade.cache import keys
from mlx_saccade.cache.disk import Disk
from mlx_saccade.cache.features import FeatureCache
from mlx_saccade.cache.keys import Key
from mlx_saccade.cache.lru import ByteLRU
from mlx_saccade.cache.prefixes import PrefixCache
from mlx_saccade.models.qwen2_5_vl import VisionModel

__all__ = ["FOLDER_LIMIT", "MEMORY_LIMIT", "Counters", "Counts", "EngineCache"]

MEMORY_LIMIT = "512MB"
"""Of the cache in memory: seven screens of 1,280 tokens with their keys and values in a 7B model at half precision."""

FOLDER_LIMIT = "4GB"


class EngineCache:
    """What an engine keeps between requests."""

    def __init__(self, visual: VisionModel, limit: int, disk: Disk | None = None) -> None:
        """Begin empty, but for what the folder holds.

        Args:
            visual: the tower whose features are kept.
            limit: most bytes kept in memory; 0 keeps nothing there.
            disk: the folder; None: none.
        """
        self.ledger = ByteLRU(limit)
        self.counters = Counters()
        self.prefixes = PrefixCache(self.ledger)
        self._features = FeatureCache(self.ledger)
        self._disk = disk
        # Without a folder nobody else can meet these keys, so nothing has to be read to name the tower.
        self.tower: Key = secrets.token_bytes(32) if disk is None else keys.tower(visual)

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


# What was done and what was spared, counted, so that a test or a user can see what a request cost.
@dataclass(frozen=True)
class Counts:
    """Counts since an engine was loaded, over all its requests.

    Attributes:
        decodes: image files decoded to pixels; reading a header is none.
        resizes: images resized and cut into patches.
        vision_calls: runs of the vision tower, one an image or video.
        patches: patches that the tower encoded.
        prefill_tokens: prompt tokens that the language model read.
        reused_tokens: prompt tokens whose keys and values were kept from an earlier prompt.
        feature_hits: images and videos whose features were kept, in memory or on disk.
        feature_misses: those that had to be encoded.
        prefix_hits: prompts that shared a beginning with an earlier one.
        prefix_misses: prompts that did not.
        disk_hits: features read from the cache folder.
        disk_faults: files in the cache folder that were damaged or could not be written.
        bytes: held by the cache in memory now.
        evictions: entries dropped from memory to keep within the limit.
    """

    decodes: int = 0
    resizes: int = 0
    vision_calls: int = 0
    patches: int = 0
    prefill_tokens: int = 0
    reused_tokens: int = 0
    feature_hits: int = 0
    feature_misses: int = 0
    prefix_hits: int = 0
    prefix_misses: int = 0
    disk_hits: int = 0
    disk_faults: int = 0
    bytes: int = 0
    evictions: int = 0

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)

    def __sub__(self, before: Counts) -> Counts:
        """What was added since `before`."""
        then = before.as_dict()
        return Counts(**{name: count - then[name] for name, count in self.as_dict().items()})


class Counters:
    """Running counts; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def add(self, **counts: int) -> None:
        """Add to counts by the names of `Counts`."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] = self._counts.get(name, 0) + count

    def read(self, **others: int) -> Counts:
        """The counts now, with those that are counted elsewhere."""
        with self._lock:
            return Counts(**self._counts, **others)
