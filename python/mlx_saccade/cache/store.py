"""Cache features and prompts of one engine under one limit, with a folder behind it, and count the work saved."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np

from mlx_saccade import validation
from mlx_saccade.backend import mx
from mlx_saccade.cache import keys
from mlx_saccade.cache.disk import Disk
from mlx_saccade.cache.features import FeatureCache
from mlx_saccade.cache.keys import Key
from mlx_saccade.cache.lru import ByteLRU
from mlx_saccade.cache.prefixes import PrefixCache
from mlx_saccade.models.families import VisionModel

__all__ = ["FOLDER_LIMIT", "MEMORY_LIMIT", "Counters", "Counts", "EngineCache"]

MEMORY_LIMIT = "512MB"
"""Default in memory: seven screens of 1,280 tokens with their keys and values in a 7B model at half precision."""

FOLDER_LIMIT = "4GB"
"""Default of the cache folder."""


@dataclass(frozen=True)
class Counts:
    """The counts since an engine was loaded, over all its requests.

    Attributes:
        decodes: images decoded to pixels; reading a header does not count.
        resizes: images resized and patchified.
        vision_calls: runs of the vision tower, one for each image or video.
        patches: patches that the tower encoded.
        prefill_tokens: prompt tokens that the language model read.
        reused_tokens: prompt tokens whose keys and values were cached.
        feature_hits: images and videos whose features were cached, in memory or on disk.
        feature_misses: those that had to be encoded.
        prefix_hits: prompts that share a beginning with an earlier one.
        prefix_misses: prompts that do not.
        disk_hits: features read from the cache folder.
        disk_faults: files in the cache folder that were damaged or could not be written.
        bytes: size of the cache in memory now.
        evictions: entries evicted from memory.
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
        """Return the counts by name, for JSON."""
        return asdict(self)

    def __sub__(self, before: Counts) -> Counts:
        """Return the counts added since `before`."""
        earlier = before.as_dict()
        return Counts(**{name: count - earlier[name] for name, count in self.as_dict().items()})


class Counters:
    """The running counts; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def add(self, **counts: int) -> None:
        """Add to counts, by the names of `Counts`."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] = self._counts.get(name, 0) + count

    def read(self, **others: int) -> Counts:
        """Return the counts now, with `others` that are counted elsewhere."""
        with self._lock:
            return Counts(**self._counts, **others)


class EngineCache:
    """The cache of one engine between requests.

    Attributes:
        lru: the entries in memory.
        counters: of work done and saved.
        prefixes: keys and values of prompts.
        prompts_on: True if these are cached.
        tower: key of the vision tower.
    """

    def __init__(self, visual: VisionModel, limit: int, disk: Disk | None = None) -> None:
        """Start with an empty memory, and the files of the folder.

        Args:
            visual: the tower whose features are cached.
            limit: maximum bytes in memory; 0 caches nothing there.
            disk: the folder; None: no folder.
        """
        self.lru = ByteLRU(limit)
        self.prompts_on = limit > 0
        self.counters = Counters()
        self.prefixes = PrefixCache(self.lru)
        self._features = FeatureCache(self.lru)
        self._disk = disk
        # Without a folder nobody else reads these keys, so a random one does, and the weights are not hashed.
        self.tower: Key = secrets.token_bytes(32) if disk is None else keys.tower(visual)

    @property
    def on(self) -> bool:
        """True if anything can be cached."""
        return self.lru.limit > 0 or self._disk is not None

    @contextmanager
    def features_kept(self) -> Iterator[None]:
        """Cache features until the end of the block where nothing is cached otherwise; prompts are not."""
        if self.on:
            yield
            return
        self.lru.limit = validation.parse_bytes(MEMORY_LIMIT, "cache_memory")
        try:
            yield
        finally:
            self.lru.limit = 0
            self.clear()

    def counts(self) -> Counts:
        """Return the counts so far."""
        faults = 0 if self._disk is None else self._disk.faults
        return self.counters.read(bytes=self.lru.used, evictions=self.lru.evictions, disk_faults=faults)

    def clear(self) -> None:
        """Clear the memory; the folder keeps its files."""
        self.lru.trim(0)

    def features(self, content: Key) -> mx.array | None:
        """Return the features of a content, from memory or the folder; None if they are not cached."""
        features = self._features.get(content)
        if features is None and self._disk is not None:
            features = self._disk.get(content)
            if features is not None:
                self.counters.add(disk_hits=1)
                self._features.put(content, features)
        self.counters.add(**{"feature_misses" if features is None else "feature_hits": 1})
        return features

    def keep_features(self, content: Key, features: mx.array) -> None:
        """Cache evaluated features in memory and in the folder."""
        self._features.put(content, features)
        if self._disk is not None:
            self._disk.put(content, features)

    def content_of(self, planned: Key) -> Key | None:
        """Return the content that a source had under a plan, or None."""
        content = self._features.content_of(planned)
        if content is None and self._disk is not None:
            stored = self._disk.get(planned)
            if stored is not None and stored.dtype == mx.uint8 and stored.size == len(planned):
                content = np.asarray(stored).tobytes()
                self._features.link(planned, content)
        return content

    def link(self, planned: Key, content: Key) -> None:
        """Cache the content of a source under a plan."""
        self._features.link(planned, content)
        if self._disk is not None:
            self._disk.put(planned, mx.array(list(content), dtype=mx.uint8))
