"""Screens at two pixels to the point: those at one, with every length doubled and edges drawn in all the pixels."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mlx_saccade import scenes
from mlx_saccade.errors import InputError
from mlx_saccade.scenes import generator, paint

SIZES = [(112, 112), (320, 240), (240, 320), (588, 336)]
# Levels of 255: a gradient of twice as many rows is rounded at other places.
ROUNDING = 2


def doubled(size: tuple[int, int]) -> tuple[int, int]:
    return 2 * size[0], 2 * size[1]


def spread(image: NDArray[np.int64]) -> NDArray[np.int64]:
    """How far every pixel and its eight neighbors differ at most, [height, width]."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = np.stack([padded[y : y + height, x : x + width] for y in range(3) for x in range(3)])
    found: NDArray[np.int64] = np.ptp(around, axis=0).max(-1)
    return found


@pytest.mark.parametrize("size", [*SIZES, (1920, 1080), (1000, 4000)])
@pytest.mark.parametrize("ambiguous", [False, True])
def test_boxes_are_doubled_and_words_are_the_same(size: tuple[int, int], ambiguous: bool) -> None:
    for seed in range(8):
        plain, pairs = scenes.annotate(seed, size, ambiguous=ambiguous)
        elements, twice = scenes.annotate(seed, doubled(size), ambiguous=ambiguous, scale=2)
        for one, two in zip(plain, elements, strict=True):
            assert two.box == tuple(2 * side for side in one.box)
            assert all(type(side) is int for side in two.box)
            assert (two.description, two.kind, two.color) == (one.description, one.kind, one.color)
            assert (two.container, two.relation) == (one.container, one.relation)
        assert [(pair.description, pair.elements) for pair in twice] == [(p.description, p.elements) for p in pairs]
        assert all(pair.boxes == tuple(elements[i].box for i in pair.elements) for pair in twice)


@pytest.mark.parametrize("size", SIZES)
def test_pixels_are_doubled_but_for_edges(size: tuple[int, int]) -> None:
    """Away from edges, where a pixel and its neighbors agree, all four of the doubled screen are that pixel."""
    for seed in range(3):
        plain = scenes.generate(seed, size)
        scene = scenes.generate(seed, doubled(size), scale=2)
        assert (scene.size, scene.theme) == (doubled(size), plain.theme)
        assert scene.elements == scenes.annotate(seed, doubled(size), scale=2)[0]
        image = plain.image.astype(np.int64)
        fours = scene.image.reshape(size[1], 2, size[0], 2, 3).astype(np.int64)
        away = np.abs(fours - image[:, None, :, None]).max((1, 3, 4))
        steps = spread(image)
        assert away[steps == 0].max() == 0
        assert away[steps <= ROUNDING].max() <= ROUNDING
        assert np.mean(steps <= ROUNDING) > 0.4
        # An enlarged screen would be the same everywhere; this one has edges of its own.
        assert np.mean(away > 16) > 0.002


def test_every_element_shows_at_all_four_edges_of_its_doubled_box() -> None:
    for seed in range(3):
        dice, layout = generator._plan(seed, (224, 224), None, 20, False, 2)
        state = paint.prepare(dice, layout, 2)
        whole = paint.draw(layout, state)
        for index, slot in enumerate(layout.slots):
            if slot.color is None:
                continue
            x1, y1, x2, y2 = (2 * side for side in slot.box)
            changed = (whole != paint.draw(layout, state, leave_out=index)).any(-1)[y1:y2, x1:x2]
            edges = changed[0], changed[-1], changed[:, 0], changed[:, -1]
            assert all(edge.any() for edge in edges), (seed, slot)


def test_smallest_is_in_pixels_of_the_screen() -> None:
    elements, _ = scenes.annotate(1, (600, 600), smallest=40, scale=2)
    assert min(min(e.box[2] - e.box[0], e.box[3] - e.box[1]) for e in elements) >= 40
    halves, _ = scenes.annotate(1, (300, 300), smallest=20)
    assert [e.description for e in elements] == [e.description for e in halves]


def test_numpys_scale_gives_the_same_screen() -> None:
    scene = scenes.generate(1, (224, 224), scale=np.int64(2))  # type: ignore[arg-type]
    assert scene.elements == scenes.annotate(1, (224, 224), scale=2)[0]
    assert all(type(side) is int for element in scene.elements for side in element.box)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"scale": 3}, r"scale: expected 1 or 2 pixels per point; got 3"),
        ({"scale": 0}, r"scale: expected 1 or 2 pixels per point; got 0"),
        ({"scale": 1.5}, r"scale: expected whole numbers; got 1\.5"),
        ({"scale": True}, r"scale: expected whole numbers; got True"),
        ({"size": (641, 400), "scale": 2}, r"expected even values at scale 2; got \(641, 400\)"),
        ({"size": (640, 401), "scale": 2}, r"expected even values at scale 2; got \(640, 401\)"),
        ({"smallest": 21, "scale": 2}, r"expected even values at scale 2; got .* 21"),
        ({"size": (110, 400), "scale": 2}, r"each from 112 to 8192 pixels; got \(110, 400\)"),
        ({"size": (8194, 400), "scale": 2}, r"each from 112 to 8192 pixels"),
        ({"smallest": 6, "scale": 2}, r"smallest: expected 8 to a quarter"),
        ({"smallest": 102, "scale": 2}, r"smallest: expected 8 to a quarter"),
    ],
)
def test_what_cannot_be_doubled_is_refused(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        scenes.annotate(1, **{"size": (640, 400), **arguments})  # type: ignore[arg-type]
