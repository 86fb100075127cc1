"""Work that each row of an array goes through alone, some rows at a time: its temporaries do not grow with the rest."""

from __future__ import annotations

from collections.abc import Callable

from mlx_saccade.backend import mx
from mlx_saccade.families import ROWS
from mlx_saccade.nets.pace import Pace

__all__ = ["ROWS", "fill"]


def fill(count: int, piece: Callable[[slice], mx.array], pace: Pace, work: int = 0, step: int = ROWS) -> mx.array:
    """What `piece` makes of consecutive rows, as one array.

    Args:
        count: rows in all.
        piece: from a slice of rows to [rows, ...].
        pace: is told of each step.
        work: quarters of a patch-layer that one row costs.
        step: rows at a time.
    """
    if count <= step:
        pace.before(count * work)
        whole = piece(slice(0, count))
        pace.made(whole)
        return whole
    out: mx.array | None = None
    for first in range(0, count, step):
        rows = slice(first, min(first + step, count))
        pace.before((rows.stop - first) * work)
        made = piece(rows)
        if out is None:
            out = mx.zeros((count, *made.shape[1:]), dtype=made.dtype)
        out[rows] = made
        pace.made(out)
    assert out is not None
    return out
