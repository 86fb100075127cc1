"""A sweep's run log as the cells that a dashboard shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_saccade import evals
from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals import Cell, Record, Setup

__all__ = ["MAX_WHOLE", "Sweep", "model_name", "read"]

MAX_WHOLE = 1 << 53
"""The largest whole number that JavaScript tells from the next one."""


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        name: name of its file.
        setup: what was asked.
        cells: figures by size of the target and budget.
    """

    name: str
    setup: Setup
    cells: tuple[Cell, ...]


def read(path: Path, name: str) -> tuple[Sweep, str]:
    """Read a sweep's run log.

    Args:
        path: the file.
        name: its name on the page.

    Returns:
        The sweep, and a message if questions were answered twice; the first answer counts.

    Raises:
        InputError: not such a log, without answers, or an answer is damaged.
    """
    setup, records = evals.read_run(path)
    if not records:
        raise InputError(f"{name}: expected answers of a sweep; got none. Run `mlx-saccade sweep` again")
    for line, record in enumerate(records, 2):
        _check(record, f"{name}: line {line}")
    first: dict[tuple[int, int, int], Record] = {}
    for record in records:
        first.setdefault(record.key, record)
    repeated = len(records) - len(first)
    problem = f"{name}: {repeated:,} questions have a second answer; the first counts" if repeated else ""
    return Sweep(name, setup, tuple(evals.summarize(list(first.values())))), problem


def model_name(model: Any) -> str:
    """Return a model as the page shows it: a hub id or "packaged", and of a folder its name only."""
    text = str(model)
    return text if text.count("/") < 2 and not text.startswith(("/", "~", ".")) else Path(text).name


def _check(record: Record, where: str) -> None:
    """Check what the run log's own reader does not: types and ranges."""
    wholes = {"seed": record.seed, "target": record.target, "budget": record.budget, "tokens": record.tokens}
    for field, value in wholes.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_WHOLE:
            raise _damaged(where, field, "a whole number from 0 to 2^53", value)
    for field, number, most in (("share", record.share, 1), ("iou", record.iou, 1), ("seconds", record.seconds, 1e9)):
        is_number = isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number)
        if not is_number or not 0 <= number <= most:
            raise _damaged(where, field, f"a number from 0 to {most:g}", number)
    if record.share == 0:
        raise _damaged(where, "share", "more than 0", 0)


def _damaged(where: str, field: str, expected: str, value: object) -> InputError:
    return InputError(f"{where}: {field}: expected {expected}; got {brief(value)}. Delete that line")
