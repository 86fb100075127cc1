"""The output of commands: one JSON object, or tables for people."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

from mlx_saccade.cli.table import lay_out_facts, lay_out_table, wrap

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "bytes_text",
    "columns",
    "console",
    "facts",
    "is_quiet",
    "json_text",
    "note",
    "print_error",
    "print_json",
    "set_quiet",
    "shorten",
    "table",
    "text",
]

# Text wider than this is slow to read; names and values of fewer columns than the other would not fit.
_MAX_TEXT: Final = 100
_MIN_COLUMNS: Final = 40
_MAX_ECHO: Final = 80

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Let `note` and progress bars print nothing, or print again; `mlx-saccade` sets it for each command."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Return True under --quiet."""
    return _quiet


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


def columns() -> int:
    """Return the width to print at: that of `COLUMNS` or the terminal, 80 in a pipe, and at least 40."""
    return max(_MIN_COLUMNS, shutil.get_terminal_size().columns)


def text(line: str, *, hang: str = "") -> None:
    """Print a paragraph, wrapped at words.

    Args:
        line: the text, of one paragraph.
        hang: beginning of every line after the first; default none.
    """
    print("\n".join(wrap(line, min(columns(), _MAX_TEXT), hang=hang)))


def shorten(words: str) -> str:
    """Return what a user wrote as one line of at most 80 characters, for people; JSON has it whole."""
    line = " ".join(words.split())
    return line if len(line) <= _MAX_ECHO else line[: _MAX_ECHO - 3] + "..."


def note(line: str) -> None:
    """Print one line on standard error, if there is one; nothing under --quiet."""
    if not _quiet:
        print_error(line)


def print_error(line: str, *, prefix: str = "mlx-saccade: ") -> None:
    """Print one line on standard error, also under --quiet; a terminal gets it wrapped at words.

    Without a standard error, or with one that is full or has no reader, print nothing: the answer matters more.
    """
    if sys.stderr is None:
        return
    lines = wrap(f"{prefix}{line}", columns()) if sys.stderr.isatty() else [f"{prefix}{line}"]
    with contextlib.suppress(OSError):
        print("\n".join(lines), file=sys.stderr, flush=True)


def facts(rows: Iterable[tuple[str, str]], *, stderr: bool = False) -> None:
    """Print pairs of name and value, one per line, the values wrapped at words below each other.

    Args:
        rows: (name, value) pairs.
        stderr: print on standard error, if there is one; default standard output.
    """
    stream = sys.stderr if stderr else sys.stdout
    if stream is None:  # print() takes None for standard output
        return
    with contextlib.suppress(OSError) if stderr else contextlib.nullcontext():
        print("\n".join(lay_out_facts(list(rows), min(columns(), _MAX_TEXT))), file=stream)


def table(headings: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> None:
    """Print a table that fits the width, as `lay_out_table` does, and an empty line.

    Args:
        headings: (heading, "left" or "right") for each column.
        rows: one string for each column.
    """
    print("\n".join(lay_out_table(headings, list(rows), columns())), end="\n\n")


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
