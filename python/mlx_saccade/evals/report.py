"""The report of a run: all figures of its rows as plain data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlx_saccade.evals.budgets import Difference, Optimum, differences, optima
from mlx_saccade.evals.cells import GROUPINGS, Cell, cells
from mlx_saccade.evals.published import BesidePublished, beside_published
from mlx_saccade.evals.rows import Row
from mlx_saccade.evals.score_table import OUTCOMES, score_table

if TYPE_CHECKING:
    from mlx_saccade.evals.run_folder import Run

__all__ = ["SCHEMA", "Report", "about", "report"]

SCHEMA = "mlx-saccade/sweep-report/1"


@dataclass(frozen=True)
class Report:
    """The figures of a run.

    Attributes:
        run: what the run is about: `path`, `created`, `data`, `runtime`, `notes` and `missing` answers.
        rows: number of questions with a reply.
        targets: number of targets.
        screens: number of screens.
        failed: rows with an error; they count in no figure of accuracy.
        cells: figures by group of targets, policy and budget; those of all targets first.
        differences: paired differences between budgets and between policies, by regime.
        optima: the best budget of each policy, and the best setting, by regime.
        published: each regime beside the published table; empty where that was not wanted.
    """

    run: Mapping[str, Any]
    rows: int
    targets: int
    screens: int
    failed: int
    cells: tuple[Cell, ...]
    differences: tuple[Difference, ...]
    optima: tuple[Optimum, ...]
    published: tuple[BesidePublished, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, for JSON; docs/schemas/sweep-report-1.json describes it."""
        return {"schema": SCHEMA, **asdict(self)}


def about(run: Run) -> dict[str, Any]:
    """Return what a run is about, for its report: where it is, its data and runtime, its notes, and what it lacks."""
    header = run.header
    return {
        "path": os.fspath(run.path),
        "created": header.created,
        "data": asdict(header.data),
        "runtime": asdict(header.runtime),
        "notes": list(header.notes),
        "missing": run.missing,
    }


def report(rows: Iterable[Row], run: Mapping[str, Any], *, with_published: bool = False) -> Report:
    """Make the report of a run.

    Args:
        rows: of the run, one for each question; those with an error count as failed only.
        run: what was measured, as `about` gives it.
        with_published: set each regime beside the published table.
    """
    table = score_table(rows)
    return Report(
        run=run,
        rows=int((table.outcomes >= 0).sum()),
        targets=len(table.targets),
        screens=len(set(table.screens.tolist())),
        failed=int((table.outcomes == OUTCOMES.index("failed")).sum()),
        cells=tuple(cell for grouping in GROUPINGS for cell in cells(table, grouping)),
        differences=tuple(differences(table)),
        optima=tuple(optima(table)),
        published=tuple(beside_published(table)) if with_published else (),
    )
