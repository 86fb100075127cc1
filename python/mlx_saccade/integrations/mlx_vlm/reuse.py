"""Patches, image features and prompts of enabled models, kept by content, all of them under one limit in bytes.

The key of features is a digest of the tower's input, so every earlier decision (decoding, budget, resizing, order) is
in it, and of the tower that reads it. It does not matter through which of mlx-vlm's paths an image comes. The key of
patches is a digest of the file's bytes and of the plan, so a file that was seen before is not even decoded. Prompts are
those of `prompts`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from mlx.utils import tree_flatten

from mlx_saccade import cache, validation
from mlx_saccade.backend import mx
from mlx_saccade.cache import keys
from mlx_saccade.cache.features import FeatureCache
from mlx_saccade.cache.lru import ByteLRU
from mlx_saccade.cache.prefixes import PrefixCache
from mlx_saccade.cache.store import Counters

__all__ = ["Reuse", "WeightsKey", "as_bytes", "store"]


class Reuse:
    """What all enabled models keep for a second look; every method may be called from any thread.

    Attributes:
        prompts: keys and values of prompts.
    """

    def __init__(self, limit: int | str = cache.MEMORY_LIMIT) -> None:
        """Start empty; `limit` is the maximum of bytes, as a number or such as "512MB"."""
        self._lru = ByteLRU(validation.parse_bytes(limit, "cache_memory"))
        self._features = FeatureCache(self._lru)
        self._patches = FeatureCache(self._lru)
        self.prompts = PrefixCache(self._lru)
        self._counters = Counters()

    def set_limit(self, limit: int | str) -> None:
        """Change the maximum of bytes and evict what is above it; 0 keeps nothing.

        Raises:
            InputError: not a size in bytes.
        """
        with self._lru.lock:
            self._lru.limit = validation.parse_bytes(limit, "cache_memory")
            self._lru.trim()

    def clear(self) -> None:
        """Drop everything."""
        self._lru.trim(0)

    @property
    def on(self) -> bool:
        """True if anything can be kept."""
        return self._lru.limit > 0

    def count(self, **counts: int) -> None:
        """Add to counts, by the names of `cache.Counts`."""
        self._counters.add(**counts)

    def counts(self) -> cache.Counts:
        """Return the counts so far: resized images, runs of towers, tokens, hits, misses, bytes and evictions."""
        return self._counters.read(bytes=self._lru.used, evictions=self._lru.evictions)

    def patches(self, file: cache.Key, make: Callable[[], npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
        """Return the native patches of one image; do not write into them.

        Args:
            file: key of the file's bytes and the plan (`cache.keys.planned`).
            make: decodes, resizes and patchifies.
        """
        known = self._patches.get(file)
        if known is not None:
            return np.asarray(known)
        fresh = make()
        self._counters.add(resizes=1)
        self._patches.put(file, mx.array(fresh))
        return fresh

    def features(
        self, patches: npt.NDArray[Any], grid: tuple[int, int, int], tower: cache.Key, encode: Callable[[], mx.array]
    ) -> mx.array:
        """Return the features of one image, from an earlier look at the same content if there was one.

        Args:
            patches: the rows of one image or video, in the tower's layout.
            grid: (frames, rows, columns) in patches.
            tower: key of the tower.
            encode: runs the tower; returns the features [tokens, hidden], evaluated.
        """
        if not self._lru.limit:
            self._counters.add(vision_calls=1, patches=len(patches))
            return encode()
        key = keys.content(patches, grid, tower)
        known = self._features.get(key)
        self._counters.add(**{"feature_misses" if known is None else "feature_hits": 1})
        if known is not None:
            return known
        encoded = encode()
        self._counters.add(vision_calls=1, patches=len(patches))
        self._features.put(key, encoded)
        return encoded


store = Reuse()
"""What this process keeps."""


class WeightsKey:
    """The key of one tower or model, another one as soon as a weight, a layer or a number of a layer is replaced."""

    def __init__(self) -> None:
        self._parts: list[Any] = []
        self._numbers: list[Any] = []
        self._key: cache.Key = b""

    def of(self, model: Any) -> cache.Key:
        """Return the key for the layers and weights that a tower or model has now."""
        layers = [layer for _, layer in model.named_modules()]
        parts = [*layers, *dict(tree_flatten(model.parameters())).values()]
        numbers = [value for layer in layers for value in vars(layer).values() if isinstance(value, int | float)]
        same = len(parts) == len(self._parts) and all(
            now is before for now, before in zip(parts, self._parts, strict=True)
        )
        if not same or numbers != self._numbers:
            self._parts, self._numbers, self._key = parts, numbers, secrets.token_bytes(32)
        return self._key


def as_bytes(values: mx.array) -> npt.NDArray[np.uint8]:
    """Return the bytes of an array's rows, uint8 [N, bytes of a row]; NumPy does not know bfloat16."""
    return np.asarray(mx.contiguous(values).view(mx.uint8))
