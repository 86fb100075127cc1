"""The journal of a sweep: a line a question."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlx_saccade import journal
from mlx_saccade.errors import InputError
from mlx_saccade.sweep.measure import Record, Setup

__all__ = ["KIND", "Journal", "read"]

# Format 1 asked for elements in drawing order; 2 had seconds that a cache had shortened.
KIND = journal.Kind("mlx-saccade sweep", 3, "question of a sweep", setup=True)


class Journal:
    """Records in memory and on disk."""

    def __init__(self, path: str | os.PathLike[str], setup: Setup, model: str) -> None:
        """Read what an earlier sweep with the same setup has left.

        Args:
            path: of the file.
            setup: what is asked.
            model: `mlx_saccade.hub.digest` of the checkpoint, which the setup has by name only.

        Raises:
            InputError: as `mlx_saccade.journal.Journal`.
        """
        self._kept = journal.Journal(path, KIND, model, asdict(setup))
        self.records = _records(self._kept.path, self._kept.lines)

    def add(self, record: Record) -> None:
        """Keep one record."""
        self._kept.add(asdict(record))
        self.records.append(record)


def read(path: str | os.PathLike[str]) -> tuple[Setup, list[Record]]:
    """The setup and the whole records of a file, whichever checkpoint they are of.

    Raises:
        FileNotFoundError: no such file.
        InputError: the file is no journal of this format.
    """
    path = Path(path)
    head, lines = journal.read(path, KIND)
    try:
        asked = head["setup"]
        width, height = asked["size"]
        setup = Setup(asked["model"], (width, height), tuple(asked["seeds"]), tuple(asked["budgets"]), asked["targets"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path}: its first line has no setup of a sweep; run `mlx-saccade sweep` again") from None
    return setup, _records(path, lines)


def _records(path: Path, lines: Sequence[Any]) -> list[Record]:
    return [_record(path, place, line) for place, line in enumerate(lines)]


def _record(path: Path, place: int, line: Any) -> Record:
    try:
        return Record(**line)
    except TypeError:
        raise KIND.damaged(path, place) from None
