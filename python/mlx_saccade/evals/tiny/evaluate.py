"""The evaluation: ask part after part, leaving out the units that the run log has."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlx_saccade.errors import InputError
from mlx_saccade.evals import runs
from mlx_saccade.evals.tiny.measure import PARTS
from mlx_saccade.evals.tiny.questions import SEEDS
from mlx_saccade.evals.tiny.summary import Rows
from mlx_saccade.evals.tiny.workers import Ask

__all__ = ["FIELDS", "KIND", "MAX_SCREENS", "Unit", "evaluate", "missing", "open_run", "scenes_for", "units_of"]

Row = dict[str, Any]
UnitRows = Mapping[tuple[str, int], list[Row]]

# In-range screens for each 4K screen: 1,000 give 40, with more than a hundred targets of each size.
SCREENS_PER_SCENE = 25
# `questions.SEEDS` has many times as many seeds for each part.
MAX_SCREENS = 10_000


@dataclass(frozen=True)
class Unit:
    """One screen of a part, with the rows of its answers."""

    part: str
    unit: int
    rows: list[Row]


def scenes_for(screens: int) -> int:
    """Return the number of 4K screens of each kind for a number of in-range screens."""
    return max(2, screens // SCREENS_PER_SCENE)


def units_of(part: str, screens: int) -> int:
    """Return the number of units of a part for a number of in-range screens.

    Raises:
        InputError: fewer than 1 or more than 10,000 screens.
    """
    if not 1 <= screens <= MAX_SCREENS:
        raise InputError(f"--screens: expected 1 to {MAX_SCREENS}; got --screens {screens}. Give another number")
    return screens if part == "range" else scenes_for(screens)


def missing(log: runs.RunLog[Unit], screens: int, parts: Sequence[str] = tuple(PARTS)) -> int:
    """Return how many units the log lacks; a lower bound, because some may not count, but 0 only if it is complete."""
    units = _by_unit(log)
    return sum(len(_progress(units, part, units_of(part, screens))[1]) for part in parts)


def evaluate(
    ask: Ask,
    screens: int,
    log: runs.RunLog[Unit],
    progress: Callable[[int], None] = lambda done: None,
    parts: Sequence[str] = tuple(PARTS),
) -> dict[str, Rows]:
    """Ask what the log does not have.

    Args:
        ask: asks the checkpoint that is evaluated.
        screens: in-range screens to count; those with too few elements are passed over.
        log: gets the rows, unit by unit.
        progress: called with the number of finished units, of the sum of `units_of` over the parts.
        parts: names of `PARTS`.

    Returns:
        The rows of each part, by screen.
    """
    units = _by_unit(log)
    finished = 0
    answers: dict[str, Rows] = {}
    for part in parts:
        needed = units_of(part, screens)
        while True:
            counted, left = _progress(units, part, needed)
            progress(finished + len(counted))
            if not left:
                break
            done = finished + len(counted)
            for unit, rows in ask(part, left):
                log.add(Unit(part, unit, rows))
                units[part, unit] = rows
                done += _counts(part, rows)
                progress(done)
        finished += needed
        answers[part] = [(unit, row) for unit in counted for row in units[part, unit]]
    return answers


def _by_unit(log: runs.RunLog[Unit]) -> dict[tuple[str, int], list[Row]]:
    return {(entry.part, entry.unit): entry.rows for entry in log.entries}


def _counts(part: str, rows: list[Row]) -> bool:
    return part != "range" or bool(rows)


def _progress(units: UnitRows, part: str, needed: int) -> tuple[list[int], list[int]]:
    """Return the answered units that count, in order, and those to ask next: just enough if all of them count."""
    counted: list[int] = []
    left: list[int] = []
    unit = 0
    while len(counted) + len(left) < needed:
        rows = units.get((part, unit))
        if rows is None:
            left.append(unit)
        elif _counts(part, rows):
            counted.append(unit)
        unit += 1
    return counted, left


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_fraction(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _is_share(value: Any) -> bool:
    return _is_fraction(value) and value > 0


Checks = dict[str, Callable[[Any], bool]]
COST: Checks = {"budget": _is_count, "tokens": _is_count}
SCORE: Checks = {"share": _is_share, "iou": _is_fraction, "hit": _is_bool, "found": _is_bool}
POINT: Checks = {**COST, "share": _is_share, "relation": _is_bool, "right": _is_bool, "looks": _is_bool}
BARE: Checks = {**COST, "right": _is_bool}
# The fields that the figures are made from, by part and question.
FIELDS: dict[str, dict[str, Checks]] = {
    "range": {
        "place": {**COST, **SCORE, "relation": _is_bool, "nothing": _is_bool},
        "absent": {**BARE, "found": _is_bool},
        "point": POINT,
        "box": POINT,
        "bare point": BARE,
        "bare box": BARE,
    },
    "law": {"law": {**COST, **SCORE}, "zoom": {**SCORE, "crop": _is_share}},
    "ambiguity": {"ambiguity": {**COST, **SCORE, "ambiguous": _is_bool}},
}


def _parse(line: Any) -> Unit:
    match line:
        case {"part": str(part), "unit": int(unit), "rows": list(rows)} if _is_unit(part, unit, rows):
            return Unit(part, unit, rows)
        case _:
            raise ValueError


def _is_unit(part: str, unit: int, rows: list[Any]) -> bool:
    if part not in FIELDS or isinstance(unit, bool) or not 0 <= unit < len(SEEDS[part]):
        return False
    return all(isinstance(row, dict) and _is_row(row, FIELDS[part]) for row in rows)


def _is_row(row: Row, fields: dict[str, Checks]) -> bool:
    question = row.get("asked")
    checks = fields.get(question) if isinstance(question, str) else None
    return checks is not None and all(name in row and check(row[name]) for name, check in checks.items())


# Format 1 had no questions on bare desktop and a digest of the weights alone. Format 2 had other screens and targets,
# read malformed answers as "nothing", and had no size of what is pointed at. Format 3 had other screens.
KIND = runs.RunKind("mlx-saccade tiny evaluate", 4, "a unit of an evaluation", _parse)


def open_run(path: str | os.PathLike[str], model: str) -> runs.RunLog[Unit]:
    """Open the run log of an evaluation, new or to be resumed.

    Args:
        path: the file.
        model: `mlx_saccade.checkpoint.hub.digest` of the checkpoint.

    Raises:
        InputError: as `mlx_saccade.evals.runs.RunLog`.
    """
    return runs.RunLog(path, KIND, model)
