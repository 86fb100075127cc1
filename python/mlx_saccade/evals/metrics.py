"""The metrics of all evaluations: intersection over union, hits, and bins by the target's size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from mlx_saccade.grounding import Box, center_inside, iou
from mlx_saccade.preprocess.recommend import TABLE, row_of

if TYPE_CHECKING:
    from mlx_saccade.scenes import Element

__all__ = ["BINS", "XYXY", "best_iou", "bin_of", "by_bin", "iou", "is_hit", "share_of"]

XYXY = Sequence[float]
"""(x1, y1, x2, y2) in pixels of the source."""
BINS = tuple(row.size for row in TABLE)
"""The size bins from "large" to "tiny", as in `mlx_saccade.recommend`."""
Item = TypeVar("Item")


def best_iou(boxes: Sequence[Box], expected: Iterable[XYXY]) -> float:
    """Return the IoU of the first of an answer's boxes with the best of the expected ones; 0 without a box."""
    return max((iou(boxes[0].xyxy, box) for box in expected), default=0.0) if boxes else 0.0


def is_hit(boxes: Sequence[Box], expected: Iterable[XYXY]) -> bool:
    """Return True if the center of an answer's first box is inside any of the expected ones (ScreenSpot's metric)."""
    return bool(boxes) and any(center_inside(boxes[0], box) for box in expected)


def share_of(element: Element, size: tuple[int, int]) -> float:
    """Return the share of a frame of `size` (width, height) that an element covers."""
    x1, y1, x2, y2 = element.box
    return (x2 - x1) * (y2 - y1) / (size[0] * size[1])


def bin_of(share: float) -> str:
    """Return the size bin of a target that covers `share` of its frame (above 0, at most 1)."""
    return row_of(share).size


def by_bin(items: Iterable[Item], share: Callable[[Item], float]) -> dict[str, list[Item]]:
    """Return the items of every size bin, from "large" to "tiny"; `share` gives the share of an item's target."""
    bins: dict[str, list[Item]] = {size: [] for size in BINS}
    for item in items:
        bins[bin_of(share(item))].append(item)
    return bins
