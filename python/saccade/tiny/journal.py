"""The file of an evaluation: one JSON line for what is evaluated, then one a unit, so that a stopped one can go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saccade import files
from saccade.errors import InputError
from saccade.scenes import VERSION

__all__ = ["Journal"]

FORMAT = 1
Row = dict[str, Any]


class Journal:
    """Rows on disk by part and unit. A line cut short by a kill is dropped, and its unit asked anew."""

    def __init__(self, path: str | Path, model: str) -> None:
        """Start the file, or read what an earlier evaluation of the same model has left.

        Args:
            path: of the file.
            model: what is evaluated, such as the digest of its weights.

        Raises:
            InputError: the file is no journal, or another model's, or of screens of another version.
        """
        self.path = Path(path)
        self.units: dict[tuple[str, int], list[Row]] = {}
        head = {"format": FORMAT, "scenes": VERSION, "model": model}
        if not self.path.exists():
            files.write_atomically(self.path, (json.dumps(head) + "\n").encode())
            return
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        try:
            lines = [json.loads(line) for line in whole.decode("utf-8").splitlines()]
            found = lines[0]
            self.units = {(line["part"], line["unit"]): line["rows"] for line in lines[1:]}
        except (KeyError, TypeError, IndexError, UnicodeDecodeError, json.JSONDecodeError):
            raise InputError(f"{path}: is no file of `saccade tiny evaluate`; name another --out") from None
        if found != head:
            raise InputError(f"{path}: holds the evaluation of another model; give another --out or delete it")
        if len(whole) < len(data):
            files.write_atomically(self.path, whole)

    def add(self, part: str, unit: int, rows: list[Row]) -> None:
        """Keep the rows of one unit."""
        self.units[part, unit] = rows
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"part": part, "unit": unit, "rows": rows}) + "\n")

    def rows(self, part: str, units: range | list[int]) -> list[tuple[int, Row]]:
        """(unit, row) of these units of a part, as far as they are there."""
        return [(unit, row) for unit in units for row in self.units.get((part, unit), [])]
