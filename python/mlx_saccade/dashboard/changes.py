"""The history of ratios over commits, by machine, with regressions marked as `mlx-saccade bench compare` finds them.

A ratio is a peer's seconds over saccade's, round by round within one run. Seconds of two runs are never compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from mlx_saccade.bench.compare import compare
from mlx_saccade.bench.run import Cell, Run
from mlx_saccade.dashboard.machines import machine_name
from mlx_saccade.errors import InputError

__all__ = ["changes"]

Series = tuple[str, str, str, str, str, int, int, str]
Place = tuple[int, int, str]


def changes(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return a series for each machine, model, peer, budget, question and stage, with a point for each run by date."""
    points: dict[Series, list[dict[str, Any]]] = {}
    latest: dict[tuple[Any, ...], Run] = {}
    for run in runs:
        kind = (run.kind, run.machine.folder, run.machine.device, run.model)
        lost = _lost(latest.get(kind), run)
        latest[kind] = run
        for series, ratios in _ratios(run):
            points.setdefault(series, []).append(
                {
                    "date": run.date,
                    "commit": run.commit,
                    "ratio": median(ratios),
                    "low": min(ratios),
                    "high": max(ratios),
                    "rounds": len(ratios),
                    "regression": series[-3:] in lost,
                }
            )
    names = ("machine", "device", "kind", "model", "peer", "budget", "question", "stage")
    return [{**dict(zip(names, series, strict=True)), "points": own} for series, own in points.items()]


def _lost(before: Run | None, after: Run) -> set[Place]:
    """Return the (budget, question, stage) of saccade that are slower than in the run before, beyond the noise.

    Only changes that were divided by a peer count: without one, a slower machine looks like a regression.
    """
    if before is None:
        return set()
    try:
        comparison = compare(before, after)
    except InputError:  # nothing in common
        return set()
    return {
        (change.budget, change.question, change.stage)
        for change in comparison
        if change.lost and change.side == "saccade" and change.peer
    }


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
                where = machine_name(run.machine), run.machine.device, run.kind, model
                yield (*where, cell.side, cell.budget, cell.question, stage), ratios


def _paired(cell: Cell, base: Cell, stage: str) -> list[float]:
    """Return the ratio of each round that both sides have and that took any time."""
    rounds = zip(cell.stages[stage], base.stages.get(stage, ()), strict=False)
    return [theirs / ours for theirs, ours in rounds if ours > 0 and theirs > 0]
