"""Writes swift/Sources/Saccade/RuntimeRecords.swift from the table of runtimes in Python.

python swift/write.py
"""

from __future__ import annotations

import json
from pathlib import Path

from mlx_saccade.preprocess import runtimes

SOURCE = Path(__file__).parent / "Sources" / "Saccade" / "RuntimeRecords.swift"
HEAD = """\
// Written by `python swift/write.py` from `python/mlx_saccade/preprocess/runtimes.py`. Edit that file, not this one.

/// The known runtimes, one record per runtime and range of versions, oldest range first.
let runtimeRecords: [RuntimeRecord] = [
"""


def records() -> str:
    """Return the Swift source of the table."""
    return HEAD + "".join(map(_record, runtimes.records())) + "]\n"


def _record(record: runtimes.Runtime) -> str:
    labels = ", ".join(map(_text, record.labels))
    limits = "".join(
        f"            {_text(family)}: {_limits(limits)},\n" for family, limits in sorted(record.limits.items())
    )
    return (
        "    RuntimeRecord(\n"
        f"        name: {_text(record.name)},\n"
        f"        versions: {_text(record.versions)},\n"
        f"        first: {_text(record.first)},\n"
        f"        below: {_text(record.below)},\n"
        f"        labels: [{labels}],\n"
        f"        limits: [\n{limits}        ]),\n"
    )


def _limits(limits: tuple[int, int] | str) -> str:
    return f".{limits}" if isinstance(limits, str) else f".pixels({_number(limits[0])}, {_number(limits[1])})"


def _number(value: int) -> str:
    return f"{value:_}" if value >= 100_000 else str(value)


def _text(value: str | None) -> str:
    return "nil" if value is None else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    SOURCE.write_text(records(), encoding="utf-8")
