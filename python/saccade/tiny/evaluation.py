"""The whole evaluation: units one after another, those already in the journal left out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from saccade import hub
from saccade.errors import InputError
from saccade.tiny.journal import Journal
from saccade.tiny.measure import PARTS
from saccade.tiny.summary import Rows

if TYPE_CHECKING:
    from saccade.engine import Engine

__all__ = ["digest", "evaluate", "scenes_for"]

# 4K screens for each so many in-range ones: 1,000 give 25, with a hundred targets and more of each size.
SCREENS_A_SCENE = 40


def digest(model: str | None) -> str:
    """SHA-256 of a checkpoint's weights, so that a journal knows whose answers it holds."""
    found = hashlib.sha256()
    for path in sorted(Path(hub.find(model)).glob("*.safetensors")):
        found.update(path.read_bytes())
    return found.hexdigest()


def scenes_for(screens: int) -> int:
    """How many 4K screens of each kind go with so many in-range screens."""
    if screens < 1:
        raise InputError(f"--screens {screens}: ask for at least one")
    return max(2, screens // SCREENS_A_SCENE)


def evaluate(
    engine: Engine, screens: int, journal: Journal, progress: Callable[[int], None] = lambda done: None
) -> dict[str, Rows]:
    """Ask what the journal does not hold; the rows of each part, by screen.

    Args:
        engine: whose checkpoint is evaluated.
        screens: in-range screens that count; those with too few elements are passed over.
        journal: gets the rows unit by unit.
        progress: is told how many units are done, of `screens` + 2 x `scenes_for(screens)`.
    """
    done = 0
    parts: dict[str, Rows] = {}
    for part, ask in PARTS.items():
        wanted = screens if part == "range" else scenes_for(screens)
        units: list[int] = []
        unit = 0
        while len(units) < wanted:
            if (part, unit) not in journal.units:
                journal.add(part, unit, ask(engine, unit))
            if journal.units[part, unit] or part != "range":
                units.append(unit)
                done += 1
                progress(done)
            unit += 1
        parts[part] = journal.rows(part, units)
    return parts
