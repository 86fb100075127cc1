"""What was computed once and is kept: features of images by content, prompts by their longest beginning.

Keys say what a thing is made of, never where it came from; one limit in bytes holds for all of it.
"""

from __future__ import annotations

from mlx_saccade.caches import keys
from mlx_saccade.caches.counters import Counters, Counts
from mlx_saccade.caches.disk import Disk
from mlx_saccade.caches.features import Features
from mlx_saccade.caches.keys import Key
from mlx_saccade.caches.ledger import Entry, Ledger
from mlx_saccade.caches.prefixes import Prefixes
from mlx_saccade.caches.store import FOLDER_LIMIT, MEMORY_LIMIT, Store

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
