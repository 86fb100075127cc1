"""The summary of a sweep: mean IoU and hits by size bin, policy and budget, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlx_saccade.evals.bootstrap import interval
from mlx_saccade.evals.metrics import BINS
from mlx_saccade.evals.rows import Budget, Row
from mlx_saccade.grounding import iou

__all__ = ["Cell", "is_hit", "overlap", "summarize"]


@dataclass(frozen=True)
class Cell:
    """The figures of all answers of one size bin under one policy at one budget.

    Attributes:
        size: "large" (> 5 % of the frame), "medium" (1-5 %), "small" (0.1-1 %) or "tiny" (< 0.1 %).
        budget: limit on the visual tokens of a look, as it was asked.
        policy: name of the policy with its parameters.
        n: number of answers.
        tokens: mean visual tokens of a question; None where the runtime hides them.
        iou: mean intersection over union.
        low, high: ends of its 95 % interval; None with fewer than ten screens.
        hits: share of answers whose click is inside the target.
        seconds: median time of a question.
    """

    size: str
    budget: Budget
    policy: str
    n: int
    tokens: float | None
    iou: float
    low: float | None
    high: float | None
    hits: float
    seconds: float


def overlap(row: Row) -> float:
    """Return the IoU of the answer's first box with the best of the expected ones; 0 without a box."""
    boxes = row.reply.boxes
    return max(iou(boxes[0], box) for box in row.target.expected) if boxes else 0.0


def is_hit(row: Row) -> bool:
    """Return True if the answer's click is inside any of the expected boxes (ScreenSpot's metric)."""
    if row.reply.click is None:
        return False
    x, y = row.reply.click
    return any(x1 <= x <= x2 and y1 <= y <= y2 for x1, y1, x2, y2 in row.target.expected)


def summarize(rows: Sequence[Row]) -> list[Cell]:
    """Return a cell for each size bin, policy and budget; rows with an error are left out.

    Cells are in order of size from large to tiny, then of the rows.
    """
    groups: dict[tuple[str, str, Budget], list[Row]] = {}
    for row in rows:
        if row.reply.error is None:
            groups.setdefault((row.target.regime, row.policy, row.budget), []).append(row)
    screens = {image: number for number, image in enumerate(dict.fromkeys(row.target.image for row in rows))}
    order = {key: number for number, key in enumerate(dict.fromkeys((row.policy, row.budget) for row in rows))}
    keys = sorted(groups, key=lambda key: (BINS.index(key[0]), order[key[1:]]))
    return [_cell(*key, groups[key], screens) for key in keys]


def _cell(size: str, policy: str, budget: Budget, rows: Sequence[Row], screens: dict[str, int]) -> Cell:
    import numpy as np

    overlaps = [(screens[row.target.image], overlap(row)) for row in rows]
    low, high = interval([overlaps]) or (None, None)
    tokens = [row.reply.tokens for row in rows if row.reply.tokens is not None]
    return Cell(
        size=size,
        budget=budget,
        policy=policy,
        n=len(rows),
        tokens=float(np.mean(tokens)) if tokens else None,
        iou=float(np.mean([value for _, value in overlaps])),
        low=low,
        high=high,
        hits=float(np.mean([is_hit(row) for row in rows])),
        seconds=float(np.median([sum(row.reply.seconds.values()) for row in rows])),
    )
