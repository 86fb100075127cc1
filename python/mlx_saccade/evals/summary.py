"""The summary of a sweep: mean IoU and hits by size bin and budget, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlx_saccade.evals.bootstrap import interval
from mlx_saccade.evals.metrics import by_bin
from mlx_saccade.evals.sweep import Record

__all__ = ["Cell", "summarize"]


@dataclass(frozen=True)
class Cell:
    """The figures of all questions of one size bin at one budget.

    Attributes:
        size: "large" (> 5 % of the frame), "medium" (1-5 %), "small" (0.1-1 %) or "tiny" (< 0.1 %).
        budget: maximum visual tokens.
        n: number of questions.
        tokens: mean visual tokens of the images.
        iou: mean intersection over union.
        low, high: ends of its 95 % interval; None with fewer than ten screens.
        hits: share of answers whose box has its center inside the target's.
        seconds: median time of a question.
    """

    size: str
    budget: int
    n: int
    tokens: float
    iou: float
    low: float | None
    high: float | None
    hits: float
    seconds: float


def summarize(records: Sequence[Record]) -> list[Cell]:
    """Return a cell for each size bin and budget of a sweep's records, from large to tiny, smallest budget first."""
    budgets = sorted({record.budget for record in records})
    groups = [
        (size, budget, [record for record in some if record.budget == budget])
        for size, some in by_bin(records, lambda record: record.share).items()
        for budget in budgets
    ]
    return [_cell(size, budget, some) for size, budget, some in groups if some]


def _cell(size: str, budget: int, records: Sequence[Record]) -> Cell:
    import numpy as np

    low, high = interval([[(record.seed, record.iou) for record in records]]) or (None, None)
    return Cell(
        size=size,
        budget=budget,
        n=len(records),
        tokens=float(np.mean([record.tokens for record in records])),
        iou=float(np.mean([record.iou for record in records])),
        low=low,
        high=high,
        hits=float(np.mean([record.hit for record in records])),
        seconds=float(np.median([record.seconds for record in records])),
    )
