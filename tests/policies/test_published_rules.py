"""The crops and choices of published methods, by hand on scripted answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from oracle import Screen

import mlx_saccade as saccade
from mlx_saccade import policies
from mlx_saccade.engine import Answer, FrameInfo
from mlx_saccade.grounding import Box

SCREEN = Screen((4000, 2000))
Edges = tuple[float, float, float, float]


class Scripted:
    """An engine that answers from a list; None is an answer without a box."""

    def __init__(self, *boxes: Edges | None, confidences: tuple[float, ...] = ()) -> None:
        self.boxes, self.confidences = list(boxes), list(confidences)
        self.views: list[tuple[tuple[int, int, int, int], str]] = []

    def look(self, frame: Screen, views: Any, **_: Any) -> list[Answer]:
        self.views += views
        return [self._answer(crop) for crop, _ in views]

    def sample_looks(self, frame: Screen, views: Any, samples: int, **_: Any) -> list[list[Answer]]:
        return [[self._answer(crop) for _ in range(samples)] for crop, _ in views]

    def _answer(self, crop: tuple[int, int, int, int]) -> Answer:
        box, confidence = self.boxes.pop(0), self.confidences.pop(0) if self.confidences else 1.0
        frame = FrameInfo.of(saccade.plan((crop[2] - crop[0], crop[3] - crop[1]), budget=256))
        usage = {"prompt": 80, "image": 55, "video": 0, "answer": 9}
        boxes = () if box is None else (Box(box, "it"),)
        answer = Answer(boxes, "said", (frame,), usage, {"vision": 0.5}, "stop")
        return replace(answer, confidence=confidence if boxes else None, token_probability=confidence)


def ask(name: str, engine: Scripted) -> Answer:
    chosen, values = policies.parse(name)
    (answer,) = chosen(engine, SCREEN, ["it"], **values)
    assert engine.boxes == []
    return answer


@pytest.mark.parametrize(
    ("first", "crop"),
    [
        ((1990, 990, 2010, 1010), (1488, 488, 2512, 1512)),
        ((0, 0, 20, 20), (0, 0, 1024, 1024)),  # shifted inside
        ((3980, 1980, 4000, 2000), (2976, 976, 4000, 2000)),
        ((1000, 990, 3000, 1010), (1000, 488, 3000, 1512)),  # grown
    ],
)
def test_two_pass_crops_1024_pixels(first: Edges, crop: Edges) -> None:
    engine = Scripted(first, (1, 1, 2, 2))
    answer = ask("two-pass", engine)
    assert [view for view, _ in engine.views] == [(0, 0, 4000, 2000), crop]
    assert answer.boxes[0].xyxy == (1, 1, 2, 2)


def test_zoom_click_halves_the_crop_and_truncates_it_at_the_border() -> None:
    whole, quadrant = (3900, 1900, 3940, 1940), (3910, 1910, 3940, 1940)
    engine = Scripted(whole, None, None, None, quadrant, (3912, 1912, 3936, 1936), (3914, 1914, 3934, 1934))
    answer = ask("zoom-click", engine)
    quadrants = [(0, 0, 2000, 1000), (2000, 0, 4000, 1000), (0, 1000, 2000, 2000), (2000, 1000, 4000, 2000)]
    # 2000 x 1000 around (3925, 1925), of which 1075 x 575 are inside; then 768 x 575, since no side is below 768.
    crops = [(2925, 1425, 4000, 2000), (3540, 1636, 4000, 2000)]
    assert [view for view, _ in engine.views] == [(0, 0, 4000, 2000), *quadrants, *crops]
    assert answer.boxes[0].xyxy == (3914, 1914, 3934, 1934)
    assert answer.looks[4].verdict == "7 px from look 1: agrees"


@pytest.mark.parametrize(
    ("quadrant", "chosen"),
    [
        ((130, 100, 170, 140), 1),  # 30 px away
        ((149, 100, 189, 140), 1),  # 49 px
        ((150, 100, 190, 140), 0),  # 50 px
        ((1960, 100, 2000, 140), 0),
    ],
)
def test_zoom_click_believes_a_quadrant_within_50_pixels(quadrant: Edges, chosen: int) -> None:
    engine = Scripted((100, 100, 140, 140), quadrant, None, (100, 1500, 140, 1540), None)
    answer = ask("zoom-click:depth=1", engine)
    assert answer.boxes[0].xyxy == ((100, 100, 140, 140), quadrant)[chosen]


def test_zoom_click_does_not_believe_a_quadrant_that_cuts_the_box() -> None:
    engine = Scripted((1950, 100, 2030, 140), (1950, 100, 2000, 140), None, None, None)
    answer = ask("zoom-click:depth=1", engine)
    assert answer.boxes[0].xyxy == (1950, 100, 2030, 140)
    assert answer.looks[1].verdict == "15 px from look 1: agrees, but is cut off"


def test_zoom_click_without_a_place_in_the_whole_image_takes_the_surest_quadrant() -> None:
    places: list[Edges | None] = [None, (100, 100, 140, 140), (3000, 100, 3040, 140), None, (2000, 1500, 2040, 1540)]
    answer = ask("zoom-click:depth=1", Scripted(*places, confidences=(0, 0.3, 0.6, 0, 0.9)))
    assert answer.boxes[0].xyxy == (3000, 100, 3040, 140)  # the last one ends at the edge of its quadrant


SAMPLES: list[Edges | None] = [
    (100, 100, 200, 200),
    (110, 100, 210, 200),
    (100, 110, 200, 210),
    (3000, 1500, 3100, 1600),
]
CONFIDENCES = (0.6, 0.8, 0.7, 0.9)
# IoU of 9/11 twice, 81/119 once and 0 for the pairs with the last one.
AGREEMENT = (2 * 9 / 11 + 81 / 119) / 6


def test_ui_zoomer_takes_the_surest_of_the_most_votes() -> None:
    answer = ask("ui-zoomer:samples=4,tau=1.13", Scripted(*SAMPLES, confidences=CONFIDENCES))
    assert answer.boxes[0].xyxy == SAMPLES[1]
    assert answer.looks[1].verdict == (
        f"answer: agreement {AGREEMENT:.2f} + confidence 0.75 of 4 samples is above 1.13: 2 votes"
    )


def test_ui_zoomer_sizes_its_crop_by_the_variance() -> None:
    # Three of four are kept. Of their centers (150, 160, 150) the variance is 200/9, and their sizes add 25 squared.
    # 8 deviations of 25.4 pixels are 204, around 153.3.
    engine = Scripted(*SAMPLES, (160, 160, 170, 170), confidences=(0.9, 0.8, 0.7, 0.6, 1))
    answer = ask("ui-zoomer:samples=4,tau=1.14,gamma=4,min_crop=64", engine)
    assert [view for view, _ in engine.views] == [(51, 51, 255, 255)]
    assert answer.boxes[0].xyxy == (160, 160, 170, 170)


def test_ui_zoomer_leaves_out_samples_without_a_box() -> None:
    engine = Scripted(None, SAMPLES[0], None, SAMPLES[1], confidences=(0.1, 0.9, 0.1, 0.8))
    answer = ask("ui-zoomer:samples=4,tau=1.6", engine)
    assert answer.boxes[0].xyxy == SAMPLES[0]
    assert "agreement 0.82 + confidence 0.85 of 2 samples" in answer.looks[1].verdict


def test_ui_zoomer_without_a_box_in_the_crop_keeps_the_surest_sample() -> None:
    answer = ask("ui-zoomer:samples=4", Scripted(*SAMPLES, None, confidences=(*CONFIDENCES, 1)))
    assert answer.boxes[0].xyxy == SAMPLES[3]
    assert answer.looks[4].verdict == "no box; that of look 4 is kept"


def test_zoom_in_out_cuts_the_far_end_of_the_longer_side() -> None:
    engine = Scripted(
        (100, 100, 140, 140), (3000, 100, 3040, 140), None, (900, 900, 940, 940), (2000, 100, 2040, 140), (5, 5, 9, 9)
    )
    ask("zoom-in-out:max_looks=6", engine)
    assert [view for view, _ in engine.views] == [
        (0, 0, 4000, 2000),
        (0, 0, 3600, 2000),  # 400 off the right
        (360, 0, 3600, 2000),  # 360 off the left
        (198, 0, 3762, 2000),  # out by 162, but no farther than the image
        (198, 0, 3406, 2000),  # 356 off the right
        (1520, 0, 2520, 1000),  # the end: 1000 x 1000 around the last place
    ]


def test_zoom_in_out_ends_with_three_places_within_50_pixels() -> None:
    engine = Scripted((100, 100, 140, 140), (130, 100, 170, 140), (150, 100, 190, 140), (120, 100, 160, 140))
    ask("zoom-in-out", engine)
    assert len(engine.views) == 4
    assert engine.views[-1][0] == (0, 0, 1000, 1000)
    far = Scripted((100, 100, 140, 140), (130, 100, 170, 140), (151, 100, 191, 140), *[(130, 100, 170, 140)] * 2)
    ask("zoom-in-out", far)
    assert len(far.views) == 5


@pytest.mark.parametrize(
    ("part", "is_merged"),
    [((140, 100, 240, 200), True), ((150, 100, 250, 200), True), ((151, 100, 251, 200), False)],
)
def test_slicing_merges_boxes_that_share_half_of_the_smaller_one(part: Edges, is_merged: bool) -> None:
    engine = Scripted((100, 100, 200, 200), part, *[None] * 14, confidences=(0.9, 0.8, *[1] * 14))
    answer = ask("slicing:side=1000,overlap=0.1", engine)
    assert answer.boxes[0].xyxy == ((100, 100, part[2], 200) if is_merged else (100, 100, 200, 200))
    assert answer.looks[0].verdict == f"answer: box, the surest of {1 if is_merged else 2} places"
