"""Every policy with an oracle in the model's place: the truth comes back to the pixel, and the path is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import TIMINGS, Oracle, Screen

from mlx_saccade import policies
from mlx_saccade.engine import Answer

SIZES = [(3840, 2160), (5120, 2880), (1200, 9000), (3840, 1080), (300, 200), (40, 30)]
MOST_LOOKS = {"flat": 1, "zoom": 2, "search": 12, "two-pass": 2, "zoom-click": 7, "ui-zoomer": 9, "zoom-in-out": 25}
NAMES = policies.names()
Edges = tuple[int, int, int, int]


def perfect(boxes: dict[str, list[Edges]], **how: object) -> Oracle:
    """Return an oracle that sees every pixel of what is in a crop."""
    return Oracle(boxes, smallest=0, cuts=0, **how)


def ask(name: str, engine: Oracle, size: tuple[int, int]) -> list[Answer]:
    """Return a policy's answers to all that the oracle knows."""
    chosen, values = policies.parse(name)
    return list(chosen(engine, Screen(size), list(engine.boxes), **values))


def places(size: tuple[int, int], share: float) -> list[Edges]:
    """Return boxes in the corners, at the middles of the borders and at the center."""
    width, height = (max(1, round(side * share)) for side in size)
    lefts, tops = ((0, (side - own) // 2, side - own) for side, own in zip(size, (width, height), strict=True))
    return [(x, y, x + width, y + height) for x in lefts for y in tops]


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.9])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_the_true_box_comes_back_to_the_pixel(name: str, size: tuple[int, int], share: float) -> None:
    boxes = {f"target {number}": [box] for number, box in enumerate(places(size, share))}
    for token_probability in (1.0, 0.3):  # of samples that need no zoom, and of those that do
        answers = ask(name, perfect(boxes, token_probability=token_probability), size)
        assert [answer.boxes[0].xyxy for answer in answers] == [box for (box,) in boxes.values()]
        assert all(len(answer.looks) <= MOST_LOOKS.get(name, 100) for answer in answers)


sides, shares = st.integers(2, 6000), st.floats(0, 1)


@settings(max_examples=150)
@given(
    name=st.sampled_from(NAMES),
    size=st.tuples(sides, sides).filter(lambda size: max(size) < 150 * min(size)),
    corner=st.tuples(shares, shares),
    extent=st.tuples(shares, shares),
    token_probability=st.sampled_from([1.0, 0.3]),
    budget=st.sampled_from([256, 1280]),
)
def test_any_true_box_comes_back_to_the_pixel(
    name: str,
    size: tuple[int, int],
    corner: tuple[float, float],
    extent: tuple[float, float],
    token_probability: float,
    budget: int,
) -> None:
    x, y = (min(int(share * side), side - 1) for share, side in zip(corner, size, strict=True))
    width, height = (
        max(1, int(share * (side - start))) for share, side, start in zip(extent, size, (x, y), strict=True)
    )
    box = (x, y, x + width, y + height)
    (answer,) = ask(name, perfect({"it": [box]}, token_probability=token_probability, budget=budget), size)
    assert answer.boxes[0].xyxy == box


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_an_oracle_that_points_is_followed_to_the_target(name: str, size: tuple[int, int]) -> None:
    boxes = {f"target {number}": [box] for number, box in enumerate(places(size, 0.05))}
    for token_probability in (1.0, 0.3):
        engine = perfect(boxes, points=True, token_probability=token_probability)
        for answer, (box,) in zip(ask(name, engine, size), boxes.values(), strict=True):
            assert not answer.boxes
            assert box[0] <= answer.click[0] <= box[2]
            assert box[1] <= answer.click[1] <= box[3]
            if name != "zoom-click":  # a quadrant may cut the target, and its point is the middle of a part
                assert answer.click == ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_nowhere_has_no_box(name: str) -> None:
    (answer,) = ask(name, perfect({"it": []}), (3840, 2160))
    assert not answer.found
    assert answer.click is None
    assert answer.looks
    assert {look.box for look in answer.looks} == {None}


@pytest.mark.parametrize("name", NAMES)
def test_the_path_of_an_answer_adds_up(name: str) -> None:
    engine = perfect({"it": [(2500, 1300, 2540, 1336)]}, token_probability=0.3)
    (answer,) = ask(name, engine, (3840, 2160))
    assert answer.usage["image"] == sum(look.tokens for look in answer.looks)
    assert sum(answer.timings.values()) == pytest.approx(sum(look.seconds for look in answer.looks))
    assert answer.timings["answer"] == pytest.approx(TIMINGS["answer"] * len(answer.looks))
    assert answer.frames[0].source_size == (3840, 2160)
    assert sum(look.verdict.startswith("answer: ") for look in answer.looks) == 1
    assert all(look.verdict for look in answer.looks)
    plain = json.loads(json.dumps(answer.as_dict()))
    assert [look["crop"] for look in plain["looks"]] == [list(look.crop) for look in answer.looks]
    assert list(dict.fromkeys(crop for crop, _ in engine.views)) == list(
        dict.fromkeys(look.crop for look in answer.looks)
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 6])
def test_looks_keep_to_their_maximum(name: str, most: int) -> None:
    boxes: dict[str, list[Edges]] = {"small": [(2500, 1300, 2540, 1336)], "none": [], "large": [(0, 0, 3000, 1800)]}
    for engine in (perfect(boxes, token_probability=0.3), Oracle(boxes, token_probability=0.3, confidence=0.4)):
        answers = ask(f"{name}:max_looks={most}", engine, (3840, 2160))
        assert all(1 <= len(answer.looks) <= most for answer in answers)
        if most == 1:
            assert [answer.boxes for answer in answers] == [
                answer.boxes for answer in ask("flat", engine, (3840, 2160))
            ]
            assert {look.crop for answer in answers for look in answer.looks} == {(0, 0, 3840, 2160)}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "flat"])
def test_looks_of_several_descriptions_run_together(name: str) -> None:
    """A list takes as many calls as its longest member, not as their sum."""
    boxes: dict[str, list[Edges]] = {f"target {number}": [box] for number, box in enumerate(places((3840, 2160), 0.02))}
    alone = []
    for words, several in boxes.items():
        engine = perfect({words: several}, token_probability=0.3)
        ask(name, engine, (3840, 2160))
        alone.append(engine.rounds)
    engine = perfect(boxes, token_probability=0.3)
    ask(name, engine, (3840, 2160))
    assert engine.rounds == max(alone)
