"""Print what a sweep would ask, with its tokens and its time."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlx_saccade.cli import output, progress
from mlx_saccade.errors import quantity

if TYPE_CHECKING:
    from mlx_saccade.evals import DataSet, Row, Runtime
    from mlx_saccade.evals.forecast import CellForecast, Forecast
    from mlx_saccade.evals.sweep import Question

__all__ = ["print_forecast"]


def print_forecast(options: argparse.Namespace, data: DataSet, runtime: Runtime, questions: Sequence[Question]) -> int:
    """Print the forecast of a sweep; nothing is written.

    Raises:
        InputError: the run of --out is of other data or of another runtime, or a budget or policy cannot be used.
    """
    from mlx_saccade.evals.forecast import forecast

    rows = _rows(options.out, data, runtime)
    with progress.bar() as bar:
        task = bar.add_task("trying", total=len({(one.policy, one.budget) for one in questions}))
        result = forecast(data, runtime, questions, rows, lambda: bar.advance(task))
    if options.json:
        output.print_json(result.as_dict())
        return 0
    for line in result.data:
        output.text(line, hang="  ")
    print()
    _print_table(result.cells)
    for line in _words(result):
        output.text(line, hang="  ")
    return 0


def _rows(out: str, data: DataSet, runtime: Runtime) -> tuple[Row, ...]:
    from mlx_saccade import evals

    if not evals.is_run(out):
        return ()
    run = evals.read_run(out)
    evals.check_same(run.path, run.header, data, runtime)
    return run.rows


def _print_table(cells: Sequence[CellForecast]) -> None:
    columns = [("policy", "left"), *((name, "right") for name in ("budget", "questions", "left", "tokens", "seconds"))]
    rows = [
        (cell.policy, str(cell.budget), str(cell.questions), str(cell.missing),
         "-" if cell.tokens is None else f"{cell.tokens:,}",
         "-" if cell.seconds is None else f"{cell.missing * cell.seconds:,.1f}") for cell in cells
    ]  # fmt: skip
    output.table(columns, rows)


def _words(result: Forecast) -> list[str]:
    lines = [f"{quantity(result.missing, 'question')} to ask, of {result.questions}; nothing was written"]
    if result.seconds is not None and result.missing:
        lines.append(f"about {_duration(result.seconds)}, one question after another")
    if any(cell.is_trial for cell in result.cells):
        lines.append("seconds: of one trial question for each policy and budget without an answer in the run")
    lines.append("tokens: visual tokens of one look at each image; policies that look again take more")
    return lines + [f"trial failed: {problem}" for problem in result.problems]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
