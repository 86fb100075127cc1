"""The whole evaluation: part after part, units already in the journal left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlx_saccade.errors import InputError
from mlx_saccade.tiny.journal import Journal, Row
from mlx_saccade.tiny.measure import PARTS
from mlx_saccade.tiny.summary import Rows
from mlx_saccade.tiny.workers import Ask

__all__ = ["MOST_SCREENS", "evaluate", "missing", "scenes_for", "units_of"]

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


def missing(journal: Journal, screens: int, parts: Sequence[str] = tuple(PARTS)) -> int:
    """How many units the journal lacks; more where some of those do not count, but 0 only with nothing to ask."""
    return sum(len(_counted(journal, part, units_of(part, screens))[1]) for part in parts)


def evaluate(
    ask: Ask,
    screens: int,
    journal: Journal,
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


def _counted(journal: Journal, part: str, wanted: int) -> tuple[list[int], list[int]]:
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
