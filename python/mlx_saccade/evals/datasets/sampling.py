"""Draw a part of the targets, so that a larger part of the same seed holds the smaller one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from mlx_saccade.evals.metrics import BINS
from mlx_saccade.evals.targets import Target

__all__ = ["by_image", "draw"]


def draw(targets: Sequence[Target], count: int, seed: int) -> list[Target]:
    """Return `count` targets, one of each size bin in turn while it has any; all if there are no more.

    The order in a bin depends on the seed and a target's own id alone. So `count` targets are the first of any larger
    count, and a file that grows changes few of them.
    """
    bins: dict[str, list[Target]] = {size: [] for size in BINS}
    for target in sorted(targets, key=lambda target: _rank(seed, target.id), reverse=True):
        bins[target.regime].append(target)
    chosen: list[Target] = []
    while len(chosen) < count and any(bins.values()):
        chosen += [of_size.pop() for of_size in bins.values() if of_size]
    return chosen[:count]


def by_image(targets: Sequence[Target], order: Sequence[Target]) -> list[Target]:
    """Return targets so that those of one image follow each other; images and their targets in the order of `order`."""
    places: dict[str, int] = {}
    for target in order:
        places.setdefault(target.image, len(places))
    within = {target.id: place for place, target in enumerate(order)}
    return sorted(targets, key=lambda target: (places[target.image], within[target.id]))


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogatepass")).digest()
