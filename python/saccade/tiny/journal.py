"""The file of an evaluation: one JSON line for what is evaluated, then one a unit, so that a stopped one can go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saccade import files
from saccade.errors import InputError, brief
from saccade.scenes import VERSION

__all__ = ["Journal"]

FORMAT = 2  # 1 held no questions on bare desktop, and went by the weights alone
Row = dict[str, Any]
Units = dict[tuple[str, int], list[Row]]
FOREIGN = "is no file of `saccade tiny evaluate`; name another --out"


class Journal:
    """Rows on disk by part and unit. A line cut short by a kill is dropped, and its unit asked anew."""

    def __init__(self, path: str | Path, model: str) -> None:
        """Read what an earlier evaluation of the same model has left; a new file is made with the first unit.

        Args:
            path: of the file.
            model: what is evaluated, such as `digest` of its files.

        Raises:
            InputError: the file is no journal, or another model's, or of screens of another version, or cannot be
                written.
        """
        self.path = files.check_writable(path)
        self.units: Units = {}
        head = {"format": FORMAT, "scenes": VERSION, "model": model}
        self._start: bytes | None = None
        if not self.path.exists():
            self._start = (json.dumps(head) + "\n").encode()
            return
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        try:
            found, *lines = [json.loads(line) for line in whole.splitlines()]
        except (ValueError, RecursionError):
            raise InputError(f"{path}: {FOREIGN}") from None
        _check_head(self.path, found, head)
        self.units = _units(self.path, lines)
        if len(whole) < len(data):
            self._start = whole

    def add(self, part: str, unit: int, rows: list[Row]) -> None:
        """Keep the rows of one unit."""
        if self._start is not None:
            files.write_atomically(self.path, self._start)
            self._start = None
        self.units[part, unit] = rows
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"part": part, "unit": unit, "rows": rows}) + "\n")

    def rows(self, part: str, units: range | list[int]) -> list[tuple[int, Row]]:
        """(unit, row) of these units of a part, as far as they are there."""
        return [(unit, row) for unit in units for row in self.units.get((part, unit), [])]


def _check_head(path: Path, found: Any, head: dict[str, Any]) -> None:
    if not isinstance(found, dict) or found.keys() != head.keys():
        raise InputError(f"{path}: {FOREIGN}")
    what = {
        "format": f"is a journal of format {brief(found['format'])}, not {FORMAT}",
        "scenes": f"holds answers on screens of version {brief(found['scenes'])}, not {VERSION}",
        "model": "holds answers of another model, or of this one before a file of it was changed",
    }
    for name, why in what.items():
        if found[name] != head[name]:
            raise InputError(f"{path}: {why}; name another --out, or delete it to ask anew")


def _units(path: Path, lines: list[Any]) -> Units:
    units: Units = {}
    for number, line in enumerate(lines, 2):
        match line:
            case {"part": str(part), "unit": int(unit), "rows": list(rows)} if all(isinstance(r, dict) for r in rows):
                units[part, unit] = rows
            case _:
                raise InputError(f"{path}: line {number} is no unit of an evaluation; delete that line and run again")
    return units
