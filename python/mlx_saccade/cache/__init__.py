"""Cache features of images by content, and keys and values of prompts by their longest common beginning.

Keys name contents, never the place that they came from. One limit in bytes holds for everything.
"""

from __future__ import annotations

from mlx_saccade.cache import keys
from mlx_saccade.cache.disk import Disk
from mlx_saccade.cache.features import FeatureCache
from mlx_saccade.cache.keys import Key
from mlx_saccade.cache.lru import ByteLRU, Entry
from mlx_saccade.cache.prefixes import PrefixCache
from mlx_saccade.cache.store import FOLDER_LIMIT, MEMORY_LIMIT, Counters, Counts, EngineCache

__all__ = [
    "FOLDER_LIMIT",
    "MEMORY_LIMIT",
    "ByteLRU",
    "Counters",
    "Counts",
    "Disk",
    "EngineCache",
    "Entry",
    "FeatureCache",
    "Key",
    "PrefixCache",
    "keys",
]
