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


@given(st.tuples(edges, edges), st.integers(1, 2000), st.floats(0, 0.9))
def test_slices_cover_the_image_and_overlap(size: tuple[int, int], side: int, overlap: float) -> None:
    if size[0] * size[1] > 10_000 * (side * (1 - overlap)) ** 2:
        return
    crops = tiles.slices(size, side, overlap)
    assert {crop[2:] for crop in crops} & {size}
    for axis, length in enumerate(size):
        spans = sorted({(crop[axis], crop[axis + 2]) for crop in crops})
        assert {stop - start for start, stop in spans} == {min(side, length)}
        assert (spans[0][0], spans[-1][1]) == (0, length)
        for (_, end), (start, _) in itertools.pairwise(spans):
            assert end - start >= min(int(overlap * side), side - 1)


def test_slices_are_those_of_sahi() -> None:
    crops = tiles.slices((3840, 2160), 512, 0.2)
    assert len(crops) == 60
    assert [crop[0] for crop in crops[:10]] == [0, 410, 820, 1230, 1640, 2050, 2460, 2870, 3280, 3328]
    assert tiles.slices((300, 200), 512, 0.2) == [(0, 0, 300, 200)]


@given(
    st.tuples(edges, edges).filter(lambda size: max(size) < 200 * min(size)),
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5), st.floats(0, 1), st.floats(0, 1)),
)
def test_crops_grow_to_hold_a_box_and_to_be_no_strip(
    size: tuple[int, int], crop_shares: tuple[float, ...], box_shares: tuple[float, ...]
) -> None:
    x1, y1 = (min(side - 1, int(share * side)) for share, side in zip(crop_shares[:2], size, strict=True))
    x2, y2 = (
        start + max(1, int(share * (side - start)))
        for share, side, start in zip(crop_shares[2:], size, (x1, y1), strict=True)
    )
    corner = [share * side for share, side in zip(box_shares[:2], size, strict=True)]
    box = (*corner, *(start + share * side for start, share, side in zip(corner, box_shares[2:], size, strict=True)))
    held = tiles.holding((x1, y1, x2, y2), box, size)
    grown = tiles.not_too_long(held, size)
    inside = tuple(min(max(edge, 0), size[number % 2]) for number, edge in enumerate(box))
    for crop, part in ((held, (x1, y1, x2, y2)), (held, inside), (grown, held)):
        assert all(outer <= inner for outer, inner in zip(crop[:2], part[:2], strict=True))
        assert all(outer >= inner for outer, inner in zip(crop[2:], part[2:], strict=True))
    assert 0 <= grown[0] < grown[2] <= size[0]
    assert 0 <= grown[1] < grown[3] <= size[1]
    sides = grown[2] - grown[0], grown[3] - grown[1]
    assert max(sides) * min(size) <= max(10 * min(size), max(size)) * min(sides)


@given(st.tuples(edges, edges), st.tuples(st.floats(-100, 7000), st.floats(-100, 7000)), st.tuples(edges, edges))
def test_centered_crops_stay_inside(
    size: tuple[int, int], center: tuple[float, float], lengths: tuple[int, int]
) -> None:
    x1, y1, x2, y2 = tiles.centered(center, size, lengths)
    assert 0 <= x1 < x2 <= size[0]
    assert 0 <= y1 < y2 <= size[1]
    assert (x2 - x1, y2 - y1) == (min(size[0], lengths[0]), min(size[1], lengths[1]))
