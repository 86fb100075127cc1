"""Records to a table: mean IoU and hits by size of target and budget, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlx_saccade.evals.bootstrap import interval
from mlx_saccade.evals.sweep import Record, bin_of
from mlx_saccade.preprocess.recommend import TABLE

__all__ = ["BINS", "Cell", "summarize"]

BINS = tuple(row.size for row in TABLE)


@dataclass(frozen=True)
class Cell:
    """All questions of one size bin at one budget.

    Attributes:
        size: "large" (> 5 % of the frame), "medium" (1-5 %), "small" (0.1-1 %) or "tiny" (< 0.1 %).
        budget: tokens allowed.
        n: questions.
        tokens: mean visual tokens spent.
        iou: mean intersection over union.
        low, high: ends of its `interval`; None where they are of fewer than ten screens.
        hits: share of answers whose box center lies in the known box.
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
    """A cell for every size bin and budget that has records of one sweep, bins from large to tiny, budgets rising."""
    import numpy as np

    cells = []
    for size in BINS:
        for budget in sorted({record.budget for record in records}):
            chosen = [record for record in records if record.budget == budget and bin_of(record.share) == size]
            if not chosen:
                continue
            low, high = interval([[(record.seed, record.iou) for record in chosen]]) or (None, None)
            cells.append(
                Cell(
                    size=size,
                    budget=budget,
                    n=len(chosen),
                    tokens=float(np.mean([record.tokens for record in chosen])),
                    iou=float(np.mean([record.iou for record in chosen])),
                    low=low,
                    high=high,
                    hits=float(np.mean([record.hit for record in chosen])),
                    seconds=float(np.median([record.seconds for record in chosen])),
                )
            )
    return cells
