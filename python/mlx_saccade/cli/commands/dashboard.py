"""`mlx-saccade dashboard`: one self-contained page from the journal of a sweep."""

from __future__ import annotations

import argparse

from mlx_saccade import files
from mlx_saccade.cli import output
from mlx_saccade.errors import InputError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlx-saccade dashboard`."""
    parser.add_argument("journal", metavar="FILE", help="what `mlx-saccade sweep --out` wrote")
    parser.add_argument(
        "--out", default="saccade-dashboard.html", metavar="FILE", help="default saccade-dashboard.html"
    )


def run(options: argparse.Namespace) -> int:
    """Write the page."""
    from mlx_saccade import dashboard, evals

    files.check_writable(options.out)
    setup, records = evals.read_run(options.journal)
    if not records:
        raise InputError(f"{options.journal}: the sweep has no answers yet; let it run on")
    cells = evals.summarize(records)
    files.write_atomically(options.out, dashboard.render(setup, cells).encode())
    if options.json:
        output.print_json({"page": options.out, "questions": len(records), "cells": len(cells)})
    else:
        print(f"{len(records)} questions drawn in {options.out}")
    return 0
