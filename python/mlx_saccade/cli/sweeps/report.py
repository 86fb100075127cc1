"""`mlx-saccade sweep report`: accuracy, drift and seconds of a run, with intervals and the best budget."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from mlx_saccade.cli import output
from mlx_saccade.cli.sweeps.budgets_text import print_differences, print_optima, print_published
from mlx_saccade.cli.sweeps.cells_text import GROUPINGS, print_accuracy, print_errors, print_seconds
from mlx_saccade.cli.sweeps.words import facts_of
from mlx_saccade.errors import quantity

if TYPE_CHECKING:
    from mlx_saccade.evals.report import Report

__all__ = ["EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY = "Report accuracy, drift and seconds of a run, with intervals and the best budget"
EXAMPLES = (
    "mlx-saccade sweep report saccade-sweep",
    "mlx-saccade sweep report runs/a --by application --compare published --csv a.csv",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade sweep report`."""
    parser.epilog = (
        "Reads the folder of a run, finished or not, and asks nothing. Intervals are by screens. --json and "
        "--csv have every grouping."
    )
    parser.add_argument("run", metavar="RUN", help="folder of a run")
    parser.add_argument(
        "--by",
        choices=tuple(GROUPINGS),
        default="regime",
        help="grouping of the targets (default regime: share of the frame)",
    )
    parser.add_argument("--compare", choices=("published",), help="show the published table beside the run")
    parser.add_argument("--csv", metavar="FILE", help="write the figures of every grouping as CSV (default none)")


def run(options: argparse.Namespace) -> int:
    """Print the report of a run."""
    from mlx_saccade import evals
    from mlx_saccade.evals.cells import Cell
    from mlx_saccade.evals.export import check_name, csv_bytes
    from mlx_saccade.evals.report import about, report
    from mlx_saccade.files import write_atomically

    if options.csv is not None:
        check_name(options.csv, (".csv",))
    source = evals.read_run(options.run)
    document = report(source.rows, about(source), with_published=options.compare == "published")
    if options.csv is not None:
        lines = ({**asdict(cell), "stages": json.dumps(cell.stages)} for cell in document.cells)
        write_atomically(options.csv, csv_bytes([field.name for field in fields(Cell)], lines))
    if options.json:
        output.print_json(document.as_dict())
    else:
        _print(document, options.by)
    return 0


def _print(report: Report, by: str) -> None:
    """Print a report, with the cells of one grouping."""
    output.facts([*facts_of(report.run), ("questions", _counts(report))])
    print()
    if not report.rows:
        output.text("no answers yet")
        return
    cells = [cell for cell in report.cells if cell.grouping == GROUPINGS[by]]
    if not cells:
        output.note(f"--by {by}: the data set says nothing of it")
    every = [cell for cell in report.cells if cell.grouping == "all"]
    print_accuracy([*cells, *every], by)
    print_errors([*cells, *every])
    print_seconds(every)
    print_optima(report.optima)
    print_differences(report.differences)
    if report.published:
        print_published(report.published)


def _counts(report: Report) -> str:
    parts = [
        f"{report.rows:,} on {quantity(report.targets, 'target')} of {quantity(report.screens, 'screen')}",
        *([f"{report.failed:,} failed"] if report.failed else []),
        *([f"{report.run['missing']:,} still without an answer"] if report.run["missing"] else []),
    ]
    return "; ".join(parts)
