"""`mlx-saccade dashboard`: draw the results of a sweep as one HTML page."""

from __future__ import annotations

import argparse

from mlx_saccade import files
from mlx_saccade.cli import output
from mlx_saccade.cli.options import add_out_argument
from mlx_saccade.errors import InputError

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = ("mlx-saccade dashboard saccade-sweep.jsonl",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade dashboard`."""
    parser.add_argument("run", metavar="FILE", help="run log that `mlx-saccade sweep` wrote")
    add_out_argument(parser, "file for the page", default="saccade-dashboard.html")


def run(options: argparse.Namespace) -> int:
    """Write the page."""
    from mlx_saccade import dashboard, evals

    files.check_writable(options.out)
    setup, records = evals.read_run(options.run)
    if not records:
        raise InputError(f"{options.run}: expected answers of a sweep; got none. Run `mlx-saccade sweep` again")
    cells = evals.summarize(records)
    files.write_atomically(options.out, dashboard.render(setup, cells).encode())
    if options.json:
        output.print_json({"page": options.out, "questions": len(records), "cells": len(cells)})
    else:
        output.text(f"{len(records)} questions drawn in {options.out}")
    return 0
