"""What is planted in a text comes back, whatever stands around it, and no text raises or takes long."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade import grounding
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import Box, Point

# Shown as it is, so that source pixels are the model's own.
PLAN = saccade.plan((1400, 1400), budget=4096)
assert PLAN.resized_size == (1400, 1400)

NUMBERS = st.integers(2, 1390)
POINTS = st.tuples(NUMBERS, NUMBERS)
BOXES = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS).map(
    lambda four: (min(four[0], four[2]), min(four[1], four[3]), max(four[0], four[2]), max(four[1], four[3]))
)
LABELS = st.text(alphabet="abc ,:\"'\\é保{}[]()<>\n", max_size=16)
PLAIN_LABELS = st.text(alphabet="abc ,.-é保", min_size=1, max_size=16).map(lambda text: text.strip(" ,") or "a")

Planted = tuple[str, list[Any]]
"""A text and the boxes, points and (name, points) of actions in it."""


def one_box(form: Callable[[tuple[int, ...], str], str], labels: st.SearchStrategy[str]) -> st.SearchStrategy[Planted]:
    return st.builds(lambda box, label: (form(box, label), [Box(box, label)]), BOXES, labels)


def commas(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))


def pairs(numbers: tuple[int, ...]) -> str:
    return f"({numbers[0]},{numbers[1]}),({numbers[2]},{numbers[3]})"


NO_LABEL = st.just("")
BOX_FORMS = st.one_of(
    one_box(lambda box, label: json.dumps({"bbox_2d": box, "label": label}), LABELS),
    one_box(lambda box, label: json.dumps({"text_content": label, "bbox": box}, ensure_ascii=False), LABELS),
    one_box(
        lambda box, label: json.dumps([{"name": label, **dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))}]),
        LABELS,
    ),
    one_box(
        lambda box, label: f"```json\n[\n\t{json.dumps({'box_2d': list(map(str, box)), 'label': label})},\n]\n```",
        LABELS,
    ),
    one_box(
        lambda box, label: f"{{'label': '{label}', 'bbox_2d': [[{commas(box[:2])}], [{commas(box[2:])}]],}}",
        PLAIN_LABELS,
    ),
    one_box(lambda box, label: f"<ref>{label}</ref><box>{pairs(box)}</box>", PLAIN_LABELS),
    one_box(
        lambda box, label: f"<|object_ref_start|>{label}<|object_ref_end|><|box_start|>{pairs(box)}<|box_end|>",
        PLAIN_LABELS,
    ),
    one_box(lambda box, label: f'<p data-bbox="{" ".join(map(str, box))}">{label}</p>', PLAIN_LABELS),
    one_box(lambda box, _: f"<bbox>{commas(box)}</bbox>", NO_LABEL),
)
POINT_FORMS = st.one_of(
    st.builds(lambda p, t: (json.dumps({"point_2d": p, "label": t}), [Point(p, t)]), POINTS, LABELS),
    st.builds(
        lambda p, t: (f'<points x1="{p[0]}" y1="{p[1]}" alt="{t}">{t}</points>', [Point(p, t)]), POINTS, PLAIN_LABELS
    ),
    st.builds(lambda p: (f"<point>{p[0]} {p[1]}</point>", [Point(p)]), POINTS),
    st.builds(lambda p: (json.dumps({"x": p[0], "y": p[1]}), [Point(p)]), POINTS),
)
ACTION_FORMS = st.one_of(
    st.builds(lambda p: (f"Action: click(start_box='({p[0]},{p[1]})')", [("click", [p])]), POINTS),
    st.builds(lambda p: (f"left_double(point='<point>{p[0]} {p[1]}</point>')", [("left_double", [p])]), POINTS),
    st.builds(
        lambda p, q: (f"drag(start_box='({p[0]},{p[1]})', end_box='({q[0]},{q[1]})')", [("drag", [p, q])]),
        POINTS,
        POINTS,
    ),
    st.builds(lambda p: (f"pyautogui.click(x={p[0]}, y={p[1]})", [("pyautogui.click", [p])]), POINTS),
    st.builds(lambda p: (json.dumps({"action": "tap", "coordinate": p}), [("tap", [p])]), POINTS),
    st.builds(
        lambda p: (
            "<tool_call>\n"
            + json.dumps({"name": "computer_use", "arguments": {"action": "left_click", "coordinate": p}})
            + "\n</tool_call>",
            [("left_click", [p])],
        ),
        POINTS,
    ),
)
FORMS = st.one_of(BOX_FORMS, POINT_FORMS, ACTION_FORMS)
PROSE = st.sampled_from(
    [
        "Here is what you asked for.",
        "The user's choice is the \"Save\" button, isn't it?",
        "It is 5:30, the color is rgb(12, 34, 56) and the padding (10, 20, 10, 20).",
        "The screen has 1920 x 1080 pixels, [1920, 1080] in short; see [1] and [2, 3].",
        "Built in (1999, 2004).",
        "A sad face :( and a stray [ or { or ' here",
        "a) first, b) second }",
        "```python\nvalues = [1, 2, 3, 4]\n```",
        "Let f(10, 20) be max(3, 4).",
        "坐标如下：",
        "",
    ]
)
DRAFTS = FORMS.map(lambda planted: (f"<think>Perhaps {planted[0]}, but no.</think>", []))
THOUGHTS = st.tuples(BOX_FORMS, ACTION_FORMS).map(
    lambda both: (f"Thought: it may be {both[0][0]}\nAction: {both[1][0].removeprefix('Action: ')}", both[1][1])
)
PARTS = st.lists(st.one_of(FORMS, PROSE.map(lambda text: (text, [])), DRAFTS, THOUGHTS), max_size=6)


def unique(spots: list[Any]) -> list[Any]:
    """Return places once each; one without a label repeats any other in its place."""
    named = {tuple(spot) for spot in spots if spot.label}
    kept = [spot for spot in spots if spot.label or tuple(spot) not in named]
    return list(dict.fromkeys(kept))


@settings(max_examples=400)
@given(PARTS)
def test_read_gives_exactly_what_is_planted(parts: list[Planted]) -> None:
    grounded = grounding.read("\n".join(text for text, _ in parts), PLAN)
    planted = [spot for _, spots in parts for spot in spots]
    assert list(grounded.boxes) == unique([spot for spot in planted if isinstance(spot, Box)])
    assert list(grounded.points) == unique([spot for spot in planted if isinstance(spot, Point)])
    actions = [spot for spot in planted if isinstance(spot, tuple)]
    assert [(action.name, [point.xy for point in action.points]) for action in grounded.actions] == actions
    assert grounded.rejected == ()


@settings(max_examples=200)
@given(FORMS, FORMS, st.booleans())
def test_read_takes_the_answer_tag_alone(draft: Planted, answer: Planted, thinks: bool) -> None:
    before = f"<think>{draft[0]}</think>" if thinks else draft[0]
    alone, grounded = (
        grounding.read(text, PLAN) for text in (answer[0], f"{before}\n<answer>{answer[0]}</answer>\n{draft[0]}")
    )
    assert (grounded.boxes, grounded.points, grounded.actions) == (alone.boxes, alone.points, alone.actions)


FRAGMENTS = st.sampled_from(
    [
        '<think>', '</think>', 'Thought:', 'Action:', '<answer>', '</answer>', '<box>', '</box>',
        '<point>', '<points', 'x1=', 'y1=', '"bbox_2d":', '"label":', '{"action":', '"click"',
        'click(', 'drag(', "start_box='", "'", '[', ']', '(', ')',
        '{', '}', ',', '1', '-2.5e3', '1e999', '"arguments":', '<tool_call>',
        '<function=a>', '<parameter=b>', '<|box_start|>', '<|box_end|>', 'data-bbox="', '"', '```', 'NaN',
        'null', '\\\\', '\\\\u', '\\\\ud800',
    ]
)  # fmt: skip
HOSTILE = st.one_of(
    st.text(alphabet="[]{}()\"'\\,:.-+0123456789 \nbox_2dlae<|>start/=；（", max_size=300),
    st.text(max_size=200),
    st.lists(FRAGMENTS, max_size=60).map("".join),
)


@settings(max_examples=1500)
@given(HOSTILE, st.sampled_from(["auto", "absolute", "thousandths", "fractions"]), st.booleans())
def test_read_of_any_text_raises_nothing(text: str, convention: str, y_first: bool) -> None:
    grounded = grounding.read(text, PLAN, convention, y_first=y_first)
    for box in grounded.boxes:
        assert 0 <= box.xyxy[0] <= box.xyxy[2] <= 1400
        assert 0 <= box.xyxy[1] <= box.xyxy[3] <= 1400
    for x, y in grounded.points:
        assert 0 <= x <= 1400
        assert 0 <= y <= 1400
    json.dumps(grounded.as_dict(), allow_nan=False).encode()
    for box in grounding.read_raw(text):
        assert box.xyxy[0] <= box.xyxy[2]


@settings(max_examples=300)
@given(PARTS, st.integers(0, 600))
def test_read_of_a_cut_text_invents_no_place(parts: list[Planted], cut: int) -> None:
    text = "\n".join(text for text, _ in parts)
    # A draft whose end is cut off is still set aside, because it stands behind the tag that opens it.
    whole, part = grounding.read(text, PLAN), grounding.read(text[:cut], PLAN)
    assert {box.xyxy for box in part.boxes} <= {box.xyxy for box in whole.boxes}
    assert {point.xy for point in part.points} <= {point.xy for point in whole.points}
    drawn = {point for action in whole.actions for point in action.points}
    assert {point for action in part.actions for point in action.points} <= drawn


@pytest.mark.parametrize(
    "piece",
    [
        "[", "(", "{", '"', "'", "\\", '"label": "', '"label": "\\"', "bbox_2d", '"bbox_2d": [', "1,", "(1,1),",
        "[1, 2, 3, 4", " ", "{'a':", '{"bbox_2d": [1, 2, 3, 4], "label": "', "<|object_ref_start|>", "1" * 50 + ",",
        "<think>", "</think>", "<point>", "<box>1", "click(", "click(start_box='", "Thought:\n", "<answer>", "1.", "1e",
        '{"answer": "', '{"action": "click", ', "<function=a>", "<parameter=b>1", "CLICK <point>", "data-bbox='",
        "[[1,2],", "1,2,3,4 a\n", "```python\n[1,2]", "<bbox x1='1' ", "（", "- a: (1,2)\n", "x=1,y=2 ",
    ],
)  # fmt: skip
def test_read_of_a_megabyte_of_nonsense_takes_seconds_at_most(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    start = time.process_time()
    grounding.read(text, PLAN)
    assert time.process_time() - start < 5


def test_click_is_of_the_first_action_then_point_then_box() -> None:
    box, point = '{"bbox_2d": [100, 200, 300, 400]}', '{"point_2d": [10, 20]}'
    action = '{"action": "tap", "coordinate": [50, 60]}'
    assert grounding.read(f"{box} {point} {action}", PLAN).click == (50, 60)
    assert grounding.read(f"{box} {point}", PLAN).click == (10, 20)
    assert grounding.read(box, PLAN).click == (200, 300)
    assert grounding.read("none", PLAN).click is None
    typed = '{"action": "type", "text": "a"}'
    assert grounding.read(f"{typed} {action}", PLAN).click == (50, 60)


def test_rejected_says_the_text_the_numbers_and_why() -> None:
    (one,) = grounding.read('{"bbox_2d": [100, 200, 3000, 400]}', PLAN).rejected
    assert (one.text, one.numbers) == ("[100, 200, 3000, 400]", (100, 200, 3000, 400))
    assert one.reason == "x 3000 is outside 0..1400, the resized image's pixels"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("<think>a</think>b", "the thinking part was set aside"),
        ("<think>a", "the text ends inside its thinking part"),
        ("Thought: a\nAction: wait()", "the thought before the action was set aside"),
        ("a [1, 2, 3, 4] <answer>[5, 6, 7, 8]</answer>", "only what is announced as the answer was read"),
        ("[1, 2, 3, 4] [1, 2, 3, 4]", "1 of 2 boxes repeat another in the same place; each is given once"),
        ('{"bbox_2d": [1, 2, 3', "the text ends inside a list of numbers, which was not read"),
        ("(1400, 1400)", "(1400, 1400) was set aside: it is the size of the image"),
        ("[0.5, 0.5, 0.7, 0.7]", "numbers from 0 to 1 were read as fractions of the image's sides"),
        (
            '{"bboxes": [[1, 2, 3, 4], [1, 2, 3, 4000]]}',
            "a part of the answer was rejected; the rest may be in another frame too",
        ),
    ],
)
def test_notes_say_what_was_set_aside(text: str, note: str) -> None:
    assert grounding.read(text, PLAN).notes == (note,)


def test_read_y_first_exchanges_numbers_without_names_only() -> None:
    text = '{"box_2d": [200, 100, 400, 300]} {"x1": 1, "y1": 2, "x2": 3, "y2": 4}'
    boxes = grounding.read(text, PLAN, y_first=True).boxes
    assert [box.xyxy for box in boxes] == [(100, 200, 300, 400), (1, 2, 3, 4)]


def test_read_refuses_an_unknown_convention() -> None:
    with pytest.raises(
        InputError, match=r"convention: expected one of auto, absolute, thousandths, fractions; got 'px'"
    ):
        grounding.read("", PLAN, "px")


@pytest.mark.parametrize("convention", ["auto", "absolute"])
def test_read_clips_what_models_err_at_the_edge(convention: str) -> None:
    boxes = grounding.read('{"bbox_2d": [-14, 5, 1414, 100]}', PLAN, convention).boxes
    assert [box.xyxy for box in boxes] == [(0, 5, 1400, 100)]
    assert grounding.read('{"bbox_2d": [-15, 5, 1414, 100]}', PLAN, convention).boxes == ()
