"""A sweep's run as the cells that a dashboard shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_saccade import evals
from mlx_saccade.errors import InputError, brief, quantity
from mlx_saccade.evals import Cell, Row

__all__ = ["MAX_WHOLE", "Sweep", "read"]

MAX_WHOLE = 1 << 53
"""The largest whole number that JavaScript tells from the next one."""


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        name: name of its folder.
        data: name of the data set.
        runtime: name of what answered.
        images: number of images that targets are on.
        cells: figures by size of the target, policy and budget.
    """

    name: str
    data: str
    runtime: str
    images: int
    cells: tuple[Cell, ...]


def read(path: Path, name: str) -> tuple[Sweep, str]:
    """Read the folder of a sweep's run.

    Args:
        path: the folder.
        name: its name on the page.

    Returns:
        The sweep, and a message if questions were answered twice; the first answer counts.

    Raises:
        InputError: not such a run, without answers, or an answer is damaged.
    """
    run = evals.read_run(path)
    rows = [row for row in run.rows if row.reply.error is None]
    if not rows:
        raise InputError(f"{name}: expected answers of a sweep; got none. Run `mlx-saccade sweep` again")
    for row in rows:
        _check(row, f"{name}: {row.target.id}, {row.budget}, {row.policy}")
    problem = f"{name}: {quantity(run.repeated, 'question')} have a second answer; the first counts"
    images = len({row.target.image for row in rows})
    sweep = Sweep(name, run.header.data.name, run.header.runtime.name, images, tuple(evals.summarize(rows)))
    return sweep, problem if run.repeated else ""


def _check(row: Row, where: str) -> None:
    """Check what the run's own reader does not: types and ranges."""
    tokens = row.reply.tokens
    if tokens is not None and (isinstance(tokens, bool) or not isinstance(tokens, int) or not 0 <= tokens <= MAX_WHOLE):
        raise _damaged(where, "tokens", "a whole number from 0 to 2^53", tokens)
    for number in row.reply.seconds.values():
        _check_number(number, where, "seconds", 0, 1e9)
    for box in (*row.target.expected, *row.reply.boxes):
        if len(box) != 4:
            raise _damaged(where, "box", "four numbers", box)
        for number in box:
            _check_number(number, where, "box", -1e9, 1e9)
    share = row.target.share
    if not 0 < share <= 1:
        raise _damaged(where, "share of the frame", "above 0 and at most 1", share)


def _check_number(number: Any, where: str, field: str, least: float, most: float) -> None:
    is_number = isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number)
    if not is_number or not least <= number <= most:
        raise _damaged(where, field, f"a number from {least:g} to {most:g}", number)


def _damaged(where: str, field: str, expected: str, value: object) -> InputError:
    return InputError(f"{where}: {field}: expected {expected}; got {brief(value)}. Delete that line")
