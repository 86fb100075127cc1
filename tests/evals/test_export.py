"""A run as CSV and Parquet."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from mlx_saccade.errors import InputError
from mlx_saccade.evals.export import COLUMNS, export
from mlx_saccade.evals.rows import Reply, Row
from mlx_saccade.evals.targets import Target

TARGET = Target("a-1", "a, b.png", 'the "blue"\nicon', ((10.0, 20.0, 30.5, 44.0),), (640, 480), "icon", "demo", "=1+1")
FULL = Reply(
    boxes=((10.0, 20.0, 30.5, 44.0),), points=((5.0, 6.0),), click=(20.25, 32.0), text="half \ud83d\x00 [é]",
    rejected=("x: outside",), image_sent_size=(320, 240), tokens=117, prompt_tokens=140, answer_tokens=30,
    confidence=0.5, seconds={"vision": 0.5, "answer": 0.25}, looks=({"crop": [0, 0, 640, 480], "tokens": 9},),
    peak_bytes=1 << 40,
)  # fmt: skip
ROWS = [
    Row(TARGET, "sha256:ab", 256, "flat", FULL),
    Row(TARGET, "sha256:ab", "checkpoint", "zoom:share=0.4", Reply(error="the server said 500")),
]


def test_csv_has_a_row_for_each_question(tmp_path: Path) -> None:
    export(ROWS, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as stream:
        full, failed = csv.DictReader(stream)
    assert list(full) == list(COLUMNS)
    assert (full["target"], full["image"], full["description"]) == ("a-1", "a, b.png", 'the "blue"\nicon')
    assert (full["iou"], full["is_hit"], full["center_error"]) == ("1.0", "true", "0.0")
    assert (full["budget"], full["budget_tokens"], full["group"]) == ("256", "256", "=1+1")
    assert json.loads(full["boxes"]) == [[10.0, 20.0, 30.5, 44.0]]
    assert json.loads(full["stages"]) == {"vision": 0.5, "answer": 0.25}
    assert json.loads(full["look_list"])[0]["tokens"] == 9
    assert full["text"] == "half \\ud83d\\x00 [é]"
    assert (full["peak_bytes"], full["model_side"], full["seconds"]) == (str(1 << 40), "10.25", "0.75")
    assert (failed["outcome"], failed["iou"], failed["is_hit"]) == ("failed", "", "")
    assert (failed["budget"], failed["budget_tokens"], failed["error"]) == ("checkpoint", "", "the server said 500")


def test_parquet_has_the_same_values_with_types(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    export(ROWS, tmp_path / "rows.parquet")
    export(ROWS, tmp_path / "rows.csv")
    full, failed = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as stream:
        for own, text in zip((full, failed), csv.DictReader(stream), strict=True):
            for name, kind in COLUMNS.items():
                assert own[name] is None or type(own[name]) is kind, name
                shown = "" if own[name] is None else str(own[name]).lower() if kind is bool else str(own[name])
                assert shown.replace("\0", r"\x00") == text[name], name
    assert failed["is_hit"] is None


def test_a_run_without_rows_has_the_columns(tmp_path: Path) -> None:
    export([], tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text() == ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("rows.xlsx", "expected a name that ends in .csv or .parquet"),
        ("rows", "expected a name that ends in"),
        ("no/rows.csv", "does not exist"),
    ],
)
def test_names_that_cannot_be_written_are_refused(name: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=problem):
        export(ROWS, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"mlx-saccade\[parquet\]"):
        export(ROWS, tmp_path / "rows.parquet")
    assert list(tmp_path.iterdir()) == []
