"""Rows of a run: they survive JSON, and say their question."""

from __future__ import annotations

import json

import pytest

from mlx_saccade.evals.rows import Reply, Row
from mlx_saccade.evals.targets import Target

TARGET = Target("a-1", "a.png", "the blue icon", ((10.0, 20.0, 30.5, 44.0),), (640, 480), "icon", "demo", "widget")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(),
        Reply(error="the server said 500"),
        Reply(
            boxes=((1.0, 2.0, 3.0, 4.5),), points=((5.0, 6.0),), click=(2.0, 3.25), text="[{}]",
            rejected=("x: outside",), image_sent_size=(364, 252), tokens=117, prompt_tokens=140, answer_tokens=30,
            confidence=0.5, seconds={"vision": 0.5, "answer": 0.25}, looks=({"crop": [0, 0, 1, 1], "tokens": 9},),
            peak_bytes=1 << 40,
        ),
    ],
)  # fmt: skip
def test_json_round_trip(reply):
    row = Row(TARGET, "sha256:ab", "1003520px", "zoom:share=0.4", reply)
    assert Row.of_dict(json.loads(json.dumps(row.as_dict()))) == row


def test_key():
    assert Row(TARGET, "", 256, "flat", Reply()).key == ("a-1", "256", "flat")


def test_flat_line():
    line = Row(TARGET, "i", 256, "flat", Reply()).as_dict()
    assert line["target"] == "a-1" and line["description"] == "the blue icon"
    assert "id" not in line and "reply" not in line


def test_damaged_lines():
    good = json.loads(json.dumps(Row(TARGET, "", 256, "flat", Reply()).as_dict()))
    for name in good:
        line = dict(good)
        del line[name]
        if name in Reply.__dataclass_fields__:
            continue
        with pytest.raises((KeyError, TypeError, ValueError)):
            Row.of_dict(line)
    with pytest.raises(TypeError):
        Row.of_dict({**good, "more": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expected", []), ("expected", [[5, 5, 5, 9]]), ("expected", [[0, 0, 9000, 9000]]), ("expected", [[0, 0, 9]]),
        ("image_size", [640]), ("image_size", [640.5, 480]), ("image", 7), ("ui_type", None), ("image_id", None),
        ("budget", True), ("budget", 1.5), ("policy", None),
        ("boxes", [[0, 0, float("nan"), 1]]), ("boxes", [[0, 0, "9", 1]]), ("boxes", [[9, 0, 1, 1]]), ("boxes", 7),
        ("points", [[1]]), ("click", [1, 2, 3]), ("click", "ab"), ("text", None), ("rejected", [1]), ("error", 500),
        ("tokens", True), ("tokens", -1), ("tokens", 1 << 60), ("answer_tokens", 1.5), ("peak_bytes", "1"),
        ("confidence", float("inf")), ("seconds", [1]), ("seconds", {"a": -1}), ("seconds", {"a": "1"}),
        ("image_sent_size", [0, 5]), ("looks", [{}]), ("looks", [{"crop": [0, 0, 0, 5], "tokens": 1}]), ("looks", [3]),
    ],
)  # fmt: skip
def test_values_of_another_type_or_range_are_damaged(name, value):
    line = {**Row(TARGET, "", 256, "flat", Reply()).as_dict(), name: value}
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        Row.of_dict(line)


def test_regime():
    assert TARGET.share == 20.5 * 24 / (640 * 480)
    assert TARGET.regime == "small"
