"""`mlx-saccade elements merge`: take the decisions of a review page into a set."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlx_saccade.cli import output
from mlx_saccade.errors import quantity

__all__ = ["EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY = "Take the decisions of a review page into a set"
EXAMPLES = ("mlx-saccade elements merge my-set decisions.json",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade elements merge`."""
    parser.epilog = (
        "A decision takes the place of an earlier one on the same element. Decisions on another set, or on elements "
        "that have changed since, are refused."
    )
    parser.add_argument("folder", metavar="DIR", help="folder of the set")
    parser.add_argument("decisions", metavar="FILE", help="file that the review page exported")


def run(options: argparse.Namespace) -> int:
    """Merge the decisions, and write the lists of the set."""
    from mlx_saccade.evals.elements import verdicts

    folder = Path(options.folder)
    merged = verdicts.merge_decisions(folder, Path(options.decisions))
    accepted, rejected, _ = verdicts.write_lists(folder, verdicts.read_set(folder))
    if options.json:
        output.print_json({"merged": merged, "accepted": len(accepted), "rejected": len(rejected)})
    else:
        output.text(
            f"{quantity(merged, 'decision')} merged: {quantity(len(accepted), 'element')} in "
            f"{folder}/annotations.json, {len(rejected)} in {folder}/rejected.json"
        )
    return 0
