"""The table of answers: what models write, and what it means in the source's pixels."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from mlx_saccade import families, grounding
from mlx_saccade.preprocess.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
TABLE: list[dict[str, Any]] = json.loads((ROOT / "tests/golden/answers.json").read_text(encoding="utf-8"))


def plan_of(row: dict[str, Any]) -> Plan:
    source, resized = tuple(row["source_size"]), tuple(row["resized_size"])
    return Plan(families.get(row["family"]), source, resized, 1, 10**9, "as the table says")


@pytest.mark.parametrize("row", TABLE, ids=[f"{number} {row['form']}" for number, row in enumerate(TABLE)])
def test_read_answer_gives_the_places_of_the_table(row: dict[str, Any]) -> None:
    grounded = grounding.read(row["text"], plan_of(row), row["convention"])
    plain = grounded.as_dict()
    for name in ("boxes", "points"):
        assert [spot["label"] for spot in plain[name]] == [spot["label"] for spot in row[name]]
        for spot, expected in zip(plain[name], row[name], strict=True):
            key = "xyxy" if name == "boxes" else "xy"
            assert spot[key] == pytest.approx(expected[key], abs=1e-4)
    assert [action.name for action in grounded.actions] == [action["name"] for action in row["actions"]]
    for action, expected in zip(grounded.actions, row["actions"], strict=True):
        assert [point.xy for point in action.points] == [pytest.approx(xy, abs=1e-4) for xy in expected["points"]]
        assert [box.xyxy for box in action.boxes] == [pytest.approx(xyxy, abs=1e-4) for xyxy in expected["boxes"]]
        assert action.arguments == expected["arguments"]
    assert grounded.click == (None if row["click"] is None else pytest.approx(tuple(row["click"]), abs=1e-4))
    assert len(grounded.rejected) == row["rejected"]
    assert json.loads(json.dumps(plain)) == plain


def test_table_has_many_answers_of_every_form() -> None:
    assert len(TABLE) >= 120
    assert len({json.dumps(row, sort_keys=True) for row in TABLE}) == len(TABLE)


def test_table_is_what_its_script_writes() -> None:
    script = runpy.run_path(str(ROOT / "tests/golden/answers.py"))
    assert script["table"]() == (ROOT / "tests/golden/answers.json").read_text(encoding="utf-8")


def test_damaged_table_is_what_the_reader_reads() -> None:
    """Swift's reader is tested on this table, so that both read the same."""
    script = runpy.run_path(str(ROOT / "tests/golden/damaged_answers.py"))
    written = (ROOT / "tests/golden/damaged_answers.json").read_text(encoding="utf-8")
    assert script["table"]() == written, "run python tests/golden/damaged_answers.py"


def test_docs_list_every_form_of_the_table() -> None:
    lines = (ROOT / "docs/answers.md").read_text(encoding="utf-8").split("\n## ")[1].splitlines()  # "Forms"
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("| ")][1:]
    assert [row[0].strip() for row in rows] == list(dict.fromkeys(row["form"] for row in TABLE))


@pytest.mark.parametrize("form", ["JSON boxes", "bare boxes", "UI-TARS", "action objects", "box tokens", "near-JSON"])
def test_docs_examples_are_read(form: str) -> None:
    (line,) = [
        line for line in (ROOT / "docs/answers.md").read_text("utf-8").splitlines() if line.startswith(f"| {form} |")
    ]
    for example in re.findall(r"`([^`]+)`(?=[^`]*\|$|, `)", re.split(r"(?<!\\)\|", line)[3] + "|"):
        plan = plan_of(TABLE[0])
        assert grounding.read(example.replace("\\|", "|"), plan).click is not None, example


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row["click"] is not None], ids=lambda row: f"{TABLE.index(row)} {row['form']}"
)
def test_read_answer_says_where_the_text_has_the_numbers_of_the_click(row: dict[str, Any]) -> None:
    grounded = grounding.read(row["text"], plan_of(row), row["convention"])
    assert grounded.written is not None
    words = [row["text"][start:end] for start, end in grounded.written.spans]
    assert len(words) >= 2
    assert min(grounded.written.tolerance) > 0
    # The first place of a row of the table is often (100, 200) or (100, 200, 300, 400).
    if grounded.boxes and not grounded.points and not grounded.actions and len(words) == 4:
        plain = f'{{"bbox_2d": [{", ".join(words)}]}}'
        first = grounding.read(plain, plan_of(row), row["convention"])
        assert first.boxes[0].xyxy == pytest.approx(grounded.boxes[0].xyxy) or row["form"] == "named sides"


@pytest.mark.parametrize(
    ("text", "words", "tolerance"),
    [
        ('[{"bbox_2d": [10, 20, 50, 60], "label": "10"}]', ["10", "20", "50", "60"], (10, 10)),
        ('{"label": "tab 10, 20", "x1": 10, "y1": 20, "x2": 30, "y2": 60}', ["10", "20", "30", "60"], (5, 10)),
        ('{"x": 10, "y": 20, "width": 40, "height": 80}', ["10", "20", "40", "80"], (10, 20)),
        ('[{"bbox_2d": [1, 2, 30, 40]}, {"bbox_2d": [10, 20, 50, 60]}]', ["1", "2", "30", "40"], (7.25, 9.5)),
        ('[{"bbox_2d": [9999, 2, 30, 40]}, {"bbox_2d": [10, 20, 50, 60]}]', ["10", "20", "50", "60"], (10, 10)),
        ('{"bbox_2d": [10, 20, 50, 60]} click(start_box="(7,8)")', ["7", "8"], (14, 14)),
        ('{"bbox_2d": [10, 20, 50, 60]} {"point_2d": [7, 8]}', ["7", "8"], (14, 14)),
    ],
)
def test_the_numbers_of_the_click_are_told_from_others(
    text: str, words: list[str], tolerance: tuple[float, float]
) -> None:
    grounded = grounding.read(text, Plan(families.get("qwen2.5-vl"), (1316, 728), (1316, 728), 1, 10**9, ""))
    assert grounded.written is not None
    assert [text[start:end] for start, end in grounded.written.spans] == words
    assert grounded.written.tolerance == tolerance
