"""The file of a sweep: one JSON line for its setup, then one a question, so that a stopped sweep can go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saccade import files
from saccade.errors import InputError
from saccade.sweep.measure import Record, Setup

__all__ = ["Journal"]

FORMAT = 3  # 1 asked for elements in drawing order; 2 had seconds that a cache had shortened


class Journal:
    """Records on disk. A line cut short by a kill is dropped when the file is opened again, and asked anew."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def open(self, setup: Setup) -> list[Record]:
        """Start the file, or read what an earlier run of the same setup has left.

        Raises:
            InputError: the file is no journal, or belongs to a sweep with another setup.
        """
        if not self.path.exists():
            files.write_atomically(self.path, (json.dumps({"format": FORMAT, **asdict(setup)}) + "\n").encode())
            return []
        found, records = self.read()
        if found != setup:
            raise InputError(f"{self.path}: holds a sweep with another setup; give another --out or delete it")
        whole = self.path.read_bytes()
        if not whole.endswith(b"\n"):
            files.write_atomically(self.path, whole[: whole.rfind(b"\n") + 1])
        return records

    def append(self, record: Record) -> None:
        """Add one record."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(record)) + "\n")

    def read(self) -> tuple[Setup, list[Record]]:
        """The setup and the whole records of the file.

        Raises:
            FileNotFoundError: no such file.
            InputError: the file is no journal of this format.
        """
        try:
            lines = list(self.whole_lines())
            head = dict(lines[0])
            if head.pop("format") != FORMAT:
                raise InputError(f"{self.path}: is a sweep of another version; run the sweep again")
            setup = Setup(
                model=head["model"],
                size=(head["size"][0], head["size"][1]),
                seeds=tuple(head["seeds"]),
                budgets=tuple(head["budgets"]),
                targets=head["targets"],
            )
            return setup, [Record(**line) for line in lines[1:]]
        except (KeyError, TypeError, IndexError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise InputError(f"{self.path}: is no file of `saccade sweep`; name one or run a sweep") from error

    def whole_lines(self) -> Iterator[dict[str, Any]]:
        """The lines that end in a newline, parsed."""
        text = self.path.read_bytes().decode("utf-8")
        for line in text[: text.rfind("\n") + 1].splitlines():
            yield json.loads(line)
