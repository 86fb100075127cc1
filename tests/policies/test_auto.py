"""Auto with an oracle in the model's place: one look where the first is sure, and a closer one where it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from oracle import TIMINGS, Edges, Oracle, Screen

from mlx_saccade import policies
from mlx_saccade.engine import Answer
from mlx_saccade.grounding import Box

SCREEN = Screen((3840, 2160))
LARGE, SMALL, UNSEEN = (1000, 500, 1800, 900), (900, 900, 1000, 1000), (2500, 1300, 2540, 1336)
Crop = tuple[int, int, int, int]
WHOLE = (0, 0, 3840, 2160)


def locate(engine: Oracle, words: str = "it", screen: Screen = SCREEN, **parameters: float) -> Answer:
    """Return the answer of auto to one description."""
    (answer,) = policies.auto(engine, screen, [words], **parameters)
    return answer


def verdicts(answer: Answer) -> list[str]:
    """Return what auto made of each look."""
    return [look.verdict for look in answer.looks]


class Imprecise(Oracle):
    """An oracle whose boxes are off by a few model pixels at the whole image."""

    def _answer(self, frame: Screen, crop: Crop, words: str) -> Answer:
        answer = super()._answer(frame, crop, words)
        if crop != (0, 0, *frame.source_size):
            return answer
        return replace(answer, boxes=tuple(box.moved(12, -9) for box in answer.boxes))


class Scripted(Oracle):
    """An oracle that answers its first looks with given boxes and confidences."""

    def __init__(self, *script: tuple[Edges | None, float]) -> None:
        super().__init__({})
        self.script = list(script)

    def _answer(self, frame: Screen, crop: Crop, words: str) -> Answer:
        answer = super()._answer(frame, crop, words)
        box, confidence = self.script.pop(0)
        if box is None:
            return answer
        return replace(answer, boxes=(Box(box, words),), confidence=confidence)


def test_auto_of_a_large_target_is_the_flat_look() -> None:
    answer = locate(Oracle({"it": [LARGE]}))
    (flat,) = policies.flat(Oracle({"it": [LARGE]}), SCREEN, ["it"])
    assert verdicts(answer) == ["answer: sure"]
    assert replace(answer, looks=()) == replace(flat, looks=())


def test_auto_of_a_small_target_takes_one_closer_look_and_its_box() -> None:
    engine = Imprecise({"it": [SMALL]})
    answer = locate(engine)
    assert answer.boxes[0].xyxy == SMALL
    assert verdicts(answer) == ["small: 15 model pixels", "answer: sure"]
    x1, y1, x2, y2 = engine.views[1][0]
    assert (x2 - x1) / 3840 == pytest.approx((y2 - y1) / 2160, rel=0.01)
    # The box has 28 model pixels in a crop that is scaled as the whole image is.
    assert (x2 - x1) == pytest.approx(3840 * (100 / (2160 / 336)) / 28, rel=0.05)
    assert answer.usage["image"] == sum(look.tokens for look in answer.looks)
    assert answer.timings == {name: 2 * seconds for name, seconds in TIMINGS.items()}


@pytest.mark.parametrize("size", [(3840, 2160), (5120, 2880), (1000, 8000), (3840, 1080), (1179, 2556)])
def test_auto_with_a_perfect_oracle_returns_every_box_to_the_pixel(size: tuple[int, int]) -> None:
    ways = [(0, (side - 70) // 2, side - 70) for side in size]
    boxes = {f"{x} {y}": [(x, y, x + 70, y + 70)] for x in ways[0] for y in ways[1]}
    answers = policies.auto(Oracle(boxes, smallest=5), Screen(size), list(boxes))
    assert [answer.boxes[0].xyxy for answer in answers] == [box for (box,) in boxes.values()]
    assert all(len(answer.looks) <= 3 for answer in answers)


def test_auto_without_a_first_box_looks_at_tiles_and_then_closer() -> None:
    answer = locate(Oracle({"it": [UNSEEN]}, smallest=8), max_looks=6)
    assert answer.boxes[0].xyxy == UNSEEN
    assert len(answer.looks) == 1 + 4 + 1
    assert verdicts(answer)[0] == "no box"
    assert verdicts(answer)[-1] == "answer: sure"


def test_auto_of_what_is_absent_ends_after_the_tiles() -> None:
    answer = locate(Oracle({}), max_looks=6)
    assert not answer.found
    assert verdicts(answer) == ["no box"] * 5


@pytest.mark.parametrize("how", [{}, {"max_looks": 2}, {"max_looks": 3}])
def test_auto_of_few_looks_leaves_out_the_tiles(how: dict[str, int]) -> None:
    answer = locate(Oracle({"it": [UNSEEN]}), **how)
    assert (answer.found, len(answer.looks)) == (False, 1)
    assert len(locate(Oracle({"it": [SMALL]}), **how).looks) == 2


def test_auto_drops_the_box_of_a_tile_that_is_not_confirmed() -> None:
    class Ghosts(Oracle):
        def _answer(self, frame: Screen, crop: Crop, words: str) -> Answer:
            answer = super()._answer(frame, crop, words)
            is_tile = 2000 < crop[2] - crop[0] < 3840
            return replace(answer, boxes=(Box((2500, 300, 2530, 330), words),)) if is_tile else answer

    answer = locate(Ghosts({}), max_looks=6)
    assert not answer.found
    assert verdicts(answer)[-2].endswith("; dropped")


def test_auto_keeps_the_whole_box_where_the_last_look_cuts_it() -> None:
    bar = (200, 900, 2000, 960)
    answer = locate(Scripted(((900, 900, 1000, 960), 0.9), (bar, 0.9)), max_looks=2)
    assert answer.boxes[0].xyxy == (900, 900, 1000, 960)
    assert verdicts(answer)[1] == "cut off by the edge of the crop; that of look 1 is kept"


def test_auto_of_a_small_screen_looks_once() -> None:
    for boxes in ({}, {"it": [(100, 100, 112, 112)]}):
        assert len(locate(Oracle(boxes), screen=Screen((560, 336))).looks) == 1


def test_auto_takes_a_closer_look_at_an_unsure_box() -> None:
    unsure, sure = (locate(Oracle({"it": [LARGE]}, confidence=confidence)) for confidence in (0.59, 0.6))
    assert verdicts(unsure) == ["unsure: confidence 0.59", "answer: unsure: confidence 0.59"]
    assert unsure.looks[1].crop == (440, 160, 2360, 1240)  # half of each side
    assert verdicts(sure) == ["answer: sure"]


def test_auto_keeps_a_first_box_that_the_closer_look_does_not_have() -> None:
    answer = locate(Scripted((SMALL, 0.7), (None, 0)))
    assert answer.boxes[0].xyxy == SMALL
    assert verdicts(answer) == ["answer: small: 15 model pixels", "no box; that of look 1 is kept"]


def test_auto_takes_another_place_only_if_it_is_as_sure() -> None:
    other = (1200, 900, 1300, 1000)
    kept, changed = (locate(Scripted((SMALL, 0.7), (other, confidence))) for confidence in (0.69, 0.7))
    assert kept.boxes[0].xyxy == SMALL
    assert verdicts(kept)[1] == "another place, and less sure; that of look 1 is kept"
    assert changed.boxes[0].xyxy == other


def test_auto_looks_again_at_a_box_that_the_closer_crop_cuts_off() -> None:
    # The first look gives a part of a bar; the closer crop ends inside the bar.
    bar, part = (200, 900, 2000, 960), (900, 900, 1000, 960)

    class Partial(Oracle):
        def _answer(self, frame: Screen, crop: Crop, words: str) -> Answer:
            answer = super()._answer(frame, crop, words)
            return replace(answer, boxes=(Box(part, words),)) if crop == WHOLE else answer

    answer = locate(Partial({"it": [bar]}, smallest=5, cuts=0.1), max_looks=9)
    assert verdicts(answer)[1] == "cut off by the edge of the crop"
    assert answer.boxes[0].xyxy[0] <= part[0]
    assert len(answer.looks) > 2


def test_auto_leaves_a_list_of_boxes_as_it_is() -> None:
    class Listing(Oracle):
        def _answer(self, frame: Screen, crop: Crop, words: str) -> Answer:
            answer = super()._answer(frame, crop, words)
            return replace(answer, boxes=(Box(SMALL, "it"), Box(UNSEEN, "it")))

    answer = locate(Listing({}))
    assert len(answer.boxes) == 2
    assert verdicts(answer) == ["answer: sure"]


@pytest.mark.parametrize("change", [{"finish": "length"}, {"rejected": ("numbers",)}])
def test_auto_of_an_answer_that_could_not_be_read_looks_at_no_tiles(change: dict[str, object]) -> None:
    class Broken(Oracle):
        def _answer(self, frame: Screen, crop: Crop, words: str) -> Answer:
            return replace(super()._answer(frame, crop, words), **change)

    assert len(locate(Broken({})).looks) == 1


def test_auto_of_points_looks_closer_only_where_they_are_unsure() -> None:
    sure, unsure = (locate(Oracle({"it": [SMALL]}, points=True, confidence=value)) for value in (0.9, 0.2))
    assert (len(sure.looks), len(unsure.looks)) == (1, 2)
    assert unsure.click == (950, 950)


def test_auto_of_several_descriptions_runs_their_looks_together() -> None:
    boxes = {"large": [LARGE], "small": [SMALL], "unseen": [UNSEEN], "other": [(300, 300, 340, 340)]}
    engine = Oracle(boxes, smallest=8)
    answers = policies.auto(engine, SCREEN, list(boxes), max_looks=6)
    assert [answer.boxes[0].xyxy for answer in answers] == [box for (box,) in boxes.values()]
    assert len({crop for crop, words in engine.views if words in ("unseen", "other")}) == 1 + 4 + 2
    assert engine.rounds == 1 + 4 + 1  # "unseen" is in the last tile; the others are looked at beside it
