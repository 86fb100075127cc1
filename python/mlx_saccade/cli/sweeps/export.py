"""`mlx-saccade sweep export`: write a run as one flat table, a row for each question with its score."""

from __future__ import annotations

import argparse

from mlx_saccade.cli import output
from mlx_saccade.errors import quantity

__all__ = ["EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY = "Write a run as CSV or Parquet, a row for each question with its score"
EXAMPLES = (
    "mlx-saccade sweep export saccade-sweep --out rows.csv",
    "mlx-saccade sweep export runs/a --out rows.parquet",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade sweep export`."""
    parser.epilog = "Lists and objects, such as boxes, are JSON text. Parquet needs the extra `parquet`."
    parser.add_argument("run", metavar="RUN", help="folder of a run")
    parser.add_argument("--out", required=True, metavar="FILE", help="file to write, .csv or .parquet")


def run(options: argparse.Namespace) -> int:
    """Write a run as a table."""
    from mlx_saccade import evals
    from mlx_saccade.evals.export import COLUMNS, SUFFIXES, check_name, export

    check_name(options.out, SUFFIXES)
    rows = evals.read_run(options.run).rows
    export(rows, options.out)
    if options.json:
        output.print_json({"file": options.out, "rows": len(rows), "columns": list(COLUMNS)})
    else:
        output.text(f"{quantity(len(rows), 'row')} of {len(COLUMNS)} columns in {options.out}")
    return 0
