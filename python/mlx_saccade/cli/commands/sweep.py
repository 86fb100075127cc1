"""`mlx-saccade sweep`: measure accuracy and latency by budget on generated screens."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from mlx_saccade.cli import output, progress
from mlx_saccade.cli.options import (
    add_budgets_argument,
    add_memory_argument,
    add_model_argument,
    add_out_argument,
    add_revision_argument,
    add_screen_arguments,
    parse_budgets,
)
from mlx_saccade.cli.size_words import parse_screen_size

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = (
    "mlx-saccade sweep --n 2 --budgets 64,256",
    "mlx-saccade sweep --model path/to/checkpoint --budgets 256,1280 --out 3b.jsonl",
)

_LEGEND = (
    "target: share of the frame; large over 5 %, medium 1 to 5 %, small 0.1 to 1 %, tiny below",
    "IoU: mean overlap of the answer's box with the known one, from 0 to 1; 95 %: its interval, - if fewer than "
    "ten screens have such targets",
    "hits: share of answers whose center is inside the known box; seconds: median time of a question",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade sweep`."""
    add_model_argument(parser)
    add_budgets_argument(parser, default="64,144,256")
    add_screen_arguments(parser, screens=10, size="3840x2160")
    parser.add_argument(
        "--targets", type=int, default=8, metavar="N", help="elements to ask for on each screen (default 8)"
    )
    add_out_argument(parser, "run log, from which a stopped sweep resumes", default="saccade-sweep.jsonl")
    add_revision_argument(parser)
    add_memory_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Ask what the run log does not have, then print the table of all its answers."""
    from mlx_saccade import engine, evals
    from mlx_saccade.checkpoint import hub

    setup = evals.Setup(
        model=options.model or "packaged",
        size=parse_screen_size("--size", options.size),
        seeds=tuple(range(options.seed, options.seed + options.n)),
        budgets=parse_budgets(options.budgets),
        targets=options.targets,
    )
    log = evals.open_run(options.out, setup, hub.digest(options.model, revision=options.revision))
    loaded = engine.load(options.model, revision=options.revision, cache_memory=0, memory_limit=options.memory_limit)
    total = len(setup.seeds) * len(setup.budgets) * setup.targets
    with progress.bar() as bar:
        task = bar.add_task("asking", total=total, completed=len(log.entries))
        for record in evals.measure(loaded, setup, {record.key for record in log.entries}):
            log.add(record)
            bar.advance(task)
    cells = [asdict(cell) for cell in evals.summarize(log.entries)]
    if options.json:
        output.print_json({"journal": options.out, "questions": len(log.entries), "cells": cells})
        return 0
    _print_table(cells)
    for line in _LEGEND:
        output.text(line, hang="  ")
    output.text(f"{len(log.entries)} questions in {options.out}")
    return 0


def _print_table(cells: list[dict[str, Any]]) -> None:
    columns = [("target", "left"), *((name, "right") for name in ("budget", "n", "IoU", "95 %", "hits", "seconds"))]
    intervals = ["-" if cell["low"] is None else f"{cell['low']:.3f}-{cell['high']:.3f}" for cell in cells]
    rows = [
        (cell["size"], str(cell["budget"]), str(cell["n"]), f"{cell['iou']:.3f}", interval,
         f"{cell['hits']:.2f}", f"{cell['seconds']:.2f}") for cell, interval in zip(cells, intervals, strict=True)
    ]  # fmt: skip
    output.table(columns, rows)
