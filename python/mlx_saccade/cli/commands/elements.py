"""`mlx-saccade elements`: make a set of elements to ground from images, screen it, and review it by hand."""

from __future__ import annotations

import argparse

from mlx_saccade.cli.elements import audit, merge, pairs, review
from mlx_saccade.cli.elements import run as run_action
from mlx_saccade.cli.elements.run import add_arguments

__all__ = ["ACTIONS", "EXAMPLES", "add_arguments", "run"]

ACTIONS = {"run": run_action, "review": review, "merge": merge, "audit": audit, "pairs": pairs}
"""Modules of the actions by name; `mlx-saccade elements` without a name is the first."""
EXAMPLES = tuple(line for action in ACTIONS.values() for line in action.EXAMPLES)


def run(options: argparse.Namespace) -> int:
    """Run an action."""
    code: int = ACTIONS[options.action].run(options)
    return code
