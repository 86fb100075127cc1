"""Searching with an oracle in the model's place: the true box comes back, and looks are bounded."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import TIMINGS, Oracle, Screen

from mlx_saccade import policies
from mlx_saccade.policies import tiles

SIZES = [(3840, 2160), (5120, 2880), (1000, 8000), (3840, 1080), (1179, 2556)]


def places(size: tuple[int, int], length: int) -> list[tuple[int, int, int, int]]:
    """Return boxes of a length in the corners, at the middles of the borders and at the center."""
    ways = [(0, (side - length) // 2, side - length) for side in size]
    return [(x, y, x + length, y + length) for x in ways[0] for y in ways[1]]


@pytest.mark.parametrize("size", SIZES)
def test_search_with_a_perfect_oracle_returns_every_box_to_the_pixel(size: tuple[int, int]) -> None:
    boxes = {f"target {number}": [box] for number, box in enumerate(places(size, 33))}
    engine = Oracle(boxes)
    answers = policies.search(engine, Screen(size), list(boxes), max_looks=20)
    assert [answer.boxes[0].xyxy for answer in answers] == [box for (box,) in boxes.values()]
    assert all(len(answer.looks) <= 20 for answer in answers)


def test_search_stops_after_a_sure_first_look() -> None:
    engine = Oracle({"it": [(1000, 500, 1800, 900)]})
    (answer,) = policies.search(engine, Screen((3840, 2160)), ["it"])
    assert [look.verdict for look in answer.looks] == ["answer: sure"]
    assert answer.usage["image"] == engine.look(Screen((3840, 2160)), engine.views)[0].usage["image"]


def test_search_finds_what_a_blind_first_look_misses() -> None:
    boxes = {"it": [(2500, 1300, 2540, 1336)]}
    screen = Screen((3840, 2160))
    (flat,) = policies.flat(Oracle(boxes), screen, ["it"])
    assert not flat.found
    (answer,) = policies.search(Oracle(boxes), screen, ["it"])
    assert answer.boxes[0].xyxy == boxes["it"][0]
    assert len(answer.looks) <= 12
    assert answer.looks[0].verdict == "no box"


def test_search_believes_no_box_of_another_name() -> None:
    window = ((100, 100, 400, 300), "the blue window")
    engine = Oracle({"the red star": [(2500, 1300, 2540, 1336)]}, distractors=[window])
    (answer,) = policies.search(engine, Screen((3840, 2160)), ["the red star"])
    assert answer.boxes[0].xyxy == (2500, 1300, 2540, 1336)
    assert "labeled 'the blue window'" in answer.looks[0].verdict


def test_search_of_an_oracle_that_names_all_things_otherwise_still_answers() -> None:
    boxes = {"the button that sends": [(2500, 1300, 2900, 1436)]}
    engine = Oracle(boxes, labels={"the button that sends": "Submit"})
    (answer,) = policies.search(engine, Screen((3840, 2160)), ["the button that sends"])
    assert answer.boxes[0].xyxy == boxes["the button that sends"][0]


def test_search_of_a_box_cut_by_tiles_returns_it_whole() -> None:
    # The border between the tiles of a 3 x 3 grid lies at 1182 to 1477.
    box = (1150, 1000, 1500, 1040)
    (answer,) = policies.search(Oracle({"it": [box]}, smallest=12, cuts=0.1), Screen((3840, 2160)), ["it"])
    assert answer.boxes[0].xyxy == box


def test_search_for_what_is_absent_finds_nothing_within_its_looks() -> None:
    engine = Oracle({}, distractors=[((100, 100, 400, 300), "the blue window"), ((3000, 90, 3080, 140), "a bar")])
    (answer,) = policies.search(engine, Screen((3840, 2160)), ["the red star"], max_looks=12)
    assert len(answer.looks) <= 12
    assert engine.views[0] == ((0, 0, 3840, 2160), "the red star")


def test_search_of_several_descriptions_looks_at_each_tile_in_one_round() -> None:
    boxes = {f"target {number}": [box] for number, box in enumerate(places((3840, 2160), 40))}
    engine = Oracle(boxes, smallest=12)
    policies.search(engine, Screen((3840, 2160)), list(boxes))
    assert engine.rounds == 2  # the whole image, and the tiles of all
    assert len({crop for crop, _ in engine.views}) == 1 + 9


def test_search_sums_usage_and_timings_of_its_looks() -> None:
    (answer,) = policies.search(Oracle({"it": [(2500, 1300, 2540, 1336)]}), Screen((3840, 2160)), ["it"])
    assert answer.timings == {name: seconds * len(answer.looks) for name, seconds in TIMINGS.items()}
    assert answer.usage["image"] == sum(look.tokens for look in answer.looks)
    assert answer.frames[0].source_size == (3840, 2160)
    plain = json.loads(json.dumps(answer.as_dict()))
    assert [look["crop"] for look in plain["looks"]] == [list(look.crop) for look in answer.looks]


edges = st.integers(20, 6000)


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(edges, edges),
    corner=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    length=st.integers(1, 400),
    max_looks=st.integers(1, 30),
    smallest=st.floats(1, 40),
    labels=st.sampled_from(["it", "it too", ""]),
    distractors=st.lists(st.tuples(st.integers(0, 5900), st.integers(0, 5900), st.integers(1, 900)), max_size=4),
)
def test_search_never_takes_more_looks_than_it_may(
    size: tuple[int, int],
    corner: tuple[float, float],
    length: int,
    max_looks: int,
    smallest: float,
    labels: str,
    distractors: list[tuple[int, int, int]],
) -> None:
    if max(size) > 190 * min(size):
        return
    x, y = (int(share * max(0, side - length)) for share, side in zip(corner, size, strict=True))
    box = (x, y, min(size[0], x + length), min(size[1], y + length))
    others = [((x, y, x + far, y + far), "another") for x, y, far in distractors]
    engine = Oracle({"it": [box]}, smallest=smallest, labels={"it": labels}, distractors=others)
    (answer,) = policies.search(engine, Screen(size), ["it"], max_looks=max_looks)
    assert len(engine.views) == len(answer.looks) <= max_looks
    assert engine.views[0][0] == (0, 0, *size)
    if answer.found and answer.boxes[0].label == labels:
        x1, y1, x2, y2 = answer.boxes[0].xyxy
        assert box[0] <= x1 < x2 <= box[2]
        assert box[1] <= y1 < y2 <= box[3]


@given(st.tuples(edges, edges), st.integers(1, 40), st.integers(10_000, 2_000_000), st.floats(0, 0.5))
def test_tiles_cover_the_image_and_overlap(size: tuple[int, int], most: int, pixels: int, overlap: float) -> None:
    columns, rows = tiles.choose_grid(size, most, pixels, overlap)
    assert columns * rows <= most
    crops = tiles.cut(size, (columns, rows), overlap)
    assert len(crops) == columns * rows
    for axis, (side, count) in enumerate(zip(size, (columns, rows), strict=True)):
        spans = sorted({(crop[axis], crop[axis + 2]) for crop in crops})
        assert spans[0][0] == 0
        assert spans[-1][1] == side
        assert len(spans) <= count
        for (_, end), (start, stop) in itertools.pairwise(spans):
            assert end - start >= overlap * (stop - start) - 2
