"""Coarse then zoom: the crop's geometry, and the way back to source pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade import media, policies
from mlx_saccade.errors import InputError

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
    """An engine that answers from a list and remembers what it was shown."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.shown: list[media.Frame] = []
        self.how: list[dict[str, object]] = []

    open = staticmethod(media.open_image)

    def locate(self, frame: media.Frame, description: str, *, budget: object = None, **how: object) -> object:
        self.shown.append(frame)
        self.how.append({"budget": budget, **how})
        return self.answers.pop(0)


class Look:
    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        from mlx_saccade.grounding import Box

        self.boxes = tuple(Box(box, "it") for box in boxes)
        self.frames = (type("Used", (), {"tokens": 100})(),)


def test_second_look_is_mapped_back_to_the_whole_image() -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (400, 800, 3), dtype=np.uint8)
    engine = Scripted(Look((700, 300, 720, 320)), Look((10, 20, 30, 40)))
    found = policies.locate_with_zoom(engine, pixels, "it", share=0.5, budget=64, constrained=True)
    assert engine.how == [{"budget": 64, "constrained": True}] * 2
    assert found.crop == (400, 200, 800, 400)
    assert np.array_equal(engine.shown[1].pixels, pixels[200:400, 400:800])
    assert [box.xyxy for box in found.boxes] == [(410, 220, 430, 240)]
    assert found.tokens == 200


def test_second_look_without_a_box_keeps_the_first() -> None:
    found = policies.locate_with_zoom(Scripted(Look((1, 2, 3, 4)), Look()), np.zeros((90, 90, 3), np.uint8), "it")
    assert [box.xyxy for box in found.boxes] == [(1, 2, 3, 4)]


def test_first_look_without_a_box_asks_no_second() -> None:
    engine = Scripted(Look())
    found = policies.locate_with_zoom(engine, np.zeros((90, 90, 3), np.uint8), "it")
    assert (found.boxes, found.fine, found.crop, found.tokens) == ((), None, None, 100)
    assert len(engine.shown) == 1
