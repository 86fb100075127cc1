"""A sweep's run as the report that a dashboard shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlx_saccade import evals
from mlx_saccade.errors import InputError, quantity
from mlx_saccade.evals.report import Report, about, report

__all__ = ["Sweep", "read"]


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        name: name of its folder.
        data: name of the data set.
        runtime: name of what answered.
        report: its figures.
    """

    name: str
    data: str
    runtime: str
    report: Report


def read(path: Path, name: str) -> tuple[Sweep, str]:
    """Read the folder of a sweep's run.

    Args:
        path: the folder.
        name: its name on the page.

    Returns:
        The sweep, and a message if questions were answered twice; the first answer counts.

    Raises:
        InputError: not such a run, without answers, or an answer is damaged.
    """
    run = evals.read_run(path)
    if all(row.reply.error is not None for row in run.rows):
        raise InputError(f"{name}: expected answers of a sweep; got none. Run `mlx-saccade sweep` again")
    problem = f"{name}: {quantity(run.repeated, 'question')} have a second answer; the first counts"
    sweep = Sweep(name, run.header.data.name, run.header.runtime.name, report(run.rows, about(run)))
    return sweep, problem if run.repeated else ""
