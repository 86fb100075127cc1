"""The output of commands: one JSON object, or tables for people."""

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
    """Return a console that does not wrap lines if the output is not a terminal.

    Args:
        stderr: write to standard error; default standard output.
        file: stream to write to in place of both.
    """
    from rich.console import Console

    stream = file or (sys.stderr if stderr else sys.stdout)
    width = None if stream is not None and stream.isatty() else 160
    return Console(file=file, stderr=stderr, width=width, highlight=False, soft_wrap=False)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return JSON that standard output can encode, with non-ASCII characters escaped only if they must be."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:  # a file's name may be bytes that are no text
        return json.dumps(value, indent=indent, allow_nan=False)
    return text


def print_json(value: Any) -> None:
    """Print one JSON object with a newline after it."""
    print(json_text(value, indent=2))


def note(line: str) -> None:
    """Print one line on standard error, if there is one."""
    if sys.stderr is not None:
        print(f"mlx-saccade: {line}", file=sys.stderr, flush=True)


def facts(rows: Iterable[tuple[str, str]], *, width: int | None = None, stderr: bool = False) -> None:
    """Print pairs of name and value, one per line.

    Plain text, because a table library takes longer to import than a plan takes.

    Args:
        rows: (name, value) pairs.
        width: columns to wrap values at, indented below their first line; None (default) does not wrap.
        stderr: print on standard error, if there is one; default standard output.
    """
    stream = sys.stderr if stderr else sys.stdout
    if stream is None:  # print() takes None for standard output
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
    """Return a number of bytes in the unit with one to four digits before the point (1 KB = 1,000 bytes)."""
    if count < 1000:
        return f"{count} bytes"
    amount = float(count)
    for unit in ("KB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.5:
            return f"{amount:.1f} {unit}"
    return f"{amount:.1f} TB"
