"""`mlx-saccade sweep`: measure accuracy and latency by budget and policy."""

from __future__ import annotations

import argparse

from mlx_saccade.cli.sweeps import compare, export, merge, report
from mlx_saccade.cli.sweeps import run as run_action
from mlx_saccade.cli.sweeps.run import add_arguments

__all__ = ["ACTIONS", "EXAMPLES", "add_arguments", "run"]

ACTIONS = {"run": run_action, "report": report, "compare": compare, "merge": merge, "export": export}
"""Modules of the actions by name; `mlx-saccade sweep` without a name is the first."""
EXAMPLES = tuple(line for action in ACTIONS.values() for line in action.EXAMPLES)


def run(options: argparse.Namespace) -> int:
    """Run an action."""
    code: int = ACTIONS[options.action].run(options)
    return code
