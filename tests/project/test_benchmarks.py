"""Benchmarks are collected with any set of peers, one table is printed, and the README repeats the recorded figures."""

from __future__ import annotations

import csv
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pytest_benchmark")
ROOT = Path(__file__).parents[2]
README = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
MACHINES = {"Zen 5": "EPYC Zen 5", "Emerald Rapids": "Xeon Emerald Rapids"}


def tables(*arguments: str, path: str | None = None) -> str:
    """Return the output of a run; `path` comes first among the folders that it imports from."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    folders = [path, os.environ.get("PYTHONPATH")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
    process = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_every_file_is_collected() -> None:
    output = tables("--collect-only", "benchmarks")
    for path in (ROOT / "benchmarks").glob("test_*.py"):
        if "def test_" in path.read_text(encoding="utf-8"):
            assert f"benchmarks/{path.name}" in output


def test_a_table_is_made() -> None:
    output = tables("benchmarks/test_window_order.py", "--benchmark-disable")
    assert "passed" in output


def test_a_peer_that_is_not_installed_stands_in_its_table_as_missing(tmp_path: Path) -> None:
    (tmp_path / "without_opencv.py").write_text("import sys\n\nsys.modules['cv2'] = None\n", encoding="utf-8")
    selection = ["benchmarks/test_resizers.py", "-k", "OpenCV", "-p", "without_opencv"]
    output = tables(*selection, "--benchmark-disable", path=str(tmp_path))
    side = "OpenCV, area (no antialiased cubic)"
    table = output[output.index("**Resize alone** (milliseconds, the fastest call)") :].splitlines()
    assert table[2:5] == [f"| | {side} |", "|---|---|", "| 3840x2160 to 1316x728 | missing |"]
    assert re.fullmatch(rf"- {re.escape(side)}: import of cv2 halted.*; `make peers` installs it", table[6])


def calls() -> list[dict[str, str]]:
    """Return the recorded cells, each with its text in the README as `text`."""
    with (ROOT / "benchmarks" / "results" / "calls.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        number = f"{float(row['value']):,.0f}" if float(row["value"]) >= 1000 else row["value"]
        row["text"] = f"{number} ({row['times_first']})" if row["times_first"] else number
    return rows


def readme_table(heading: str) -> list[list[str]]:
    """Return the first table after a heading, its header row first."""
    lines = README.partition(f"### {heading}\n")[2].splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("|"))
    table = itertools.takewhile(lambda line: line.startswith("|"), lines[start:])
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in table]
    return [rows[0], *rows[2:]]


def test_readme_has_a_command_for_every_benchmark() -> None:
    for path in (ROOT / "benchmarks").glob("test_*.py"):
        assert re.search(rf"^\| `[^`]*benchmarks/{re.escape(path.name)}` \|", README, re.MULTILINE), path.name


def test_readme_whole_call_table_equals_the_results() -> None:
    cells = {(r["machine"], r["kernel"], r["row"], r["side"]): r["text"] for r in calls() if "whole" in r["file"]}
    header, *rows = readme_table("Whole call")
    figures = {
        (MACHINES[machine], kernel, budget, side): text
        for machine, kernel, budget, *texts in rows
        for side, text in zip(header[3:], texts, strict=True)
        if text
    }
    assert figures == cells


def test_readme_other_figures_equal_the_results() -> None:
    cells = {(r["machine"], r["file"], r["text"]) for r in calls()}
    header, *rows = readme_table("Other benchmarks")
    file = ""
    for name, _, _, *texts in rows:
        file = re.findall(r"`(.*)`", name)[0] if name else file
        for machine, text in zip(header[3:], texts, strict=True):
            assert not text or (MACHINES[machine], file, text) in cells, (file, text)


def test_readme_engine_table_equals_the_results() -> None:
    with (ROOT / "benchmarks" / "results" / "engine.csv").open(encoding="utf-8", newline="") as file:
        stages = [row for row in csv.DictReader(file) if row["stage"].startswith("end to end")]
    expected = [
        [
            row["weights"],
            f"{int(row['tokens']):,}",
            row["saccade_s"],
            row["mlx_vlm_s"] or "none",
            row["times"],
            f"{row['percent_of_peak']} %",
        ]
        for row in stages
    ]
    assert readme_table("Engine")[1:] == expected


def test_readme_policies_table_equals_the_results() -> None:
    with (ROOT / "benchmarks" / "results" / "search.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = ("policy", "right", "wrong", "none", "iou", "looks", "seconds", "alarms")
    assert readme_table("Policies")[1:] == [[row[column] for column in columns] for row in rows]


def test_readme_processor_time_table_equals_the_results() -> None:
    with (ROOT / "benchmarks" / "results" / "processor_time.csv").open(encoding="utf-8", newline="") as file:
        cells = {
            (one["kernel"], one["row"], one["side"]): one["value"]
            + (f" ({one['times_first']})" if one["times_first"] else "")
            for one in csv.DictReader(file)
        }
    header, *rows = readme_table("Processor time")
    figures = {("avx512", row[0], side): text for row in rows for side, text in zip(header[1:], row[1:], strict=True)}
    header, *rows = readme_table("34 to 39 times smaller")
    figures |= {(*row[:2], side): text for row in rows for side, text in zip(header[2:], row[2:], strict=True)}
    assert figures == cells


def test_readme_auto_table_equals_the_results() -> None:
    with (ROOT / "benchmarks" / "results" / "auto.csv").open(encoding="utf-8", newline="") as file:
        cells = {(row["side"], row["target"]): row["right"] for row in csv.DictReader(file)}
    header, *rows, _ = readme_table("Auto")
    assert {(row[0], target): cell for row in rows for target, cell in zip(header[1:], row[1:], strict=True)} == cells
