"""Coarse then zoom: the crop's geometry, and the way back to source pixels."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade import media, policies
from mlx_saccade.engine import Answer, FrameInfo
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import Box, Point

sides = st.integers(1, 6000)
points = st.floats(-1e4, 1e4)


@given(points, points, sides, sides, st.floats(0.01, 1))
def test_crop_stays_inside_and_keeps_its_size(x: float, y: float, width: int, height: int, share: float) -> None:
    x1, y1, x2, y2 = policies.crop_around((x, y), (width, height), share)
    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height
    assert x2 - x1 == min(width, max(56, round(width * share)))
    assert y2 - y1 == min(height, max(56, round(height * share)))


def test_crop_is_centered_away_from_the_border() -> None:
    assert policies.crop_around((2000, 1000), (3840, 2160), 0.5) == (1040, 460, 2960, 1540)
    assert policies.crop_around((0, 2160), (3840, 2160), 0.25) == (0, 1620, 960, 2160)


@pytest.mark.parametrize("share", [0, -0.5, 1.01, float("nan")])
def test_crop_refuses_other_shares(share: float) -> None:
    with pytest.raises(InputError, match="share"):
        policies.crop_around((1, 1), (100, 100), share)


class Scripted:
    """An engine that answers from a list and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.views: list[tuple[tuple[int, int, int, int], str]] = []
        self.how: list[dict[str, object]] = []

    open = staticmethod(media.open_image)

    def look(self, frame: media.Frame, views: list, **how: object) -> list[Answer]:
        self.views += views
        self.how.append(how)
        return [self.answers.pop(0) for _ in views]


def look(*boxes: tuple[float, float, float, float]) -> Answer:
    """Return an answer of 55 tokens, with boxes in pixels of the whole image."""
    usage, timings = {"prompt": 80, "image": 55, "video": 0, "answer": 9}, {"vision": 0.5, "answer": 0.25}
    frames = (FrameInfo.of(saccade.plan((400, 800), budget=64)),)
    return Answer(tuple(Box(box, "it") for box in boxes), "said", frames, usage, timings, "stop")


def test_locate_with_zoom_looks_again_around_the_first_box() -> None:
    pixels = np.zeros((400, 800, 3), np.uint8)
    engine = Scripted(look((700, 300, 720, 320)), look((410, 220, 430, 240)))
    answer = policies.locate_with_zoom(engine, pixels, "it", share=0.5, budget=64, constrained=True)
    assert engine.how == [{"budget": 64, "constrained": True}] * 2
    assert engine.views == [((0, 0, 800, 400), "it"), ((400, 200, 800, 400), "it")]
    assert answer.crop == (400, 200, 800, 400)
    assert [box.xyxy for box in answer.boxes] == [(410, 220, 430, 240)]
    assert [box.xyxy for box in answer.fine.boxes] == [(10, 20, 30, 40)]
    assert answer.tokens == answer.usage["image"] == 110
    assert answer.timings == {"vision": 1.0, "answer": 0.5}
    plain = json.loads(json.dumps(answer.as_dict()))
    assert plain["found"] is answer.found is True
    assert plain["boxes"] == [{"xyxy": [410, 220, 430, 240], "label": "it"}]


def test_locate_with_zoom_of_an_empty_crop_keeps_the_first_box() -> None:
    answer = policies.locate_with_zoom(Scripted(look((1, 2, 3, 4)), look()), np.zeros((90, 90, 3), np.uint8), "it")
    assert [box.xyxy for box in answer.boxes] == [(1, 2, 3, 4)]


def test_locate_with_zoom_without_a_first_box_takes_no_second_look() -> None:
    engine = Scripted(look())
    answer = policies.locate_with_zoom(engine, np.zeros((90, 90, 3), np.uint8), "it")
    assert (answer.boxes, answer.fine, answer.crop, answer.found) == ((), None, None, False)
    assert answer.as_dict()["fine"] is None
    assert len(engine.views) == 1


def test_locate_with_zoom_of_several_descriptions_zooms_to_each() -> None:
    engine = Scripted(look((10, 10, 20, 20)), look(), look((700, 300, 720, 320)), look((11, 11, 19, 19)), look())
    first, second, third = policies.locate_with_zoom(engine, np.zeros((400, 800, 3), np.uint8), ["a", "b", "c"])
    assert [words for _, words in engine.views] == ["a", "b", "c", "a", "c"]
    assert [box.xyxy for box in first.boxes] == [(11, 11, 19, 19)]
    assert not second.found
    assert [box.xyxy for box in third.boxes] == [(700, 300, 720, 320)]


@pytest.mark.parametrize("share", [0, 7, float("nan"), "half"])
def test_locate_with_zoom_refuses_a_bad_share_before_any_look(share: object) -> None:
    engine = Scripted()
    with pytest.raises(InputError, match="share"):
        policies.locate_with_zoom(engine, np.zeros((90, 90, 3), np.uint8), "it", share=share)
    assert engine.views == []


@pytest.mark.parametrize("description", [[], 5])
def test_locate_with_zoom_refuses_no_description(description: object) -> None:
    with pytest.raises(InputError, match="description"):
        policies.locate_with_zoom(Scripted(), np.zeros((90, 90, 3), np.uint8), description)


def test_zoom_sums_up_its_looks() -> None:
    engine = Scripted(look((700, 300, 720, 320)), look((410, 220, 430, 240)))
    (answer,) = policies.zoom(engine, media.open_image(np.zeros((400, 800, 3), np.uint8)), ["it"], share=0.25)
    assert [one.crop for one in answer.looks] == [(0, 0, 800, 400), (600, 260, 800, 360)]
    assert [box.xyxy for box in answer.boxes] == [(410, 220, 430, 240)]
    assert answer.usage == {"prompt": 160, "image": 110, "video": 0, "answer": 18}
    assert answer.timings == {"vision": 1.0, "answer": 0.5}
    json.dumps(answer.as_dict())


def test_zoom_zooms_to_a_point_too() -> None:
    def point(x: float, y: float) -> Answer:
        return replace(look(), points=(Point((x, y)),))

    engine = Scripted(point(710, 310), point(711, 312))
    (answer,) = policies.zoom(engine, media.open_image(np.zeros((400, 800, 3), np.uint8)), ["it"])
    assert engine.views[1][0] == (400, 200, 800, 400)
    assert answer.click == (711, 312)


def test_zoom_of_one_look_is_flat() -> None:
    frame = media.open_image(np.zeros((400, 800, 3), np.uint8))
    (zoomed,) = policies.zoom(Scripted(look((1, 2, 3, 4))), frame, ["it"], max_looks=1)
    (flat,) = policies.flat(Scripted(look((1, 2, 3, 4))), frame, ["it"])
    assert zoomed.boxes == flat.boxes
    assert len(zoomed.looks) == len(flat.looks) == 1
