"""What the model was shown is stated, and a point found there is the point of the source it was."""

from __future__ import annotations

import math
from dataclasses import replace

import checkpoints
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import grounding
from mlx_saccade.engine import Engine
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import Box

# (width, height), from the smallest over ties of rounding and whole and partial windows to screens and a long page.
SIZES = (
    *((1, 1), (257, 13), (257, 27), (28, 28), (29, 29), (126, 70), (480, 854), (854, 480), (1078, 616), (112, 112)),
    *((448, 224), (252, 308), (640, 480), (1481, 874), (1512, 982), (1920, 1080), (3024, 1964), (13, 2600), (31, 639)),
    (690, 15420),
)
TOO_LONG = ((1093, 5), (5, 1093), (201, 1))
BUDGETS = (256, 1280, "checkpoint")
TIGHT = 20
CORNERS = (64, 128, 192, 255)  # green, clockwise from the top left


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return saccade.load(checkpoints.write_whole(tmp_path_factory.mktemp("frame")), cache_memory=0)


def wanted_size(size: tuple[int, int], least: int, most: int) -> tuple[int, int]:
    """(width, height) by the reference's rule in plain Python."""
    width, height = size
    high, wide = round(height / 28) * 28, round(width / 28) * 28
    if high * wide > most:
        shrink = math.sqrt(height * width / most)
        high, wide = (max(28, math.floor(side / shrink / 28) * 28) for side in (height, width))
    elif high * wide < least:
        grow = math.sqrt(least / (height * width))
        high, wide = (math.ceil(side * grow / 28) * 28 for side in (height, width))
    return wide, high


def cross(size: tuple[int, int]) -> tuple[np.ndarray, tuple[float, float]]:
    """A magenta cross off the center, green corners, black elsewhere; and the cross's middle, in edges' coordinates."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    x, y = width * 2 // 7, height * 5 // 8
    arm = max(0, min(x, y, width - 1 - x, height - 1 - y) * 2 // 3)
    thick = arm // 4
    if min(width, height) > 8:
        side = max(1, min(width, height) // 12)
        places = ((slice(0, side), slice(0, side)), (slice(0, side), slice(-side, None)))
        places += ((slice(-side, None), slice(-side, None)), (slice(-side, None), slice(0, side)))
        for level, place in zip(CORNERS, places, strict=True):
            image[(*place, 1)] = level
    for vertical, horizontal in ((arm, thick), (thick, arm)):
        image[y - vertical : y + vertical + 1, x - horizontal : x + horizontal + 1] = (255, 0, 255)
    return image, (x + 0.5, y + 0.5)


def unpatched(patches: np.ndarray, grid: tuple[int, int, int]) -> np.ndarray:
    """Native patches of one image back to uint8 [height, width, 3]."""
    _, rows, columns = grid
    index, _ = saccade.window_index([grid])
    tokens = np.empty((rows * columns // 4, 4, 3, 14, 14), np.uint8)
    tokens[index] = patches.reshape(-1, 4, 3, 14, 14)
    blocks = tokens.reshape(rows // 2, columns // 2, 2, 2, 3, 14, 14)
    return blocks.transpose(0, 2, 5, 1, 3, 6, 4).reshape(rows * 14, columns * 14, 3)


def centroid(image: np.ndarray) -> tuple[float, float]:
    """Middle of what is magenta, in edges' coordinates."""
    red, green, blue = np.moveaxis(image.astype(np.float64), 2, 0)
    weight = np.maximum(red + blue - 2 * green, 0)
    total = weight.sum()
    x, y = np.arange(image.shape[1]) + 0.5, np.arange(image.shape[0]) + 0.5
    return float((weight.sum(0) * x).sum() / total), float((weight.sum(1) * y).sum() / total)


CASES = [(size, budget) for size in SIZES for budget in BUDGETS] + [((31, 639), TIGHT)]


@pytest.mark.parametrize(("size", "budget"), CASES, ids=lambda value: str(value).replace(" ", ""))
def test_a_cross_is_where_it_was(engine: Engine, size: tuple[int, int], budget: int | str) -> None:
    image, (x, y) = cross(size)
    plan = engine.plan(image, budget=budget)
    most = 100352 if budget == "checkpoint" else int(budget) * 784
    assert plan.resized_size == wanted_size(size, 3136, most)
    assert plan.tokens * 784 <= most
    shown = unpatched(saccade.patchify(image, plan), plan.grid_thw)
    assert shown.shape == (plan.resized_size[1], plan.resized_size[0], 3)
    found = plan.to_source(centroid(shown))
    for coordinate, wanted, scale in zip(found, (x, y), plan.scale, strict=True):
        assert abs(coordinate - wanted) <= 0.5 * scale + 0.5
    if min(size) >= 56 and min(plan.resized_size) >= 84:
        greens = [int(shown[place][1]) for place in ((2, 2), (2, -3), (-3, -3), (-3, 2))]
        assert greens == sorted(greens), "corners are turned or mirrored"
        assert greens[0] < greens[-1]
    for corner in ((0, 0), (size[0], 0), (0, size[1]), size):
        back = plan.to_source(plan.to_model(corner))
        assert max(abs(a - b) for a, b in zip(back, corner, strict=True)) <= 0.5


@pytest.mark.parametrize("size", TOO_LONG)
def test_a_shape_that_the_model_cannot_be_shown_is_refused(engine: Engine, size: tuple[int, int]) -> None:
    ratio = max(size) / min(size)
    with pytest.raises(InputError, match=f"a ratio of {ratio:.6g} between its sides; the model takes at most 200"):
        engine.locate(np.zeros((size[1], size[0], 3), np.uint8), "it")


@pytest.mark.parametrize("size", [(1, 1), (257, 13), (854, 480), (1512, 982)])
def test_every_result_says_what_was_shown(engine: Engine, size: tuple[int, int]) -> None:
    image, _ = cross(size)
    for budget in (64, 100, None):
        (frame,) = engine.locate(image, "it", budget=budget, max_tokens=1).frames
        most = 100352 if budget is None else budget * 784
        wide, high = wanted_size(size, 3136, most)
        assert frame.source_size == size
        assert frame.processed_size == (wide, high)
        assert frame.grid_thw == (1, high // 14, wide // 14)
        assert frame.scale == pytest.approx((size[0] / wide, size[1] / high))
        assert frame.convention == "absolute"


def test_frames_are_per_image_and_in_order(engine: Engine) -> None:
    sizes = [(854, 480), (13, 257), (112, 112), (13, 257)]
    answer = engine.ask([cross(size)[0] for size in sizes], "which?", max_tokens=1, budget=40)
    assert [frame.source_size for frame in answer.frames] == sizes
    assert [frame.processed_size for frame in answer.frames] == [wanted_size(size, 3136, 40 * 784) for size in sizes]


@pytest.mark.parametrize("size", [(1512, 982), (1920, 1080), (257, 13)])
def test_three_conventions_name_one_place(size: tuple[int, int]) -> None:
    plan = saccade.plan(size, budget=256)
    known = (size[0] * 0.25, size[1] * 0.5, size[0] * 0.75, float(size[1]))
    shares = tuple(value / side for value, side in zip(known, size * 2, strict=True))
    written = {
        "absolute": plan.to_model(known),
        "thousandths": tuple(share * 1000 for share in shares),
        "fractions": shares,
    }
    for convention, corners in written.items():
        told = replace(plan, family=replace(plan.family, convention=convention))
        text = f'[{{"bbox_2d": {list(corners)}, "label": "it"}}]'
        assert grounding.read(text, told).boxes[0].xyxy == pytest.approx(known, abs=1e-6), convention
        x1, y1, x2, y2 = corners
        assert grounding.to_source([Box((x1, y1, x2, y2))], told)[0].xyxy == pytest.approx(known, abs=1e-6)
