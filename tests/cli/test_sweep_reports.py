"""`mlx-saccade sweep report`, `compare` and `export`: text, JSON by its schemas, files, and mistakes."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import run_rows
from document_schema import checked

from mlx_saccade.cli.__main__ import main
from mlx_saccade.evals.rows import Reply


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the runs "a", "b" of another model, and "few" with three screens."""
    folder = tmp_path_factory.mktemp("runs")
    first = [*run_rows.rows({256: 0.3, 1280: 0.6}), *run_rows.rows({256: 0.5}, policy="zoom:share=0.4")]
    first[0] = replace(first[0], reply=Reply(error="the server said 500"))
    run_rows.write(folder / "a", first)
    run_rows.write(folder / "b", list(run_rows.rows({256: 0.4})), model="7b")
    run_rows.write(folder / "few", list(run_rows.rows({256: 0.4}, screens=3)))
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: Any, code: int = 0) -> tuple[str, str]:
    assert main(["sweep", *map(str, words)]) == code
    printed = capsys.readouterr()
    return printed.out, printed.err


def test_report_has_every_part_and_what_its_columns_mean(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, _ = run(capsys, "report", runs / "a", "--compare", "published")
    assert re.search(r"questions +144 on 48 targets of 12 screens; 1 failed; 1 still without an answer", text)
    assert re.search(r"^medium +256 +12 +0\.333 +0\.3\d\d-0\.3\d\d +1\.000 +0\.735-1\.000 +1\.000$", text, re.M)
    assert re.search(r"^tiny +1,280 +2\.\d +0\.\d\d +0\.67 +0 +0 +0 +100 +0\.30$", text, re.M)
    assert re.search(r"^ +256 +0\.200 +0\.100 +0\.300 +1\.0 GB$", text, re.M)
    assert re.search(r"^tiny +256 +1,280 +12 +\+0\.333 +\+0\.\d+ to \+0\.\d+", text, re.M)
    assert "from policy flat to zoom:share=0.4, at the same budget" in text
    assert "this run, flat" in text
    words = " ".join(text.split())
    assert re.search(
        r"large, flat: best 1,280 \(IoU 0\.67\d, n 11\), in 100 % of the draws; level with it: none", words
    )
    for legend in (
        "large over 5 %, medium 1 to 5 %, small 0.1 to 1 %, tiny below", "IoU: mean overlap", "hits: share of answers",
        "95 %: interval of the figure before it, by screens; -: not known", "off px: median distance",
        "size: median area", "median seconds of each stage", "best: highest mean", "Mind that the published model",
    ):  # fmt: skip
        assert legend in words, legend


def test_few_screens_say_why_there_is_no_interval(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, _ = run(capsys, "report", runs / "few")
    assert re.search(r"^large +256 +3 +0\.408 +- +1\.000 +- +1\.000$", text, re.M)
    assert "no interval for large: 3 answers on 3 screens: an interval needs 10 screens" in text


def test_no_setting_is_the_best_where_none_has_an_answer_near_a_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    none = Reply(text="[]", tokens=100, answer_tokens=2)
    blind = [replace(one, reply=none) for one in run_rows.rows({256: 0.3, 1280: 0.6}, regimes=["tiny"])]
    run_rows.write(tmp_path / "run", [*blind, *run_rows.rows({256: 0.3, 1280: 0.6}, regimes=["large"])])
    words = " ".join(run(capsys, "report", tmp_path / "run", "--compare", "published")[0].split())
    assert "this run, flat 12 - 256: -, 1,280: -" in words
    assert "tiny: no best, as the mean of every setting is 0 (IoU, n 12)" in words
    assert "large: best 1,280 (IoU" in words


@pytest.mark.parametrize(("by", "rows"), [("type", "icon text"), ("application", "calc"), ("side", "7\\ to\\ 14")])
def test_other_groups_take_the_place_of_sizes(
    by: str, rows: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, err = run(capsys, "report", runs / "a", "--by", by)
    for row in rows.split(" ") if "\\" not in rows else [rows]:
        assert re.search(rf"^{row} +256 ", text, re.M)
    assert not re.search(r"^large +256 +12", text, re.M)
    assert err == ""


def test_a_group_that_the_data_do_not_have_is_said(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, err = run(capsys, "report", runs / "a", "--by", "group")
    assert "--by group: the data set says nothing of it" in err
    assert re.search(r"^all +256 ", text, re.M)


def test_report_json_is_as_its_schema_says(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = checked(run(capsys, "report", runs / "a", "--json", "--compare", "published")[0], "sweep-report-1.json")
    assert (document["rows"], document["failed"], document["run"]["missing"]) == (144, 1, 1)
    assert document["run"]["runtime"] == {"name": "saccade 3b", "identity": {"model": "3b"}}
    cell = next(c for c in document["cells"] if (c["value"], c["budget"], c["policy"]) == ("tiny", 1280, "flat"))
    assert cell["stages"] == {"vision": 0.2, "answer": 0.1}
    assert len(document["published"]) == 4
    checked(run(capsys, "report", runs / "few", "--json")[0], "sweep-report-1.json")


def test_report_csv_has_every_grouping(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(run(capsys, "report", runs / "a", "--csv", tmp_path / "a.csv", "--json")[0])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(document["cells"])
    for row, cell in zip(rows, document["cells"], strict=True):
        assert list(row) == list(cell)
        assert row["iou"] == ("" if cell["iou"] is None else str(cell["iou"]))
        assert json.loads(row["stages"]) == cell["stages"]
    assert {row["grouping"] for row in rows} == {"all", "regime", "ui_type", "application", "model_side"}


def test_compare_names_what_differs_and_pairs_the_targets(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, _ = run(capsys, "compare", runs / "a", runs / "b")
    assert "differs: runtime.identity.model: '3b'; '7b'" in text
    assert "48 targets in common; 0 only in the first, 0 only in the second" in text
    assert "only in the first: flat at 1,280" in text
    assert re.search(r"^large +11 +1\.000 +1\.000 +\+0\.000 +-0\.\d+ to \+0\.\d+ +0 +0 +1$", text, re.M)
    assert re.search(r"^tiny +0\.333 +0\.444 +\+0\.111 +\+0\.\d+ to \+0\.\d+$", text, re.M)
    assert "1 common target failed in a run, left out" in text
    assert "McNemar" in text


def test_compare_json_is_as_its_schema_says(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = checked(run(capsys, "compare", runs / "a", runs / "b", "--json")[0], "sweep-compare-1.json")
    assert document["common"] == 48
    assert {"name": "runtime.identity.model", "first": "'3b'", "second": "'7b'"} in document["changes"]


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_export_writes_a_row_for_each_question(
    name: str, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    text, _ = run(capsys, "export", runs / "a", "--out", tmp_path / name)
    assert text.startswith("144 rows of 43 columns in")
    document = json.loads(run(capsys, "export", runs / "a", "--out", tmp_path / name, "--json")[0])
    assert (document["rows"], len(document["columns"])) == (144, 43)
    assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("report", "absent"), "absent: no such folder"),
        (("report", "A", "--csv", "a.txt"), "'a.txt': expected a name that ends in .csv"),
        (("report", "A", "--csv", "no/a.csv"), "the folder no does not exist"),
        (("compare", "A", "absent"), "absent: no such folder"),
        (("export", "A", "--out", "a.xlsx"), "expected a name that ends in .csv or .parquet"),
        (("report", "A", "--by", "color"), "--by"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...], problem: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    out, err = run(capsys, *(str(runs / "a") if word == "A" else word for word in words), code=2)
    assert problem in err
    assert (out, err.count("\n")) == ("", 1)
    assert list(tmp_path.iterdir()) == []


def test_runs_without_common_targets_are_refused(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = [replace(row, target=replace(row.target, id=f"x{row.target.id}")) for row in run_rows.rows({256: 0.4})]
    run_rows.write(tmp_path / "other", other)
    _, err = run(capsys, "compare", runs / "a", tmp_path / "other", code=2)
    assert "expected targets that both runs asked for" in err


def test_a_damaged_row_is_named(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_rows.write(tmp_path / "run", list(run_rows.rows({256: 0.4}, screens=1)))
    text = (folder / "rows.jsonl").read_text()
    for damage in ('"boxes": [[0.0, "x", 1, 1]]', '"boxes": [[0, 1]]', '"boxes": 7'):
        (folder / "rows.jsonl").write_text(re.sub(r'"boxes": \[\[.*?\]\]', damage, text, count=1))
        _, err = run(capsys, "report", folder, code=2)
        assert "rows.jsonl: line 1: boxes: expected boxes x1, y1, x2, y2 that are not reversed; got " in err
