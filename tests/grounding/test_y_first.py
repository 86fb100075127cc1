"""Gemma 4 writes y before x."""

from __future__ import annotations

import json
from typing import Any

import pytest

import mlx_saccade as saccade
from mlx_saccade import grounding

PLAN = saccade.plan((2000, 1000), family="gemma-4")


@pytest.mark.parametrize(
    ("value", "box"),
    [
        ({"box_2d": [100, 200, 300, 400], "label": "Save"}, (400, 100, 800, 300)),
        ([{"box_2d": [0, 0, 1000, 1000]}], (0, 0, 2000, 1000)),
        ({"box_2d": "[100, 200, 300, 400]"}, (400, 100, 800, 300)),
        ({"bbox": [300, 400, 100, 200]}, (400, 100, 800, 300)),
        ({"bbox": {"x1": 200, "y1": 100, "x2": 400, "y2": 300}}, (400, 100, 800, 300)),
        ({"ymin": 100, "xmin": 200, "ymax": 300, "xmax": 400}, (400, 100, 800, 300)),
    ],
)
def test_boxes_are_read_y_first(value: Any, box: tuple[float, ...]) -> None:
    text = f"```json\n{json.dumps(value)}\n```"
    (found,) = grounding.read(text, PLAN).boxes
    assert found.xyxy == pytest.approx(box)


def test_points_and_lists_are_read_y_first() -> None:
    assert grounding.read('{"point": [100, 200]}', PLAN).points[0].xy == pytest.approx((400, 100))
    assert grounding.read("[100, 200, 300, 400]", PLAN).boxes[0].xyxy == pytest.approx((400, 100, 800, 300))
    assert grounding.read("click(x=200, y=100)", PLAN).click == pytest.approx((400, 100))


def test_the_caller_and_other_families_decide_otherwise() -> None:
    text = '{"box_2d": [100, 200, 300, 400]}'
    assert grounding.read(text, PLAN, y_first=False).boxes[0].xyxy == pytest.approx((200, 200, 600, 400))
    qwen = saccade.plan((2000, 1000), family="qwen3-vl")
    assert grounding.read(text, qwen).boxes[0].xyxy == pytest.approx((200, 200, 600, 400))
    assert grounding.read(text, qwen, y_first=True).boxes[0].xyxy == pytest.approx((400, 100, 800, 300))
