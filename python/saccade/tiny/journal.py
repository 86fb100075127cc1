"""The journal of an evaluation: a line a unit."""

from __future__ import annotations

import os
from typing import Any

from saccade import journal

__all__ = ["KIND", "Journal"]

# Format 1 held no questions on bare desktop, and went by the weights alone.
KIND = journal.Kind("saccade tiny evaluate", 2, "unit of an evaluation")
Row = dict[str, Any]


class Journal:
    """Rows by part and unit, in memory and on disk."""

    def __init__(self, path: str | os.PathLike[str], model: str) -> None:
        """Read what an earlier evaluation of the same model has left; arguments and errors as `saccade.journal`."""
        self._kept = journal.Journal(path, KIND, model)
        self.units: dict[tuple[str, int], list[Row]] = {}
        for place, line in enumerate(self._kept.lines):
            match line:
                case {"part": str(part), "unit": int(unit), "rows": list(rows)} if all(
                    isinstance(row, dict) for row in rows
                ):
                    self.units[part, unit] = rows
                case _:
                    raise KIND.damaged(self._kept.path, place)

    def add(self, part: str, unit: int, rows: list[Row]) -> None:
        """Keep the rows of one unit."""
        self._kept.add({"part": part, "unit": unit, "rows": rows})
        self.units[part, unit] = rows

    def rows(self, part: str, units: range | list[int]) -> list[tuple[int, Row]]:
        """(unit, row) of these units of a part, as far as they are there."""
        return [(unit, row) for unit in units for row in self.units.get((part, unit), [])]
