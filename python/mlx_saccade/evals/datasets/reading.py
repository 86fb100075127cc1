"""Read the rows of a file: a JSON list, JSON lines, or a CSV table, told apart by how the content begins."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mlx_saccade.errors import InputError, brief, quantity
from mlx_saccade.evals.datasets.records import Row
from mlx_saccade.media.sources import open_file, short

__all__ = ["NotTargetsError", "header_of", "read_rows"]

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_EXCEL: Final = re.compile(r'"?sep=([,;\t|])"?[^\S\n]*\n')
_DELIMITERS: Final = (",", ";", "\t")
# JSON's whole numbers have any length; Python refuses those of over 4,300 digits with an error of another kind.
_DECODER: Final = json.JSONDecoder(parse_int=lambda text: int(text) if len(text) < 400 else math.inf)


class NotTargetsError(InputError):
    """A file that holds something else than targets, such as the settings of another program."""


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file; an entry of a JSON list that is not an object has no values.

    Raises:
        FileNotFoundError: no such file.
        InputError: no text in UTF-8, or neither JSON nor a table.
        NotTargetsError: JSON, but one object.
    """
    name = short(str(path))
    text = _text(path, name)
    first = text[_end_of_blank(text, 0) :][:1]
    if not first:
        raise InputError(f"{name}: expected targets; got an empty file. Name another")
    if first == "[":
        rows = _list_entries(text, name)
    elif first == "{":
        rows = _json_lines(text, name)
    else:
        rows = _table_rows(text, name)
    return [Row(name, line, values if isinstance(values, dict) else {}) for line, values in rows]


def header_of(rows: list[Row]) -> set[str]:
    """Return the names of all values of the rows."""
    return set().union(*(row.values for row in rows))


def _text(path: Path, name: str) -> str:
    with open_file(path) as stream:
        data = stream.read()
    if data.startswith(b"PAR1"):
        raise InputError(f"{name}: expected JSON or CSV; got Parquet. Convert it to JSON lines first")
    try:
        return data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in data[:1024]:
            raise InputError(f"{name}: expected JSON or CSV; got a binary file. Name the list of the targets") from None
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{name}: line {line}: expected UTF-8 text; got the byte 0x{data[error.start]:02x}. Save the file as UTF-8"
        ) from None


def _end_of_blank(text: str, start: int) -> int:
    match = _BLANK.match(text, start)
    return start if match is None else match.end()


def _decode(text: str, start: int, name: str, line: int) -> tuple[Any, int]:
    """Return the JSON value at a place, and the place behind it; `line` is that of the text's first character."""
    try:
        return _DECODER.raw_decode(text, start)
    except RecursionError:
        raise InputError(f"{name}: line {line}: expected an object; got JSON that is nested too deep") from None
    except json.JSONDecodeError as error:
        at = line + text.count("\n", start, error.pos)
        what = "the end of the file" if error.pos >= len(text.rstrip()) else brief(text[error.pos : error.pos + 20])
        raise InputError(f"{name}: line {at}: expected JSON; got {what}. Mend the line or get the file again") from None


def _list_entries(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """Yield the entries of a JSON list, each with the line at which it begins."""
    place = _end_of_blank(text, 0) + 1
    line, counted = 1, 0
    separator = ","
    while separator == ",":
        place = _end_of_blank(text, place)
        line, counted = line + text.count("\n", counted, place), place
        if text[place : place + 1] == "]":
            separator = "]"
            break
        value, end = _decode(text, place, name, line)
        yield line, value
        place = _end_of_blank(text, end)
        separator = text[place : place + 1]
        place += 1
    if separator != "]":
        line += text.count("\n", counted, place)
        got = brief(separator) if separator else "the end of the file"
        raise InputError(f"{name}: line {line}: expected , or ] after an entry; got {got}. Get the file again")


def _json_lines(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """Yield the objects of JSON lines, each with its line."""
    whole = _as_one_object(text)
    if whole is not None:
        keys = brief(", ".join(list(whole)[:5]))
        raise NotTargetsError(f"{name}: expected a list of targets; got one object with {keys}. Save its list alone")
    for line, one in enumerate(text.split("\n"), 1):
        if one.strip():
            start = _end_of_blank(one, 0)
            value, end = _decode(one, start, name, line)
            if one[end:].strip():
                got = brief(one[end:].strip(), 40)
                raise InputError(f"{name}: line {line}: expected one JSON object a line; got {got} after it")
            yield line, value


def _as_one_object(text: str) -> dict[str, Any] | None:
    """Return the object that a text of several lines is; None for JSON lines."""
    if "\n" not in text.strip():
        return None
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _table_rows(text: str, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV table with a header, each with the line at which it begins."""
    # Excel writes and reads a first line that names the delimiter.
    stated = _EXCEL.match(text)
    body = text[stated.end() :] if stated else text
    delimiter = stated[1] if stated else _delimiter(text)
    # Without strict mode a quote that is never closed would swallow the rest of the file as one cell.
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    above = 1 if stated else 0
    start = above + 1
    header: list[str] = []
    try:
        for cells in reader:
            line, start = start, above + reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _header(cells, name, line)
            elif len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
                got = quantity(len(cells), "cell")
                raise InputError(
                    f"{name}: line {line}: expected {len(header)} cells as in the header; got {got}. "
                    "Put quotes around a cell with a comma"
                )
            else:
                yield line, dict(zip(header, cells, strict=False))
    except csv.Error as error:
        raise InputError(f"{name}: line {start}: expected a row of CSV; got {error}. Check its quotes") from None


def _header(cells: list[str], name: str, line: int) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    double = next((one for one in names if one and names.count(one) > 1), None)
    if double is not None:
        raise InputError(f"{name}: line {line}: expected each column once; got {brief(double)} twice. Rename one")
    return names


def _delimiter(text: str) -> str:
    """Return the delimiter that splits the first line that is not blank into most cells."""
    line = text[_end_of_blank(text, 0) :].split("\n", 1)[0]
    return max(_DELIMITERS, key=line.count)
