"""The whole evaluation: part after part, units already in the journal left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from mlx_saccade.errors import InputError
from mlx_saccade.evals import runs
from mlx_saccade.evals.tiny.measure import PARTS
from mlx_saccade.evals.tiny.questions import SEEDS
from mlx_saccade.evals.tiny.summary import Rows
from mlx_saccade.evals.tiny.workers import Ask

__all__ = ["KIND", "MOST_SCREENS", "RunLog", "evaluate", "missing", "scenes_for", "units_of"]

# 4K screens for each so many in-range ones: 1,000 give 40, with a hundred targets and more of each size.
SCREENS_A_SCENE = 25
# Parts have seeds (`asking.SEEDS`) for many times as many.
MOST_SCREENS = 10_000


def scenes_for(screens: int) -> int:
    """How many 4K screens of each kind go with so many in-range screens."""
    return max(2, screens // SCREENS_A_SCENE)


def units_of(part: str, screens: int) -> int:
    """How many units of a part go with so many in-range screens; raises InputError for none, and over 10,000."""
    if not 1 <= screens <= MOST_SCREENS:
        raise InputError(f"--screens {screens}: ask for 1 to {MOST_SCREENS}")
    return screens if part == "range" else scenes_for(screens)


def missing(journal: RunLog, screens: int, parts: Sequence[str] = tuple(PARTS)) -> int:
    """How many units the journal lacks; more where some of those do not count, but 0 only with nothing to ask."""
    return sum(len(_counted(journal, part, units_of(part, screens))[1]) for part in parts)


def evaluate(
    ask: Ask,
    screens: int,
    journal: RunLog,
    progress: Callable[[int], None] = lambda done: None,
    parts: Sequence[str] = tuple(PARTS),
) -> dict[str, Rows]:
    """Ask what the journal does not hold; the rows of each part, by screen.

    Args:
        ask: who answers for the checkpoint that is evaluated.
        screens: in-range screens that count; those with too few elements are passed over.
        journal: gets the rows unit by unit.
        progress: is told how many units are done, of the sum of `units_of` over the parts.
        parts: of `PARTS`.
    """
    done = 0
    found: dict[str, Rows] = {}
    for part in parts:
        wanted = units_of(part, screens)
        while True:
            counted, left = _counted(journal, part, wanted)
            progress(done + len(counted))
            if not left:
                break
            told = done + len(counted)
            for unit, rows in ask(part, left):
                journal.add(part, unit, rows)
                told += _counts(part, rows)
                progress(told)
        done += wanted
        found[part] = journal.rows(part, counted)
    return found


def _counts(part: str, rows: list[Row]) -> bool:
    return part != "range" or bool(rows)


def _counted(journal: RunLog, part: str, wanted: int) -> tuple[list[int], list[int]]:
    """The units of the journal that count, in order, and those to ask next: as many as are wanted if all count."""
    counted: list[int] = []
    left: list[int] = []
    unit = 0
    while len(counted) + len(left) < wanted:
        rows = journal.units.get((part, unit))
        if rows is None:
            left.append(unit)
        elif _counts(part, rows):
            counted.append(unit)
        unit += 1
    return counted, left


# The journal of an evaluation: a line a unit.
# Format 1 held no questions on bare desktop, and went by the weights alone; 2 had other screens and targets, took what
# is malformed for nothing, and did not tell the size of what is pointed at; 3 had other screens.
KIND = runs.RunKind("mlx-saccade tiny evaluate", 4, "unit of an evaluation")
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


class RunLog:
    """Rows by part and unit, in memory and on disk."""

    def __init__(self, path: str | os.PathLike[str], model: str) -> None:
        """Read what an earlier evaluation of the same model wrote; errors as `mlx_saccade.evals.runs`."""
        self._kept = runs.RunLog(path, KIND, model)
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
