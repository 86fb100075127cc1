"""Format figures as Markdown tables: a row a case, a column a side, in brackets the ratio to the first column."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

__all__ = ["Entry", "Table", "Tables"]


@dataclass(frozen=True)
class Entry:
    """A cell: a number in the table's unit, or None and the reason in `note`."""

    value: float | None
    note: str = ""


@dataclass
class Table:
    """A table of entries by row and side, both in the order of their first entry."""

    unit: str
    cells: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def markdown(self, title: str) -> str:
        """Return the table in Markdown, its notes below it."""
        rows = list(dict.fromkeys(row for row, _ in self.cells))
        sides = list(dict.fromkeys(side for _, side in self.cells))
        lines = [f"**{title}** ({self.unit})", "", "| | " + " | ".join(sides) + " |", "|---" * (len(sides) + 1) + "|"]
        for row in rows:
            first = self.cells.get((row, sides[0]))
            texts = [self._text(self.cells.get((row, side)), None if side == sides[0] else first) for side in sides]
            lines.append(f"| {row} | " + " | ".join(texts) + " |")
        return "\n".join([*lines, *self._notes(sides)])

    @staticmethod
    def _text(entry: Entry | None, first: Entry | None) -> str:
        if entry is None:
            return ""
        if entry.value is None:
            return "missing"
        number = f"{entry.value:.3g}" if entry.value < 100 else f"{entry.value:,.0f}"
        return number if first is None or not first.value else f"{number} ({entry.value / first.value:.3g})"

    def _notes(self, sides: list[str]) -> list[str]:
        """Return a line for each note of a side, with its rows unless all of them share it."""
        lines: list[str] = []
        for side in sides:
            by_note: dict[str, list[str]] = {}
            for (row, other), entry in self.cells.items():
                if other == side and entry.note:
                    by_note.setdefault(entry.note, []).append(row)
            for note, rows in by_note.items():
                lines.append(f"- {side}{'' if len(by_note) == 1 else ' at ' + ', '.join(rows)}: {note}")
        return ["", *lines] if lines else []


class Tables:
    """The tables of a run, by title."""

    def __init__(self) -> None:
        self.by_title: dict[str, Table] = {}

    def put(self, title: str, row: str, side: str, entry: Entry, unit: str) -> None:
        """Set a cell; its table is made with the first one."""
        self.by_title.setdefault(title, Table(unit)).cells[row, side] = entry

    def value(self, title: str, row: str, side: str) -> float:
        """Return the number in a cell; infinity if it has none."""
        entry = self.by_title[title].cells.get((row, side)) if title in self.by_title else None
        return math.inf if entry is None or entry.value is None else entry.value

    def markdown(self) -> str:
        """Return all tables in Markdown."""
        return "\n\n".join(table.markdown(title) for title, table in self.by_title.items())
