"""What the commands print: one JSON object, or tables for people."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["bytes_text", "console", "facts", "json_text", "note", "print_json", "table"]


def console(*, stderr: bool = False, file: TextIO | None = None) -> Console:
    """A console that keeps its lines whole where the output is not a terminal; `file` is written to in place of it."""
    from rich.console import Console

    stream = file or (sys.stderr if stderr else sys.stdout)
    width = None if stream is not None and stream.isatty() else 160
    return Console(file=file, stderr=stderr, width=width, highlight=False, soft_wrap=False)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON that standard output can write: characters as they are, or all but ASCII escaped where it has not all."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:  # the bytes of a file's name may be no text at all
        return json.dumps(value, indent=indent, allow_nan=False)
    return text


def print_json(value: Any) -> None:
    """Print one JSON object with a newline after it."""
    print(json_text(value, indent=2))


def note(line: str) -> None:
    """Print one line on standard error, where there is one."""
    if sys.stderr is not None:
        print(f"mlx-saccade: {line}", file=sys.stderr, flush=True)


def facts(rows: Iterable[tuple[str, str]], *, width: int | None = None, stderr: bool = False) -> None:
    """Print name and value, one pair a line; a table library would take longer to import than a plan takes.

    Args:
        rows: the pairs.
        width: columns within which values are wrapped, under their own first line; None leaves them whole.
        stderr: on standard error, where there is one.
    """
    stream = sys.stderr if stderr else sys.stdout
    if stream is None:  # print() would take standard output for None
        return
    rows = list(rows)
    indent = max(len(name) for name, _ in rows) + 2
    for name, value in rows:
        lines = [value]
        if width is not None:
            lines = textwrap.wrap(value, width - indent, break_long_words=False, break_on_hyphens=False) or [""]
        for first, line in zip([name, *[""] * len(lines)], lines, strict=False):
            print(f"{first:<{indent}}{line}", file=stream)


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> None:
    """Print a table.

    Args:
        columns: (heading, "left" or "right") for each column.
        rows: one string for each column.
    """
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, side in columns:
        grid.add_column(heading, justify="right" if side == "right" else "left", no_wrap=side == "right")
    for row in rows:
        grid.add_row(*row)
    console().print(grid)


def bytes_text(count: int) -> str:
    """A number of bytes in the unit that leaves one to four digits before the point (1 KB = 1,000 bytes)."""
    if count < 1000:
        return f"{count} bytes"
    amount = float(count)
    for unit in ("KB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.5:
            return f"{amount:.1f} {unit}"
    return f"{amount:.1f} TB"
