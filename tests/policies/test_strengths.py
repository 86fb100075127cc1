"""Policies with oracles that err by rule: each is better than one look where it is meant to be."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from oracle import Oracle, Screen

from mlx_saccade import policies
from mlx_saccade.engine import Answer
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import iou

SIZE = (3840, 2160)
SCREEN = Screen(SIZE)
Edges = tuple[int, int, int, int]


def spread(count: int, width: int, height: int, seed: int = 0) -> dict[str, list[Edges]]:
    """Return boxes of one size at random places."""
    random = Random(seed)
    corners = [(random.randrange(SIZE[0] - width), random.randrange(SIZE[1] - height)) for _ in range(count)]
    return {f"target {number}": [(x, y, x + width, y + height)] for number, (x, y) in enumerate(corners)}


def ask(name: str, engine: Oracle) -> list[Answer]:
    chosen, values = policies.parse(name)
    return list(chosen(engine, SCREEN, list(engine.boxes), **values))


def overlap(engine: Oracle, name: str) -> float:
    """Return the mean IoU of a policy's answers with the truth; 0 without a box."""
    pairs = zip(ask(name, engine), engine.boxes.values(), strict=True)
    return sum(iou(answer.boxes[0].xyxy, box) if answer.found else 0.0 for answer, (box, *_) in pairs) / len(
        engine.boxes
    )


def hits(engine: Oracle, name: str) -> int:
    """Return how many answers click inside the truth."""
    pairs = zip(ask(name, engine), engine.boxes.values(), strict=True)
    clicks = [(answer.click, box) for answer, (box, *_) in pairs if answer.click is not None]
    return sum(box[0] <= x <= box[2] and box[1] <= y <= box[3] for (x, y), box in clicks)


@pytest.mark.parametrize(
    ("name", "least"),
    [("zoom", 1.5), ("two-pass", 1.8), ("zoom-click", 1.8), ("zoom-in-out", 1.8), ("size-gated", 1.5)],
)
def test_a_closer_look_corrects_boxes_that_are_too_large(name: str, least: float) -> None:
    engine = Oracle(spread(40, 90, 60), smallest=0, bloat=4)
    assert overlap(engine, name) > least * overlap(engine, "flat")


@pytest.mark.parametrize("name", ["zoom", "two-pass", "zoom-click", "zoom-in-out", "ui-zoomer", "size-gated"])
def test_a_closer_look_corrects_places_that_are_off(name: str) -> None:
    engine = Oracle(spread(60, 60, 44), smallest=0, drift=6, token_probability=0.8)
    assert hits(engine, name) > 1.3 * hits(engine, "flat")


@pytest.mark.parametrize("name", ["search", "slicing", "zoom-click"])
def test_slices_show_what_the_whole_image_does_not(name: str) -> None:
    engine = Oracle(spread(30, 40, 34), smallest=8)
    assert hits(engine, "flat") == 0
    assert hits(engine, "two-pass") == 0
    assert overlap(engine, name) > 0.9


def test_slicing_returns_a_box_that_slices_cut_off_as_a_whole() -> None:
    engine = Oracle({"it": [(300, 300, 900, 420)]}, smallest=0, cuts=0.1)
    (answer,) = ask("slicing", engine)
    assert answer.boxes[0].xyxy == (300, 300, 900, 420)
    assert sum(look.verdict.startswith("merged with that of look 1") for look in answer.looks) >= 3


def test_slicing_believes_a_label_before_a_confidence() -> None:
    box = (2500, 1300, 2540, 1336)
    engine = Oracle({"the red star": [box]}, smallest=8, distractors=[((100, 100, 400, 300), "the blue window")])
    (answer,) = ask("slicing", engine)
    assert answer.boxes[0].xyxy == box
    assert answer.looks[0].verdict == "labeled 'the blue window'"


def test_slicing_takes_larger_slices_for_fewer_looks() -> None:
    engine = Oracle({"it": [(2500, 1300, 2540, 1336)]}, smallest=0)
    looks = {most: ask(f"slicing:max_looks={most}", engine)[0].looks for most in (1, 5, 20, 61, 100)}
    assert [len(looks[most]) for most in (1, 61, 100)] == [1, 61, 61]
    assert looks[61][1].crop == (0, 0, 512, 512)
    assert looks[61][10].crop == (SIZE[0] - 512, 0, SIZE[0], 512)  # the last of a row is shifted inside
    sides = {most: looks[most][1].crop[2] for most in (5, 20)}
    assert sides[5] > sides[20] > 512
    assert 3 <= len(looks[5]) <= 5
    assert 13 <= len(looks[20]) <= 20


def test_votes_of_samples_are_nearer_the_truth_than_one_look() -> None:
    engine = Oracle(spread(60, 220, 150), smallest=0, drift=8, token_probability=0.8)
    assert overlap(engine, "ui-zoomer:tau=0,samples=16") > 1.2 * overlap(engine, "flat")


def test_ui_zoomer_zooms_where_its_samples_disagree() -> None:
    box = (1000, 500, 1400, 800)
    for drift, looks, words in ((0, 8, "is above 1.5: 7 votes"), (12, 9, "is not above 1.5: zoom")):
        engine = Oracle({"it": [box]}, smallest=0, drift=drift, token_probability=0.8)
        (answer,) = ask("ui-zoomer", engine)
        assert len(answer.looks) == looks
        assert any(words in look.verdict for look in answer.looks)
        assert [look.tokens > 0 for look in answer.looks] == [True] + [False] * 7 + [True] * (looks - 8)
        assert {look.crop for look in answer.looks[:8]} == {(0, 0, *SIZE)}
    x1, y1, x2, y2 = answer.looks[8].crop
    assert x2 - x1 == y2 - y1 >= 512
    assert x1 < 1200 < x2


def test_ui_zoomer_crops_by_the_spread_of_its_samples() -> None:
    sides = []
    for drift in (5, 30, 60):
        engine = Oracle({"it": [(1900, 1000, 1980, 1060)]}, smallest=0, drift=drift, token_probability=0.2)
        (answer,) = ask("ui-zoomer:gamma=2.5", engine)
        x1, _, x2, _ = answer.looks[-1].crop
        sides.append(x2 - x1)
    assert 512 == sides[0] < sides[1] < sides[2]


def test_ui_zoomer_with_a_seed_repeats_itself() -> None:
    engine = Oracle(spread(5, 90, 60), smallest=0, drift=8, token_probability=0.8)
    first, second, other = (ask(name, engine) for name in ("ui-zoomer", "ui-zoomer", "ui-zoomer:seed=100"))
    assert [answer.looks for answer in first] == [answer.looks for answer in second]
    assert [answer.looks for answer in first] != [answer.looks for answer in other]


def test_zoom_click_keeps_to_the_twin_of_the_whole_image() -> None:
    """A quadrant cannot tell twins apart: it is believed only where it agrees with the whole image."""
    right, twin = (2500, 1300, 2590, 1360), (600, 300, 690, 360)
    engine = Oracle({"the second star": [right, twin]}, smallest=0, bloat=4)
    (answer,) = ask("zoom-click", engine)
    (flat,) = ask("flat", engine)
    assert iou(answer.boxes[0].xyxy, right) > 1.5 * iou(flat.boxes[0].xyxy, right)
    verdicts = [look.verdict for look in answer.looks]
    assert "does not agree" in verdicts[1]
    assert verdicts[4].endswith("from look 1: agrees")
    assert [look.crop for look in answer.looks[5:]] == [(1585, 790, 3505, 1870), (2065, 946, 3025, 1714)]


def test_zoom_click_without_a_quadrant_near_keeps_the_whole_images_place() -> None:
    """As where the whole image is right and the quadrants see twins alone."""
    right, twin = (1890, 1050, 1950, 1110), (600, 300, 690, 360)  # at the corner of all quadrants
    engine = Oracle({"it": [right, twin]}, smallest=0, cuts=0.5)
    (answer,) = ask("zoom-click", engine)
    assert answer.boxes[0].xyxy == right
    assert "does not agree" in answer.looks[1].verdict


def test_zoom_in_out_grows_again_where_it_lost_the_target() -> None:
    box = (2500, 1300, 2700, 1400)

    class Blinking(Oracle):
        """Sees nothing in its third look."""

        def _answer(self, frame: Screen, crop: Any, words: str, seed: int | None = None) -> Answer:
            self.boxes = {"it": [] if len(self.views) == 3 else [box]}
            return super()._answer(frame, crop, words, seed)

    engine = Blinking({"it": [box]}, smallest=0)
    (answer,) = ask("zoom-in-out", engine)
    widths = [look.crop[2] - look.crop[0] for look in answer.looks]
    assert widths[:4] == [3840, 3456, 3111, 3266]
    assert answer.looks[2].verdict == "no box"
    assert answer.boxes[0].xyxy == box
    x1, y1, x2, y2 = answer.looks[-1].crop
    assert (x2 - x1, y2 - y1) == (1000, 1000)


def test_zoom_in_out_narrows_to_what_the_whole_image_does_not_show() -> None:
    engine = Oracle({"it": [(1900, 1060, 1950, 1100)]}, smallest=9)
    assert not ask("flat", engine)[0].found
    (answer,) = ask("zoom-in-out", engine)
    assert answer.boxes[0].xyxy == (1900, 1060, 1950, 1100)
    assert answer.looks[0].verdict == answer.looks[1].verdict == "no box"


def test_size_gate_looks_once_at_the_large_and_twice_at_the_small() -> None:
    boxes: dict[str, list[Edges]] = {"large": [(100, 100, 700, 500)], "small": [(3000, 1500, 3060, 1560)], "none": []}
    large, small, none = ask("size-gated", Oracle(boxes, smallest=0))
    assert [look.verdict for look in large.looks] == ["answer: large enough: 61 model pixels"]
    assert [look.verdict for look in small.looks] == ["small: 9 model pixels", "answer: box"]
    assert [look.verdict for look in none.looks] == ["no box"]
    assert small.looks[1].crop == (1920, 990, 3840, 2070)
    (point,) = ask("size-gated", Oracle({"large": boxes["large"]}, smallest=0, points=True))
    assert point.looks[0].verdict == "a point, whose size is unknown"
    assert len(point.looks) == 2


@pytest.mark.parametrize("name", ["two-pass", "size-gated", "zoom", "zoom-click", "ui-zoomer", "zoom-in-out"])
def test_a_place_that_no_closer_look_finds_is_kept(name: str) -> None:
    box = (1000, 500, 1200, 650)

    class Farsighted(Oracle):
        """Sees nothing in crops."""

        def _answer(self, frame: Screen, crop: Any, words: str, seed: int | None = None) -> Answer:
            self.boxes = {"it": [box] if crop == (0, 0, *SIZE) else []}
            return super()._answer(frame, crop, words, seed)

    (answer,) = ask(name, Farsighted({"it": [box]}, token_probability=0.2))
    assert answer.boxes[0].xyxy == box
    assert len(answer.looks) > 1
    assert "answer: " in "".join(look.verdict for look in answer.looks)
    if name not in ("zoom", "zoom-in-out"):
        assert answer.looks[-1].verdict.startswith("no box; that of look ")


@pytest.mark.parametrize(
    "text",
    [
        "two-pass:side=0",
        "size-gated:smallest=-1",
        "size-gated:share=0",
        "zoom-click:depth=0",
        "zoom-click:ratio=1",
        "zoom-click:min_crop=0",
        "zoom-click:agreement=-1",
        "ui-zoomer:samples=0",
        "ui-zoomer:tau=3",
        "ui-zoomer:gamma=0",
        "ui-zoomer:gamma=inf",
        "ui-zoomer:min_crop=0",
        "zoom-in-out:step=0",
        "zoom-in-out:step=nan",
        "zoom-in-out:target=0",
        "zoom-in-out:zoom_outs=-1",
        "zoom-in-out:near=-1",
        "slicing:side=0",
        "slicing:overlap=1",
        "slicing:ios=0",
    ],
)
def test_parameters_outside_their_range_are_refused_by_name(text: str) -> None:
    name, _, rest = text.partition(":")
    parameter = rest.partition("=")[0]
    engine = Oracle({"it": []})
    with pytest.raises(InputError, match=rf"(policy {name}: )?{parameter}: expected"):
        ask(text, engine)
    assert engine.views == []
