"""`mlx-saccade elements pairs`: write a contaminated and a clean set of targets on the same generated screens."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from mlx_saccade import validation
from mlx_saccade.cli import output, progress
from mlx_saccade.cli.options import add_screen_arguments
from mlx_saccade.cli.size_words import parse_screen_size
from mlx_saccade.errors import InputError

__all__ = ["EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY = "Write a contaminated and a clean set of targets on the same generated screens"
EXAMPLES = ("mlx-saccade elements pairs --out pairs --n 2 --share 0.3",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade elements pairs`."""
    parser.epilog = (
        "Both are lists in ScreenSpot-Pro's fields, for `mlx-saccade sweep`. In contaminated.json a share of the "
        "descriptions also matches another element of the screen; its box is of one of the two. clean.json has a "
        "target of the same kind and about the same size in the place of each. All others are in both."
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the files, created if missing")
    add_screen_arguments(parser, screens=20, size="3840x2160")
    parser.add_argument(
        "--share", type=float, default=0.3, metavar="S", help="ambiguous share of contaminated.json (default 0.3)"
    )


def run(options: argparse.Namespace) -> int:
    """Write the screens and the two lists."""
    from mlx_saccade.evals.elements import paired_sets

    if not options.out:
        raise InputError("--out: expected a folder; got an empty name. Name a folder")
    size = parse_screen_size("--size", options.size)
    count = validation.at_least(1, options.n, "--n", most=100_000)
    first = validation.at_least(0, options.seed, "--seed")
    folder = Path(options.out)
    with progress.bar() as bar:
        task = bar.add_task("screens", total=count)
        written = paired_sets.write_paired_sets(
            folder,
            range(first, first + count),
            size,
            options.share,
            advance=lambda done: bar.update(task, completed=done),
        )
    if options.json:
        output.print_json({"out": str(folder), **asdict(written)})
        return 0
    output.text(
        f"{written.targets} targets on {written.screens} screens in {folder / paired_sets.CONTAMINATED}, "
        f"{written.ambiguous} of them ambiguous ({written.ambiguous / written.targets:.0%}), "
        f"and as many in {folder / paired_sets.CLEAN}"
    )
    return 0
