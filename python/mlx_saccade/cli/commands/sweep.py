"""`mlx-saccade sweep`: accuracy and latency against budget, on generated screens."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from mlx_saccade.cli import output
from mlx_saccade.cli.options import add_checkpoint_arguments, add_memory_argument, budgets_of, parse_size

__all__ = ["add_arguments", "print_cells", "run"]

JOURNAL = "saccade-sweep.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlx-saccade sweep`."""
    parser.add_argument(
        "--out", default=JOURNAL, metavar="FILE", help=f"journal; a stopped sweep goes on (default {JOURNAL})"
    )
    parser.add_argument("--n", type=int, default=10, metavar="N", help="screens (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first screen (default 0)")
    parser.add_argument("--size", default="3840x2160", metavar="WIDTHxHEIGHT", help="default 3840x2160")
    parser.add_argument("--budgets", default="64,144,256", metavar="B,B", help="tokens (default 64,144,256)")
    parser.add_argument("--targets", type=int, default=8, metavar="N", help="elements asked for a screen (default 8)")
    add_checkpoint_arguments(parser)
    add_memory_argument(parser, "refuse weights and questions that would take more memory, such as 8GB")


def print_cells(cells: list[dict[str, object]]) -> None:
    """The table for people."""
    columns = [("target", "left"), *((name, "right") for name in ("budget", "n", "IoU", "95 %", "hits", "seconds"))]
    ends = ["-" if c["low"] is None else f"{c['low']:.3f}-{c['high']:.3f}" for c in cells]
    rows = [
        (str(c["size"]), str(c["budget"]), str(c["n"]), f"{c['iou']:.3f}", between,
         f"{c['hits']:.2f}", f"{c['seconds']:.2f}") for c, between in zip(cells, ends, strict=True)
    ]  # fmt: skip
    output.table(columns, rows)


def run(options: argparse.Namespace) -> int:
    """Ask what the journal does not hold yet, then print the table of everything it holds."""
    from rich.progress import Progress

    from mlx_saccade import engine, evals
    from mlx_saccade.checkpoint import hub

    setup = evals.Setup(
        model=options.model or "packaged",
        size=parse_size("--size", options.size),
        seeds=tuple(range(options.seed, options.seed + options.n)),
        budgets=budgets_of(options.budgets),
        targets=options.targets,
    )
    log = evals.open_run(options.out, setup, hub.digest(options.model, revision=options.revision))
    loaded = engine.load(options.model, revision=options.revision, cache_memory=0, memory_limit=options.memory_limit)
    total = len(setup.seeds) * len(setup.budgets) * setup.targets
    screen = output.console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("asking", total=total, completed=len(log.entries))
        for record in evals.measure(loaded, setup, {record.key for record in log.entries}):
            log.add(record)
            progress.advance(task)
    cells = [asdict(cell) for cell in evals.summarize(log.entries)]
    if options.json:
        output.print_json({"journal": options.out, "questions": len(log.entries), "cells": cells})
        return 0
    print_cells(cells)
    print(f"{len(log.entries)} questions in {options.out}")
    return 0
