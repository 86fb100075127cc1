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


def test_docs_list_every_form_of_the_table() -> None:
    lines = (ROOT / "docs/answers.md").read_text(encoding="utf-8").split("## Whose")[0].splitlines()
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
