"""The picture of a plan: lines at the right places, pixels unchanged, and legible at every shape."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.cli import plan_picture
from mlx_saccade.errors import InputError

# A 4K screen, a tall page, an icon, strips one token high and one wide, one whole window, a native 4K screen.
SHAPES = [
    ((3840, 2160), None), ((1080, 7800), None), ((24, 24), None), ((3840, 24), None), ((40, 7000), None),
    ((112, 112), None), ((3840, 2160), "checkpoint"), ((300, 560), None),
]  # fmt: skip


def drawn(plan: saccade.Plan, pixels: np.ndarray | None = None) -> Image.Image:
    return Image.open(io.BytesIO(plan_picture.render(plan, pixels)))


@pytest.mark.parametrize(("size", "budget"), SHAPES)
def test_windows_are_outlined_where_the_plan_has_them(size: tuple[int, int], budget: str | None) -> None:
    plan = saccade.plan(size, budget=budget)
    layout = plan_picture.lay_out(plan)
    grid = plan_picture.draw_grid(plan, layout, None)
    side = 112 * layout.zoom
    assert grid.shape == (plan.resized_size[1] * layout.zoom, plan.resized_size[0] * layout.zoom, 3)
    counted = 0
    for top in range(0, grid.shape[0], side):
        for left in range(0, grid.shape[1], side):
            window = grid[top : top + side, left : left + side]
            color = plan_picture.WHOLE if window.shape[:2] == (side, side) else plan_picture.PARTIAL
            for edge in (window[0], window[-1], window[:, 0], window[:, -1]):
                assert (edge == color).all()
            inside = window[window.shape[0] // 4, window.shape[1] // 4]
            assert not (inside == color).all()
            counted += 1
    assert counted == plan.windows


def test_partial_windows_are_tinted_and_whole_ones_are_not() -> None:
    plan = saccade.plan((3840, 2160))
    grid = plan_picture.draw_grid(plan, plan_picture.lay_out(plan), None)
    assert (grid[10, 10] == plan_picture.GROUND).all()
    for y, x in ((10, 1240), (680, 10), (680, 1240)):
        red, _, blue = (int(value) for value in grid[y, x])
        assert red > blue


def test_token_lines_show_on_light_and_on_dark_images() -> None:
    plan = saccade.plan((1232, 784))
    for shade in (0, 255):
        pixels = np.full((784, 1232, 3), shade, np.uint8)
        grid = plan_picture.draw_grid(plan, plan_picture.lay_out(plan), pixels).astype(int)
        assert abs(grid[14, 28] - shade).min() > 60
        assert (grid[14, 14] == shade).all()


def test_pixels_between_the_lines_are_the_resized_images() -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (112, 112, 3), dtype=np.uint8)
    plan = saccade.plan((112, 112))
    layout = plan_picture.lay_out(plan)
    grid = plan_picture.draw_grid(plan, layout, pixels)
    centers = grid[layout.zoom // 2 :: layout.zoom, layout.zoom // 2 :: layout.zoom]
    inside = np.s_[5:25, 5:25]
    assert layout.zoom > 4
    assert (centers[inside] == pixels[inside]).all()


@pytest.mark.parametrize(("size", "budget"), SHAPES)
def test_pictures_are_of_a_shape_and_size_to_look_at(size: tuple[int, int], budget: str | None) -> None:
    plan = saccade.plan(size, budget=budget)
    layout = plan_picture.lay_out(plan)
    image = drawn(plan)
    assert max(image.size) <= 3 * min(image.size)
    assert min(image.size) >= 400
    assert layout.text >= max(image.size) / 90
    assert layout.parts * layout.length >= max(plan.resized_size) * layout.zoom > (layout.parts - 1) * layout.length


def test_a_long_strip_is_cut_at_window_boundaries() -> None:
    plan = saccade.plan((40, 7000))
    layout = plan_picture.lay_out(plan)
    assert layout.parts > 1
    assert layout.length % (112 * layout.zoom) == 0


def test_the_legend_says_the_sizes() -> None:
    plan = saccade.plan((3840, 2160), budget=1280)
    words = "\n".join(text for _, text in plan_picture.legend(plan, plan_picture.lay_out(plan), plain=True))
    for phrase in (
        "3840 x 2160", "1316 x 728", "1,222 tokens", "47 x 26", "66 whole windows", "18 partial windows", "6 of 3 x 4",
        "11 of 4 x 2", "1 of 3 x 2", "1280 tokens", "2.918 x 2.967", "plain background",
    ):  # fmt: skip
        assert phrase in words
    whole = saccade.plan((112, 112))
    assert "no partial windows" in [
        text for _, text in plan_picture.legend(whole, plan_picture.lay_out(whole), plain=False)
    ]


def test_a_family_without_windows_has_none_drawn() -> None:
    plan = saccade.plan((800, 600), family="qwen3-vl")
    layout = plan_picture.lay_out(plan)
    grid = plan_picture.draw_grid(plan, layout, None).reshape(-1, 3)
    assert not (grid == plan_picture.WHOLE).all(axis=1).any()
    assert any("no windows" in text for _, text in plan_picture.legend(plan, layout, plain=True))


def test_a_picture_too_large_is_refused() -> None:
    with pytest.raises(InputError, match="too large to draw"):
        plan_picture.render(saccade.plan((9000, 9000), budget=200_000))
