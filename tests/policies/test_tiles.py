"""Grids of tiles: they cover the image, overlap, and are as fine as the looks allow."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade.policies import tiles

edges = st.integers(20, 6000)


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


@pytest.mark.parametrize(
    ("size", "most", "pixels", "expected"),
    [
        ((3840, 2160), 4, 588 * 336, (2, 2)),
        ((3840, 2160), 9, 588 * 336, (3, 3)),
        ((3840, 2160), 12, 588 * 336, (4, 3)),
        ((3840, 2160), 16, 588 * 336, (4, 4)),
        ((1000, 8000), 9, 588 * 336, (1, 9)),
        ((3840, 1080), 4, 588 * 336, (4, 1)),
        ((1920, 1080), 40, 1316 * 728, (2, 2)),  # finer tiles have no more pixels than the model sees
        ((1300, 700), 40, 1316 * 728, (1, 1)),
        ((3840, 2160), 1, 588 * 336, (1, 1)),
    ],
)
def test_choose_grid_of_screens(size: tuple[int, int], most: int, pixels: int, expected: tuple[int, int]) -> None:
    assert tiles.choose_grid(size, most, pixels, 0.2) == expected


def test_choose_grid_of_absurdly_many_looks_ends() -> None:
    columns, rows = tiles.choose_grid((60_000, 60_000), 10**12, 588 * 336, 0.2)
    assert columns * rows <= tiles.MAX_TILES


@given(st.tuples(edges, edges), st.tuples(st.floats(-100, 7000), st.floats(-100, 7000)), st.tuples(edges, edges))
def test_centered_crops_stay_inside(
    size: tuple[int, int], center: tuple[float, float], lengths: tuple[int, int]
) -> None:
    x1, y1, x2, y2 = tiles.centered(center, size, lengths)
    assert 0 <= x1 < x2 <= size[0]
    assert 0 <= y1 < y2 <= size[1]
    assert (x2 - x1, y2 - y1) == (min(size[0], lengths[0]), min(size[1], lengths[1]))
