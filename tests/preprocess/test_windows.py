"""Window order and boundaries against the reference's, for packs of grids with partial windows and several frames."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade.errors import InputError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "windows.json").read_text(encoding="utf-8"))
CASES = GOLDEN["cases"]


def test_enough_golden_cases() -> None:
    grids = [grid for case in CASES for grid in case["grids"]]
    assert len(CASES) >= 30
    assert any(len(case["grids"]) > 1 for case in CASES)
    assert any(frames > 1 for frames, _, _ in grids)
    assert any(rows % 8 and columns % 8 for _, rows, columns in grids)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["grids"]))
def test_golden(case: dict[str, list[int]]) -> None:
    index, boundaries = saccade.window_index(case["grids"], window_size=case["window_size"])
    assert index.dtype == boundaries.dtype == np.int32
    assert index.tolist() == case["index"]
    assert boundaries.tolist() == case["boundaries"]


GRIDS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12)).map(lambda g: (g[0], 2 * g[1], 2 * g[2])),
    min_size=1,
    max_size=4,
)


@given(grids=GRIDS, window=st.integers(1, 8))
def test_what_holds_for_any_grids(grids: list[tuple[int, int, int]], window: int) -> None:
    index, boundaries = saccade.window_index(grids, window_size=28 * window)
    patches = sum(frames * rows * columns for frames, rows, columns in grids)
    assert sorted(index.tolist()) == list(range(patches // 4))
    assert boundaries[0] == 0
    assert boundaries[-1] == patches
    assert (np.diff(boundaries) > 0).all()
    assert np.diff(boundaries).max() <= 4 * window**2
    # A window lies within one frame of one grid, and is a rectangle of tokens.
    place = np.concatenate(
        [
            np.stack([np.full(t * h * w // 4, i), *(a.ravel() for a in np.mgrid[:t, : h // 2, : w // 2])], axis=1)
            for i, (t, h, w) in enumerate(grids)
        ]
    )[index]
    for begin, end in zip(boundaries[:-1] // 4, boundaries[1:] // 4, strict=True):
        inside = place[begin:end]
        assert (inside[:, :2] == inside[0, :2]).all()
        height, width = inside[:, 2:].max(0) - inside[:, 2:].min(0) + 1
        assert height <= window
        assert width <= window
        assert height * width == end - begin


def test_grids_may_be_an_array() -> None:
    grids = np.array([[1, 10, 14], [2, 4, 4]])
    for as_array, as_list in zip(saccade.window_index(grids), saccade.window_index(grids.tolist()), strict=True):
        assert np.array_equal(as_array, as_list)


@pytest.mark.parametrize(
    ("grids", "options", "message"),
    [
        ([], {}, "grids: expected at least 1 entry; got 0"),
        ([(1, 4, 5)], {}, r"grids\[0\]: expected rows and columns divisible by merge_size 2; got \(1, 4, 5\)"),
        ([(1, 4, 4), (0, 4, 4)], {}, r"grids\[1\]: expected frames, rows and columns of at least 1; got \(0, 4, 4\)"),
        ([(1, -4, 4)], {}, r"grids\[0\]: expected frames, rows and columns of at least 1; got \(1, -4, 4\)"),
        ([(1, 4)], {}, r"grids\[0\]: expected \(frames, rows, columns\) in patches; got \(1, 4\)"),
        ((1, 4, 4), {}, "expected a sequence of"),
        ([(1, 4, 4.5)], {}, "grids: expected an integer; got 4.5"),
        ([(1, 2**40, 2**40)], {}, "at most 2147483647 patches"),
        ([(1, 2, 2**31)], {}, "at most 2147483647 patches"),
        ([(2**20, 2**5, 2**5), (2**20, 2**5, 2**5)], {}, r"grids\[1\]: expected at most 2147483647 patches"),
        (
            [(1, 4, 4)],
            {"window_size": 27},
            "window_size: expected at least merge_size 2 x patch_size 14 = 28 pixels; got 27",
        ),
        ([(1, 4, 4)], {"window_size": 0}, "window_size: expected 1 to 67108864; got 0"),
        ([(1, 4, 4)], {"merge_size": 0}, "merge_size: expected 1 to 67108864; got 0"),
        ([(1, 4, 4)], {"patch_size": -14}, "patch_size: expected 1 to 67108864; got -14"),
        ([(1, 4, 4)], {"patch_size": 2**70}, "expected an integer of 64 bits"),
    ],
)
def test_impossible_arguments(grids: object, options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        saccade.window_index(grids, **options)  # type: ignore[arg-type]
