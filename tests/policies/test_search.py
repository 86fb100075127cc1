"""Searching with an oracle in the model's place: the true box comes back, and looks are bounded."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import TIMINGS, Oracle, Screen

from mlx_saccade import policies
from mlx_saccade.engine import Answer

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


@pytest.mark.parametrize("smallest", [6, 10, 14, 18])
def test_search_with_an_oracle_blind_to_small_boxes_finds_what_a_tile_shows(smallest: int) -> None:
    boxes = {f"target {number}": [box] for number, box in enumerate(places((3840, 2160), 44))}
    answers = policies.search(Oracle(boxes, smallest=smallest), Screen((3840, 2160)), list(boxes), max_looks=20)
    assert [answer.boxes[0].xyxy for answer in answers] == [box for (box,) in boxes.values()]


def test_search_cannot_find_what_no_look_shows() -> None:
    (answer,) = policies.search(Oracle({"it": [(900, 900, 910, 910)]}, smallest=20), Screen((3840, 2160)), ["it"])
    assert not answer.found
    assert len(answer.looks) == 1 + 9
    assert answer.confidence is None


def test_search_keeps_to_the_first_look_where_a_tile_shows_a_twin() -> None:
    first, twin = (300, 300, 350, 350), (3000, 1500, 3080, 1580)
    engine = Oracle({"the star": [first, twin]}, smallest=7)  # a small box, so a second look is taken
    (answer,) = policies.search(engine, Screen((3840, 2160)), ["the star"])
    assert answer.boxes[0].xyxy == first
    assert [look.verdict for look in answer.looks] == ["small: 8 model pixels", "answer: confirms look 1"]


def test_search_of_two_alike_answers_with_one_of_them() -> None:
    twins = [(300, 300, 334, 334), (3000, 1500, 3034, 1534)]
    (answer,) = policies.search(Oracle({"the star": twins}), Screen((3840, 2160)), ["the star"])
    assert answer.boxes[0].xyxy in twins


def test_search_takes_a_second_look_at_an_unsure_box() -> None:
    box = (1000, 500, 1800, 900)
    sure, unsure = (
        policies.search(Oracle({"it": [box]}, confidence=confidence), Screen((3840, 2160)), ["it"])[0]
        for confidence in (0.8, 0.79)
    )
    assert [look.verdict for look in sure.looks] == ["answer: sure"]
    assert [look.verdict for look in unsure.looks] == ["unsure: confidence 0.79", "answer: confirms look 1"]
    assert unsure.looks[1].crop == (600, 300, 2200, 1100)  # twice as long as the box
    assert unsure.boxes[0].xyxy == box


def test_search_drops_a_box_that_the_second_look_does_not_find() -> None:
    ghost = (1000, 500, 1800, 900)

    class Haunted(Oracle):
        def _answer(
            self, frame: Screen, crop: tuple[int, int, int, int], words: str, seed: int | None = None
        ) -> Answer:
            self.boxes = {"it": [ghost]} if crop == (0, 0, 3840, 2160) else {}
            return super()._answer(frame, crop, words)

    (answer,) = policies.search(Haunted({}, confidence=0.5), Screen((3840, 2160)), ["it"])
    assert not answer.found
    assert [look.verdict for look in answer.looks[:2]] == ["unsure: confidence 0.50", "no box; look 1 is dropped"]
    assert "not believed" in answer.notes[-1]


def test_search_never_believes_the_name_of_a_sibling() -> None:
    sibling = ((1000, 500, 1800, 900), "the red star icon in the dock")
    engine = Oracle({}, distractors=[sibling])
    (answer,) = policies.search(engine, Screen((3840, 2160)), ["the red star icon in the toolbar"])
    assert not answer.found
    (flat,) = policies.flat(engine, Screen((3840, 2160)), ["the red star icon in the toolbar"])
    assert flat.found


@pytest.mark.parametrize("size", [(3840, 2160), (1000, 8000)])
def test_search_with_an_oracle_that_points_returns_the_points(size: tuple[int, int]) -> None:
    boxes = {f"target {number}": [box] for number, box in enumerate(places(size, 41))}
    for answer, (box,) in zip(
        policies.search(Oracle(boxes, points=True), Screen(size), list(boxes), max_looks=20),
        boxes.values(),
        strict=True,
    ):
        assert answer.click == ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def test_search_of_an_image_at_its_own_scale_takes_no_tiles() -> None:
    engine = Oracle({}, budget=1280)
    policies.search(engine, Screen((1300, 700)), ["it"])
    assert len(engine.views) == 1


edges = st.integers(20, 6000)


@settings(max_examples=60)
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
