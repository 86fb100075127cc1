"""A run as one flat table, a row for each question with its score, in CSV or Parquet."""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mlx_saccade import files
from mlx_saccade.errors import InputError
from mlx_saccade.evals.rows import Row
from mlx_saccade.evals.scores import score

__all__ = ["COLUMNS", "SUFFIXES", "check_name", "csv_bytes", "export", "flat"]

SUFFIXES = (".csv", ".parquet")
COLUMNS: dict[str, type] = {
    "target": str, "image": str, "description": str, "regime": str, "share": float, "ui_type": str, "application": str,
    "group": str, "image_width": int, "image_height": int, "image_id": str, "expected": str,
    "policy": str, "budget": str, "budget_tokens": int,
    "outcome": str, "iou": float, "is_hit": bool, "is_point_in_box": bool, "center_error": float,
    "center_error_share": float, "size_ratio": float, "model_side": float, "finest_side": float, "looks": int,
    "boxes": str, "points": str, "click_x": float, "click_y": float, "text": str, "finish": str, "rejected": str,
    "image_sent_width": int, "image_sent_height": int, "tokens": int, "prompt_tokens": int, "answer_tokens": int,
    "confidence": float, "seconds": float, "stages": str, "look_list": str, "peak_bytes": int, "error": str,
}  # fmt: skip
"""Names and types of the columns. Lists and objects are JSON text; every column may be empty but the first ones."""


def flat(row: Row) -> dict[str, Any]:
    """Return a row by the names of `COLUMNS`, None where it has no value."""
    target, reply, own = row.target, row.reply, score(row)
    click = reply.click or (None, None)
    sent = reply.image_sent_size or (None, None)
    return {
        "target": target.id, "image": target.image, "description": target.description, "regime": target.regime,
        "share": target.share, "ui_type": target.ui_type, "application": target.application, "group": target.group,
        "image_width": target.image_size[0], "image_height": target.image_size[1], "image_id": row.image_id,
        "expected": json.dumps(target.expected), "policy": row.policy, "budget": str(row.budget),
        "budget_tokens": row.budget if isinstance(row.budget, int) else None,
        "outcome": own.outcome, "iou": own.iou, "is_hit": own.is_hit, "is_point_in_box": own.is_point_in_box,
        "center_error": own.center_error, "center_error_share": own.center_error_share, "size_ratio": own.size_ratio,
        "model_side": own.model_side, "finest_side": own.finest_side, "looks": own.looks,
        "boxes": json.dumps(reply.boxes), "points": json.dumps(reply.points), "click_x": click[0], "click_y": click[1],
        "text": reply.text, "finish": reply.finish, "rejected": json.dumps(reply.rejected),
        "image_sent_width": sent[0], "image_sent_height": sent[1], "tokens": reply.tokens,
        "prompt_tokens": reply.prompt_tokens, "answer_tokens": reply.answer_tokens, "confidence": reply.confidence,
        "seconds": own.seconds, "stages": json.dumps(reply.seconds), "look_list": json.dumps(reply.looks),
        "peak_bytes": reply.peak_bytes, "error": reply.error,
    }  # fmt: skip


def export(rows: Iterable[Row], path: str | os.PathLike[str]) -> None:
    """Write a row for each question with its score, whole or not at all.

    Args:
        rows: of a run.
        path: file to write or replace; its ending says the format, ".csv" or ".parquet".

    Raises:
        InputError: another ending, a path that cannot be written, or pyarrow is missing for Parquet.
    """
    is_csv = check_name(path, SUFFIXES) == ".csv"
    flat_rows = [flat(row) for row in rows]
    files.write_atomically(path, csv_bytes(tuple(COLUMNS), flat_rows) if is_csv else _parquet(flat_rows))


def check_name(path: str | os.PathLike[str], suffixes: Sequence[str]) -> str:
    """Return the ending of a file that will be written, before the work that fills it.

    Raises:
        InputError: another ending than `suffixes`, or the path cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        raise InputError(f"{os.fspath(path)!r}: expected a name that ends in {' or '.join(suffixes)}. Rename it")
    files.check_writable(path)
    return suffix


def csv_bytes(names: Sequence[str], rows: Iterable[dict[str, Any]]) -> bytes:
    """Return a CSV file in UTF-8: names first, None as an empty field, truths as true and false."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_csv_field(row[name]) for name in names] for row in rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _csv_field(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.replace("\0", r"\x00") if isinstance(value, str) else value  # readers stop at a zero


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    try:
        pyarrow, parquet = map(importlib.import_module, ("pyarrow", "pyarrow.parquet"))
    except ImportError:
        raise InputError(
            "export: expected pyarrow, which writes Parquet; it is not installed. "
            'Run `pip install "mlx-saccade[parquet]"`, or name a .csv file'
        ) from None
    types = {str: pyarrow.string(), float: pyarrow.float64(), int: pyarrow.int64(), bool: pyarrow.bool_()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    columns = [[_parquet_value(row[name]) for row in rows] for name in COLUMNS]
    stream = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_arrays(
        [pyarrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    ), stream)  # fmt: skip
    return stream.getvalue()


def _parquet_value(value: Any) -> Any:
    """Return a value with text that UTF-8 can hold: a model's words may have half a character."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
