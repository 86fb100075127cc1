"""What `mlx-saccade sweep run` and `sweep merge` say of the run that they have written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mlx_saccade.evals.cells import Cell, cells
from mlx_saccade.evals.merging import Merged
from mlx_saccade.evals.run_folder import Run
from mlx_saccade.evals.score_table import score_table

__all__ = ["MERGE_SCHEMA", "RUN_SCHEMA", "MergeOutcome", "RunOutcome"]

RUN_SCHEMA, MERGE_SCHEMA = "mlx-saccade/sweep-run/1", "mlx-saccade/sweep-merge/1"


@dataclass(frozen=True)
class RunOutcome:
    """A run after `sweep run`.

    Attributes:
        run: its folder, as it was named.
        questions: number of questions with a row.
        errors: rows with an error.
        missing: questions without an answer, those with an error among them.
        error: the first error; None without one.
        cells: figures by target size, policy and budget, and of all targets.
    """

    run: str
    questions: int
    errors: int
    missing: int
    error: str | None
    cells: tuple[Cell, ...]

    @classmethod
    def of(cls, run: Run, name: str) -> RunOutcome:
        """Return the outcome of a run that was named so."""
        table = score_table(run.rows)
        errors = [row.reply.error for row in run.rows if row.reply.error is not None]
        every = (*cells(table, "regime"), *cells(table, "all"))
        return cls(name, len(run.rows), len(errors), run.missing, errors[0] if errors else None, every)

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, for JSON; docs/schemas/sweep-run-1.json describes it."""
        return {"schema": RUN_SCHEMA, **asdict(self)}


@dataclass(frozen=True)
class MergeOutcome:
    """A run after `sweep merge`.

    Attributes:
        run: its folder, as it was named.
        questions: number of questions with a row.
        repeated: answers that another answer to the same question came before.
        errors: rows with an error.
        missing: questions without an answer, those with an error among them.
    """

    run: str
    questions: int
    repeated: int
    errors: int
    missing: int

    @classmethod
    def of(cls, merged: Merged, name: str) -> MergeOutcome:
        """Return the outcome of a merge into a folder that was named so."""
        rows = merged.run.rows
        errors = sum(row.reply.error is not None for row in rows)
        return cls(name, len(rows), merged.repeated, errors, merged.run.missing)

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings, for JSON; docs/schemas/sweep-merge-1.json describes it."""
        return {"schema": MERGE_SCHEMA, **asdict(self)}
