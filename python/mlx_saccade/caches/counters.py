"""What was done and what was spared, counted, so that a test or a user can see what a request cost."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass

__all__ = ["Counters", "Counts"]


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
