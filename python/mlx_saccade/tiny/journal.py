"""The journal of an evaluation: a line a unit."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from mlx_saccade import journal
from mlx_saccade.tiny.asking import SEEDS

__all__ = ["KIND", "Journal"]

# Format 1 held no questions on bare desktop, and went by the weights alone; 2 had other screens and targets, took what
# is malformed for nothing, and did not tell the size of what is pointed at; 3 had other screens.
KIND = journal.Kind("mlx-saccade tiny evaluate", 4, "unit of an evaluation")
Row = dict[str, Any]


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _count(value: Any) -> bool:
    return type(value) is int and value > 0


def _part(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _share(value: Any) -> bool:
    return _part(value) and value > 0


Wanted = dict[str, Callable[[Any], bool]]
SPENT: Wanted = {"budget": _count, "tokens": _count}
SCORED: Wanted = {"share": _share, "iou": _part, "hit": _truth, "found": _truth}
POINTED: Wanted = {**SPENT, "share": _share, "relation": _truth, "right": _truth, "looks": _truth}
BARE: Wanted = {**SPENT, "right": _truth}
# What the figures are made from, by part and by what was asked.
ROWS: dict[str, dict[str, Wanted]] = {
    "range": {
        "place": {**SPENT, **SCORED, "relation": _truth, "nothing": _truth},
        "absent": {**BARE, "found": _truth},
        "point": POINTED,
        "box": POINTED,
        "bare point": BARE,
        "bare box": BARE,
    },
    "law": {"law": {**SPENT, **SCORED}, "zoom": {**SCORED, "crop": _share}},
    "ambiguity": {"ambiguity": {**SPENT, **SCORED, "ambiguous": _truth}},
}


class Journal:
    """Rows by part and unit, in memory and on disk."""

    def __init__(self, path: str | os.PathLike[str], model: str) -> None:
        """Read what an earlier evaluation of the same model has left; arguments and errors as `mlx_saccade.journal`."""
        self._kept = journal.Journal(path, KIND, model)
        self.units: dict[tuple[str, int], list[Row]] = {}
        for place, line in enumerate(self._kept.lines):
            match line:
                case {"part": str(part), "unit": int(unit), "rows": list(rows)} if _is_unit(part, unit, rows):
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


def _is_unit(part: str, unit: int, rows: list[Any]) -> bool:
    if part not in ROWS or isinstance(unit, bool) or not 0 <= unit < len(SEEDS[part]):
        return False
    return all(isinstance(row, dict) and _is_row(row, ROWS[part]) for row in rows)


def _is_row(row: Row, kinds: dict[str, Wanted]) -> bool:
    asked = row.get("asked")
    wanted = kinds.get(asked) if isinstance(asked, str) else None
    return wanted is not None and all(name in row and fits(row[name]) for name, fits in wanted.items())
