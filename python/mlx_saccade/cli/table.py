"""The layout of tables and text in a number of columns: lines that fit, with every word of the content."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["NBSP", "lay_out_facts", "lay_out_table", "wrap"]

NBSP: Final = "\N{NO-BREAK SPACE}"
"""A space between words that stay together; it is printed as an ordinary one."""

_GAP = "  "
# A value beside its name has at least this many columns; else it begins on the line below.
_MIN_VALUE = 20


def wrap(text: str, width: int, *, hang: str = "") -> list[str]:
    """Return the lines of a text broken between words; a word longer than `width`, such as a path, stays whole.

    Args:
        text: one paragraph.
        width: number of columns.
        hang: beginning of every line after the first.
    """
    lines = textwrap.wrap(text, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
    return [line.replace(NBSP, " ") for line in lines] or [""]


def lay_out_facts(rows: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Return the lines of pairs of name and value: the values in a column, wrapped."""
    indent = max((len(name) for name, _ in rows), default=0) + len(_GAP)
    lines = []
    for name, value in rows:
        if width - indent < _MIN_VALUE:
            lines += [*wrap(name, width), *(f"{_GAP}{line}" for line in wrap(value, width - len(_GAP)))]
            continue
        first, *rest = wrap(value, width - indent)
        lines += [f"{name:<{indent}}{first}".rstrip(), *(" " * indent + line for line in rest)]
    return lines


def lay_out_table(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the lines of a table that fits `width` columns.

    Headings and the cells of left columns wrap between words; right columns are numbers, which do not. A table that
    does not fit even so is a block a row, with a line for each heading and cell.

    Args:
        columns: (heading, "left" or "right") of each column, the most important first.
        rows: a cell for each column.
        width: number of columns of the terminal.
    """
    cells = [[row[place] for row in rows] for place in range(len(columns))]
    natural = [max(map(len, [heading, *column])) for (heading, _), column in zip(columns, cells, strict=True)]
    least = [_least(*column, values) for column, values in zip(columns, cells, strict=True)]
    room = width - len(_GAP) * (len(columns) - 1)
    if sum(least) > room:
        return _blocks([heading for heading, _ in columns], rows, width)
    widths = _shrink(natural, least, room)
    head = list(_row(columns, [heading for heading, _ in columns], widths))
    body = [line for row in rows for line in _row(columns, row, widths)]
    return [*head, "-" * (sum(widths) + width - room), *body]


def _least(heading: str, side: str, values: Sequence[str]) -> int:
    """Return the least width of a column: its longest word, or its longest cell if cells must not wrap."""
    words = [word for value in values for word in (value.split(" ") if side == "left" else [value])]
    return max(map(len, [*heading.split(" "), *words]), default=0)


def _shrink(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Return widths of at most `room` together; the widest column that can wrap gives way first."""
    widths = list(natural)
    while sum(widths) > room:
        place = max((place for place in range(len(widths)) if widths[place] > least[place]), key=widths.__getitem__)
        widths[place] -= 1
    return widths


def _row(columns: Sequence[tuple[str, str]], cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines of a row; a cell with fewer lines than its neighbors is blank below."""
    wrapped = [wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for line in range(max(map(len, wrapped))):
        parts = []
        for (_, side), lines, width in zip(columns, wrapped, widths, strict=True):
            part = lines[line] if line < len(lines) else ""
            parts.append(part.rjust(width) if side == "right" else part.ljust(width))
        yield _GAP.join(parts).rstrip()


def _blocks(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    lines: list[str] = []
    for row in rows:
        pairs = [(heading, cell) for heading, cell in zip(headings, row, strict=True) if cell.strip()]
        lines += [*([""] if lines else []), *lay_out_facts(pairs, width)]
    return lines
