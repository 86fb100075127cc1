"""The recorded figures of `benchmarks/results/`: CSV tables, and the machine and date of those without them."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_saccade.errors import InputError, brief

__all__ = ["COLUMNS", "Conditions", "Table", "conditions_of", "interval", "number", "read_table"]

COLUMNS = {
    "calls": ("machine", "date", "file", "kernel", "table", "row", "side", "value", "unit", "times_first", "note"),
    "engine": ("weights", "tokens", "stage", "saccade_s", "mlx_vlm_s", "times"),
    "policies": ("policy", "right", "wrong", "none", "iou", "looks", "seconds"),
    "sides": ("policy", "from_px", "below_px", "right", "low", "high", "n"),
    "targets": ("side", "target", "n", "right", "iou", "looks", "tokens", "seconds"),
}
"""Columns that tell a table, by its kind; a table may have more."""
SCHEMA = 1
_NUMBERS = {
    "calls": ("value", "times_first"),
    "engine": ("tokens", "saccade_s", "mlx_vlm_s", "times"),
    "policies": (),
    "sides": ("from_px", "below_px", "right", "low", "high", "n"),
    "targets": ("n",),
}
_INTERVALS = {
    "policies": ("right", "wrong", "none", "iou", "looks", "seconds"),
    "targets": ("right", "iou", "looks", "seconds"),
}
_INTERVAL = re.compile(r"(?P<mean>[\d.]+)(?: \((?P<low>[\d.]+)-(?P<high>[\d.]+)\))?")


@dataclass(frozen=True)
class Conditions:
    """The machine and date of a recorded table, and what else to know."""

    machine: str
    date: str
    note: str


@dataclass(frozen=True)
class Table:
    """A recorded table: its kind, one of `COLUMNS`, the name of its file, and its rows as texts by column."""

    kind: str
    name: str
    rows: tuple[dict[str, str], ...]


def conditions_of(value: Any, name: str) -> dict[str, Conditions] | None:
    """Return the conditions by file that a JSON value holds; None if it is no such file.

    Raises:
        InputError: it is one, but damaged.
    """
    if not isinstance(value, dict) or "conditions" not in value:
        return None
    expected = f"schema {SCHEMA} and an object with machine, date and note for each file"
    entries = value["conditions"]
    if value.get("schema") != SCHEMA or not isinstance(entries, dict):
        raise InputError(f"{name}: expected {expected}; got {brief(value)}. Repair the file")
    for entry in entries.values():
        texts = [entry.get(field) for field in ("machine", "date", "note")] if isinstance(entry, dict) else [None]
        if not all(isinstance(text, str) for text in texts):
            raise InputError(f"{name}: expected {expected}; got {brief(entry)}. Repair the file")
    return {file: Conditions(entry["machine"], entry["date"], entry["note"]) for file, entry in entries.items()}


def read_table(path: Path, name: str) -> Table | None:
    """Read a recorded table; None if its header is of no known kind.

    Raises:
        InputError: a cell is missing or is no number where one belongs.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            header = tuple(reader.fieldnames or ())
            kind = next((kind for kind, columns in COLUMNS.items() if set(columns) <= set(header)), None)
            if kind is None:
                return None
            rows = tuple(_checked(row, kind, f"{name}: line {reader.line_num}") for row in reader)
    except (csv.Error, UnicodeDecodeError):
        raise InputError(f"{name}: expected a CSV table in UTF-8; got other bytes. Name another file") from None
    return Table(kind, name, rows)


def _checked(row: Mapping[str | None, Any], kind: str, where: str) -> dict[str, str]:
    if None in row or None in row.values():
        raise InputError(f"{where}: expected a cell for each column; got {brief(dict(row))}. Repair that line")
    cells = {str(column): str(cell) for column, cell in row.items()}
    for column in _NUMBERS[kind]:
        if cells[column] and number(cells[column]) is None:
            raise InputError(f"{where}: {column}: expected a number; got {brief(cells[column])}. Repair that line")
    for column in _INTERVALS.get(kind, ()):
        if interval(cells[column]) is None and not (kind == "targets" and column == "iou" and not cells[column]):
            expected = 'a number, or one with its interval such as "0.5 (0.4-0.6)"'
            raise InputError(f"{where}: {column}: expected {expected}; got {brief(cells[column])}. Repair that line")
    return cells


def number(text: str) -> float | None:
    """Return a cell's finite number; None without one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def interval(text: str) -> tuple[float, float | None, float | None] | None:
    """Return (mean, low, high) of a cell such as "0.601 (0.496-0.716)"; None if it is no such cell."""
    match = _INTERVAL.fullmatch(text)
    if match is None:
        return None
    mean, low, high = (None if part is None else number(part) for part in match.groups())
    return None if mean is None else (mean, low, high)
