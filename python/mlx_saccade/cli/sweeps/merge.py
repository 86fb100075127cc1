"""`mlx-saccade sweep merge`: write the rows of several runs as one run."""

from __future__ import annotations

import argparse

from mlx_saccade.cli import output
from mlx_saccade.errors import quantity

__all__ = ["EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY = "Merge runs of the same data and runtime into a new one"
EXAMPLES = ("mlx-saccade sweep merge runs/a runs/b --out runs/c",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade sweep merge`."""
    parser.epilog = (
        "Runs of other data, of another checkpoint or with other targets of the same name are refused, and what "
        "differs is named. Of two answers to one question, the first run's counts."
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of runs, at least two; they stay as they are")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the new run")


def run(options: argparse.Namespace) -> int:
    """Merge runs."""
    from mlx_saccade import evals
    from mlx_saccade.evals.outcomes import MergeOutcome

    outcome = MergeOutcome.of(evals.merge(options.runs, options.out), options.out)
    if options.json:
        output.print_json(outcome.as_dict())
        return 0
    output.text(f"{quantity(outcome.questions, 'question')} in {options.out}")
    if outcome.repeated:
        output.text(f"{quantity(outcome.repeated, 'question')} had a second answer; the first counts")
    if outcome.missing:
        output.text(
            f"{quantity(outcome.missing, 'question')} of the runs have no answer, {outcome.errors} with an error"
        )
    return 0
