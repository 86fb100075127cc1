"""The history of ratios over commits, by machine, with regressions marked.

A ratio is a peer's seconds over saccade's, round by round within one run. Seconds of two runs are never compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from mlx_saccade.bench.run import Cell, Run
from mlx_saccade.dashboard.machines import machine_name

__all__ = ["FALL", "changes", "is_regression"]

FALL = 0.1
"""A ratio that is smaller by more than this share than the earlier ones' median can be a regression."""
EARLIER = 5
Series = tuple[str, str, str, str, str, int, int, str]


def changes(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return a series for each machine, model, peer, budget, question and stage, with a point for each run by date."""
    points: dict[Series, list[dict[str, Any]]] = {}
    for run in runs:
        for series, ratios in _ratios(run):
            own = points.setdefault(series, [])
            own.append(
                {
                    "date": run.date,
                    "commit": run.commit,
                    "ratio": median(ratios),
                    "low": min(ratios),
                    "high": max(ratios),
                    "rounds": len(ratios),
                    "regression": is_regression(ratios, [point["ratio"] for point in own]),
                }
            )
    names = ("machine", "device", "kind", "model", "peer", "budget", "question", "stage")
    return [{**dict(zip(names, series, strict=True)), "points": own} for series, own in points.items()]


def is_regression(ratios: Sequence[float], earlier: Sequence[float]) -> bool:
    """Return True if every round is below the median of up to five earlier runs, and the median by over a tenth.

    Args:
        ratios: the ratios of the run's rounds.
        earlier: the ratios of earlier runs, oldest first.
    """
    if not earlier:
        return False
    usual = median(earlier[-EARLIER:])
    return median(ratios) < (1 - FALL) * usual and max(ratios) < usual


def _ratios(run: Run) -> Iterator[tuple[Series, list[float]]]:
    own = {(cell.budget, cell.question): cell for cell in run.cells if cell.side == "saccade"}
    model = run.model.name if run.model else ""
    for cell in run.cells:
        base = own.get((cell.budget, cell.question))
        if cell.side == "saccade" or base is None:
            continue
        for stage in cell.stages:
            ratios = _paired(cell, base, stage)
            if ratios:
                where = f"{machine_name(run.machine)}", run.machine.device, run.kind, model
                yield (*where, cell.side, cell.budget, cell.question, stage), ratios


def _paired(cell: Cell, base: Cell, stage: str) -> list[float]:
    """Return the ratio of each round that both sides have and that took any time."""
    rounds = zip(cell.stages[stage], base.stages.get(stage, ()), strict=False)
    return [theirs / ours for theirs, ours in rounds if ours > 0 and theirs > 0]
