"""Boxes in JSON and tokens, whole, cut off or damaged, and their way to the source's pixels."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade import grounding
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import Box, center_inside

ONE = (Box((10, 20, 30, 40), "a"),)
TWO = (*ONE, Box((50, 60, 70, 80), "b"))
A = '{"bbox_2d": [10, 20, 30, 40], "label": "a"}'
B = '{"bbox_2d": [50, 60, 70, 80], "label": "b"}'


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        (f"[{A}]", ONE),
        (f"[{A}, {B}]", TWO),
        (f"```json\n[\n\t{A},\n\t{B}\n]\n```", TWO),
        (A, ONE),
        (f"{A}\n{B}", TWO),
        (f"[{A}][{B}]", TWO),
        (f"[{A}]]]}}", ONE),
        (f"Here it is: [{A}]. I hope that helps [1].", ONE),
        (f'[{A}, {{"bbox_2d": [50, 60, 7', ONE),
        (f'[{A}, {{"bbox_2d": [50, 60, 70, 80], "lab', (*ONE, Box((50, 60, 70, 80)))),
        ('[{"bbox_2d": [10, 20, 30, 40], "label": "the red but', (Box((10, 20, 30, 40), "the red but"),)),
        ('[{"bbox_2d": [10, 20, 30, 40]', (Box((10, 20, 30, 40)),)),
        ('[{"bbox_2d": [10, 20, 30, 40', ()),
        ("[{'bbox_2d': [10, 20, 30, 40], 'label': 'a'}]", ONE),
        ('{"label": "a", "bbox_2d": [10, 20, 30, 40]}', ONE),
        ('[{"label": "a", "bbox_2d": [10, 20, 30, 40]}, {"label": "b", "bbox_2d": [50, 60, 70, 80]}]', TWO),
        (
            '[{"bbox_2d": [10, 20, 30, 40]}, {"label": "b", "bbox_2d": [50, 60, 70, 80]}]',
            (Box((10, 20, 30, 40)), TWO[1]),
        ),
        ('{"bbox_2d": [30, 40, 10, 20], "label": "a"}', ONE),
        ('{"bbox_2d": [10.0, 2e1, 30, 40], "label": "a"}', ONE),
        ('{"bbox_2d": [10, 20, 30, 1e999], "label": "a"}', ()),
        ('{"bbox_2d": [10.5, 20.25, 30., +40], "label": "a"}', (Box((10.5, 20.25, 30, 40), "a"),)),
        ('{"bbox_2d": [[10, 20], [30, 40]], "label": "a"}', ONE),
        ('{"bbox_2d": [10, 20, 30, 40], "label": "the \\"Save\\" \\u00e9"}', (Box((10, 20, 30, 40), 'the "Save" é'),)),
        ('{"bbox_2d": [10, 20, 30, 40], "label": "the "Save" button"}', (Box((10, 20, 30, 40), 'the "Save" button'),)),
        ('{"bbox_2d": [10, 20, 30, 40], "text": "a", "label": "b}"}', (Box((10, 20, 30, 40), "b}"),)),
        ('{"bbox_2d": [10, 20, 30], "label": "a"}', ()),
        ('{"bbox_2d": [10, 20, 30, 40, 50], "label": "a"}', ()),
        ('{"bbox_2d": [NaN, 20, 30, 40], "label": "a"}', ()),
        ('{"bbox_2d": [], "label": "a"}', ()),
        ("<|object_ref_start|>a<|object_ref_end|><|box_start|>(10,20),(30,40)<|box_end|>", ONE),
        ("<|box_start|>(30, 40), (10, 20)<|box_end|>", (Box((10, 20, 30, 40)),)),
        ("The box is [10, 20, 30, 40].", (Box((10, 20, 30, 40)),)),
        ("[[10, 20, 30, 40], [50, 60, 70, 80]]", (Box((10, 20, 30, 40)), Box((50, 60, 70, 80)))),
        ("There is no such thing.", ()),
        ("none", ()),
        ("[]", ()),
        ("", ()),
        ("2024, 11, 20, 7", ()),
    ],
)
def test_every_complete_box_is_read(text: str, boxes: tuple[Box, ...]) -> None:
    assert grounding.read_raw(text) == boxes


@given(st.text(alphabet="[]{}()\"'\\,:.-+0123456789 \nbox_2dlae<|>start", max_size=300))
def test_no_text_raises(text: str) -> None:
    for box in grounding.read_raw(text):
        x1, y1, x2, y2 = box.xyxy
        assert x1 <= x2
        assert y1 <= y2
        assert isinstance(box.label, str)


BOXES = st.lists(st.tuples(*[st.integers(0, 4000)] * 4, st.text(max_size=20)), max_size=4)


@given(BOXES, st.integers(0, 400))
def test_well_formed_answers_are_read_as_json_does(boxes: list[tuple[int, int, int, int, str]], cut: int) -> None:
    text = json.dumps([{"bbox_2d": list(box[:4]), "label": box[4]} for box in boxes])
    wanted = tuple(Box((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), label) for x1, y1, x2, y2, label in boxes)
    assert [box.xyxy for box in grounding.read_raw(text)] == [box.xyxy for box in wanted]
    part = grounding.read_raw(text[:cut])
    assert [box.xyxy for box in part] == [box.xyxy for box in wanted[: len(part)]]


@given(st.lists(st.text(alphabet='abc "\\é', max_size=12), min_size=1, max_size=3))
def test_labels_come_back(labels: list[str]) -> None:
    text = json.dumps([{"bbox_2d": [1, 2, 3, 4], "label": label} for label in labels])
    assert [box.label for box in grounding.read_raw(text)] == labels


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        '"',
        "\\",
        '"label": "',
        '"label": "\\"',
        "bbox_2d",
        '"bbox_2d": [',
        "1,",
        "(1,1),",
        "[1, 2, 3, 4",
        " ",
        "{",
        '{"bbox_2d": [1, 2, 3, 4], "label": "',
        "<|object_ref_start|>",
        "1" * 50 + ",",
        '"bbox_2d": [1,2,3,4] "label": "x" ',
    ],
)
def test_long_nonsense_takes_no_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    start = time.process_time()  # what other processes take does not count
    grounding.read_raw(text)
    assert time.process_time() - start < 5


def test_boxes_come_back_in_source_pixels() -> None:
    plan = saccade.plan((3840, 2160), budget=1280)
    width, height = plan.resized_size
    text = json.dumps([{"bbox_2d": [0, 0, width, height], "label": "all"}, {"bbox_2d": [10, 20, 30, 40], "label": "a"}])
    everything, part = grounding.read(text, plan).boxes
    assert everything.xyxy == (0, 0, 3840, 2160)
    assert part.xyxy == pytest.approx((10 * 3840 / width, 20 * 2160 / height, 30 * 3840 / width, 40 * 2160 / height))
    assert part.center == pytest.approx((20 * 3840 / width, 30 * 2160 / height))


@pytest.mark.parametrize("family", ["qwen2-vl", "qwen3-vl"])
def test_thousandths_need_no_resized_size(family: str) -> None:
    plan = saccade.plan((3840, 2160), family=family, budget=1280)
    (box,) = grounding.read('{"bbox_2d": [0, 250, 500, 1000], "label": "a"}', plan).boxes
    assert box == Box((0, 540, 1920, 2160), "a")


def test_boxes_are_clipped_and_those_outside_left_out() -> None:
    plan = saccade.plan((280, 280), budget=1280)
    boxes = [Box((-20, 100, 400, 400)), Box((300, 300, 400, 400)), Box((-9, -9, -1, 50))]
    assert [box.xyxy for box in grounding.to_source(boxes, plan)] == [(0, 100, 280, 280)]


def test_boxes_outside_the_frame_are_rejected_not_clipped() -> None:
    plan = saccade.plan((280, 280), budget=1280)
    text = '[{"bbox_2d": [-20, 100, 400, 400]}, {"bbox_2d": [-4, 100, 284, 284]}, {"bbox_2d": [-4, -4, -1, 50]}]'
    grounded = grounding.read(text, plan)
    assert [box.xyxy for box in grounded.boxes] == [(0, 100, 280, 280)]
    assert [one.reason for one in grounded.rejected] == [
        "x -20 is outside 0..280, the resized image's pixels",
        "outside the image",
    ]


def test_a_box_gives_its_numbers_corner_and_size_and_center() -> None:
    box = Box((10, 20, 40, 60), "a")
    assert tuple(box) == (10, 20, 40, 60)
    assert box.xywh == (10, 20, 30, 40)
    assert box.center == (25, 40)


def test_boxes_that_only_touch_the_edge_are_left_out() -> None:
    plan = saccade.plan((280, 280), budget=1280)
    touching = [(280, 10, 300, 50), (10, 280, 50, 300), (-20, 10, 0, 50), (10, -20, 50, 0), (280, 280, 280, 280)]
    assert grounding.to_source([Box(corners) for corners in touching], plan) == ()
    inside = Box((20, 30, 20, 30), "a point")
    assert grounding.to_source([inside], plan) == (inside,)


@pytest.mark.parametrize(
    ("corners", "inside"),
    [((0, 0, 10, 10), True), ((9, 9, 21, 21), True), ((10, 10, 30, 30), True), ((10, 10, 31, 30), False)],
)
def test_a_center_is_inside_a_known_box_edges_included(corners: tuple[float, ...], inside: bool) -> None:
    assert grounding.center_inside(Box(corners), (5, 5, 20, 20)) is inside


@pytest.mark.parametrize("known", [(0, 0, 9, 9), Box((0, 0, 9, 9))])
@pytest.mark.parametrize(("box", "inside"), [((2, 2, 6, 6), True), ((8, 8, 20, 20), False)])
def test_a_box_may_be_four_numbers(box: tuple[float, ...], known: Any, inside: bool) -> None:
    assert center_inside(box, known) is center_inside(Box(box), known) is inside  # type: ignore[arg-type]


@pytest.mark.parametrize("box", [None, 5, (1, 2, 3), "abcd", (1, 2, 3, None)])
def test_what_is_no_box_is_refused_by_name(box: Any) -> None:
    with pytest.raises(InputError, match="box: expected a Box"):
        center_inside(box, (0, 0, 9, 9))
    with pytest.raises(InputError, match="known: expected a Box"):
        center_inside((0, 0, 9, 9), box)


@pytest.mark.parametrize("text", [None, 5, b"[1, 2, 3, 4]"])
def test_what_is_no_text_is_refused(text: Any) -> None:
    for call in (lambda: grounding.read(text, saccade.plan((640, 480))), lambda: grounding.reader.read_raw(text)):
        with pytest.raises(InputError, match="text: expected the text of an answer"):
            call()
    with pytest.raises(InputError, match="plan: expected a Plan"):
        grounding.read("", text)
