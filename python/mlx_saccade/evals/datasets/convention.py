"""Doubt the convention of boxes: refuse numbers that make no sense in it, and do in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mlx_saccade.errors import InputError
from mlx_saccade.evals.datasets.boxes import BOX_FORMATS, BoxFormat, Numbers, doubt_of, in_words, to_edges
from mlx_saccade.evals.datasets.records import Layout, Record
from mlx_saccade.evals.datasets.sizes import Size

__all__ = ["refuse_other_convention"]

# One box in that many may be wrong before the convention of all is in doubt.
_TOLERATED: Final = 5


def refuse_other_convention(name: str, records: Sequence[tuple[Record, list[Numbers], Size]], layout: Layout) -> None:
    """Refuse boxes that make no sense in the convention they are read in, and do in another.

    Raises:
        InputError: naming the other convention.
    """
    boxes = [(record, numbers, size) for record, several, size in records for numbers in several]
    if not boxes:
        return
    convention = layout.convention
    record, numbers, _ = boxes[0]
    if not convention.endswith("-normalized") and all(max(map(abs, box)) <= 1 for _, box, _ in boxes):
        raise InputError(
            f"{name}: expected {layout.box_words}; got numbers up to 1 alone, the first "
            f"{list(numbers)} at {record.where}. Give boxes='{convention}-normalized' (--boxes), or '{convention}'"
        )
    wrong = [one for one in boxes if _is_wrong(one, convention)]
    if len(wrong) * _TOLERATED <= len(boxes):
        return
    others = [one for one in BOX_FORMATS if one[:4] == convention[:4] or not layout.has_order]
    faults = {one: sum(_is_wrong(box, one) for box in boxes) for one in others}
    best = min(faults, key=faults.__getitem__)
    if faults[best] * _TOLERATED < len(wrong):
        record, numbers, _ = wrong[0]
        raise InputError(
            f"{name}: expected {layout.box_words}; got {len(wrong)} of {len(boxes)} boxes that "
            f"are reversed, empty, below a pixel or outside, the first {list(numbers)} at {record.where}, and fit as "
            f"{in_words(best)}. Say which with boxes='{best}' or '{convention}' (--boxes)"
        )


def _is_wrong(box: tuple[Record, Numbers, Size], convention: BoxFormat) -> bool:
    _, numbers, size = box
    return bool(doubt_of(to_edges(numbers, convention, size), size))
