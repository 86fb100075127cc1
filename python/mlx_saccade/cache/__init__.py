"""What was computed once and is kept: features of images by content, prompts by their longest beginning.

Keys say what a thing is made of, never where it came from; one limit in bytes holds for all of it.
"""

from __future__ import annotations

from mlx_saccade.cache import keys
from mlx_saccade.cache.disk import Disk
from mlx_saccade.cache.features import Features
from mlx_saccade.cache.keys import Key
from mlx_saccade.cache.lru import Entry, Ledger
from mlx_saccade.cache.prefixes import Prefixes
from mlx_saccade.cache.store import FOLDER_LIMIT, MEMORY_LIMIT, Counters, Counts, Store

__all__ = [
    "FOLDER_LIMIT",
    "MEMORY_LIMIT",
    "Counters",
    "Counts",
    "Disk",
    "Entry",
    "Features",
    "Key",
    "Ledger",
    "Prefixes",
    "Store",
    "keys",
]
