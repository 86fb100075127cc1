"""Rows that a benchmark measures screen by screen, in a file from which it resumes, and tables of them as CSV."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlx_saccade import files

Row = dict[str, Any]


def arguments(description: str | None, rows: str, screens: int) -> argparse.ArgumentParser:
    """Return the parser of a benchmark: --out, --screens, --summary.

    Args:
        description: docstring of the benchmark.
        rows: what a line of --out is for.
        screens: default number of screens.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help=f"JSON lines, one for each {rows}")
    parser.add_argument("--screens", type=int, default=screens, help=f"number of screens (default {screens})")
    parser.add_argument("--summary", action="store_true", help="print the tables of --out instead of measuring")
    return parser


def measure(out: Path, seeds: range, rows_of: Callable[[int], Iterable[Row]]) -> None:
    """Append the rows of screens that the file lacks; a screen is written whole."""
    done = {row["seed"] for row in read(out)} if out.exists() else set()
    for number, seed in enumerate(seeds, 1):
        if seed not in done:
            start, lines = time.time(), [json.dumps(row) + "\n" for row in rows_of(seed)]
            with out.open("a", encoding="utf-8") as file:
                file.write("".join(lines))
            print(f"screen {number} of {len(seeds)}: {time.time() - start:.0f} s", file=sys.stderr, flush=True)


def read(path: Path) -> list[Row]:
    """Return the rows of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_csv(path: Path | None, header: Sequence[str], table: Iterable[Mapping[str, str]]) -> None:
    """Write a table; nothing without a path."""
    if path is not None:
        text = io.StringIO()
        writer = csv.DictWriter(text, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
        files.write_atomically(path, text.getvalue().encode())
