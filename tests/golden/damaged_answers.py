"""Writes `damaged_answers.json`: damaged answers, and what the Python reader reads of them.

    python tests/golden/damaged_answers.py

The texts are those of `tests/fuzz_readers.py` that are short. Unlike `answers.json`, the table is written by the reader
itself, so that other readers can be compared with it in every detail.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlx_saccade import families, grounding
from mlx_saccade.preprocess.plan import Plan

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import fuzz_readers  # noqa: E402

COUNT, MAX_CHARACTERS = 300, 300


def rows(max_characters: int = MAX_CHARACTERS) -> Iterator[dict[str, Any]]:
    """Yield damaged answers of at most so many characters, and their readings, without end."""
    for number in itertools.count():
        text, (family, source, resized), convention, y_first = fuzz_readers.answer(number)
        if len(text) > max_characters or any("\ud800" <= mark <= "\udfff" for mark in text):
            continue
        plan = Plan(families.get(family), source, resized, 1, 10**9, "")
        reading = grounding.read(text, plan, convention, y_first=y_first).as_dict()
        sizes = {"source_size": source, "resized_size": resized}
        yield {"text": text, "family": family, **sizes, "convention": convention, "y_first": y_first, **reading}


def table(count: int = COUNT, max_characters: int = MAX_CHARACTERS) -> str:
    """Return the JSON text, one row a line."""
    lines = (
        json.dumps(row, ensure_ascii=False, allow_nan=False) for row in itertools.islice(rows(max_characters), count)
    )
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    (HERE / "damaged_answers.json").write_text(table(), encoding="utf-8")
