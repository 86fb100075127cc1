"""Positions of patches and of a prompt's tokens, against the reference's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import _core
from mlx_saccade.errors import InputError

FOLDER = Path(__file__).parents[1] / "golden"
MROPE = json.loads((FOLDER / "mrope.json").read_text(encoding="utf-8"))
TOKENS = {name: MROPE[name] for name in ("image_token_id", "video_token_id", "vision_start_token_id")}
IMAGE, VIDEO, START = TOKENS.values()


def test_vision_positions_golden() -> None:
    with np.load(FOLDER / "vision_positions.npz") as golden:
        count = sum(name.startswith("grids_") for name in golden.files)
        assert count >= 30
        for i in range(count):
            positions = saccade.vision_positions(golden[f"grids_{i}"], int(golden[f"merge_size_{i}"]))
            assert positions.dtype == np.int32
            assert np.array_equal(positions, golden[f"positions_{i}"]), golden[f"grids_{i}"]


def test_vision_positions_refuse_grids_that_do_not_divide() -> None:
    with pytest.raises(
        InputError, match=r"grids\[1\]: expected rows and columns divisible by merge_size 4; got \(1, 4, 6\)"
    ):
        saccade.vision_positions([(1, 4, 8), (1, 4, 6)], merge_size=4)
    with pytest.raises(InputError, match="grids: expected at least 1 entry; got 0"):
        saccade.vision_positions([])


def describe(case: dict[str, Any]) -> str:
    return f"images{case['image_grids']} videos{case['video_grids']} {case['seconds_per_grid']}".replace(" ", "")


def arguments(case: dict[str, Any]) -> dict[str, Any]:
    names = ("image_grids", "video_grids", "seconds_per_grid", "tokens_per_second")
    return {**TOKENS, **{name: case[name] for name in names}}


def test_enough_mrope_cases() -> None:
    cases = MROPE["cases"]
    assert any(not case["image_grids"] and not case["video_grids"] for case in cases)
    assert any(case["image_grids"] and case["video_grids"] for case in cases)
    assert any(len(case["video_grids"]) == 2 for case in cases)
    assert any(second % 1 for case in cases for second in case["seconds_per_grid"])


@pytest.mark.parametrize("case", MROPE["cases"], ids=describe)
def test_mrope_golden(case: dict[str, Any]) -> None:
    positions, delta = saccade.mrope_positions(case["input_ids"], **arguments(case))
    assert positions.dtype == np.int32
    assert positions.tolist() == case["positions"]
    assert delta == case["delta"]


def test_token_ids_of_either_width_and_any_stride() -> None:
    case = MROPE["cases"][4]
    expected = np.array(case["positions"])
    ids = np.array(case["input_ids"])
    spread = np.zeros(2 * len(ids), np.int32)
    spread[::2] = ids
    for form in (ids.astype(np.int32), ids.astype(np.int64), ids.astype(np.uint32), ids.tolist(), spread[::2]):
        assert np.array_equal(saccade.mrope_positions(form, **arguments(case))[0], expected)
    rest = [case["image_grids"], [], [], IMAGE, VIDEO, START, 2, 2]
    for array in (ids.astype(np.int32), spread[::2]):
        assert np.array_equal(_core.mrope_positions(array, *rest)[0], expected)


def run(kind: int, count: int) -> list[int]:
    return [7, START, *[kind] * count, 8]


@pytest.mark.parametrize(
    ("ids", "options", "message"),
    [
        (
            run(IMAGE, 5),
            {"image_grids": [(1, 4, 4)]},
            r"expected 4 image tokens from token 2 for .*\(1, 4, 4\).*; got 5",
        ),
        (run(IMAGE, 3), {"image_grids": [(1, 4, 4)]}, "expected 4 image tokens from token 2 .*; got 3"),
        (run(IMAGE, 8), {"image_grids": [(1, 4, 4)] * 2}, "expected 4 image tokens from token 2 .*; got 8"),
        (run(IMAGE, 4), {}, r"expected one run of image tokens per grid of image_grids \(0\)"),
        (
            run(VIDEO, 4),
            {"image_grids": [(1, 4, 4)]},
            r"expected one run of video tokens per grid of video_grids \(0\)",
        ),
        (run(IMAGE, 4) * 2, {"image_grids": [(1, 4, 4)]}, "got another run at token 9"),
        (
            run(IMAGE, 4),
            {"image_grids": [(1, 4, 4)] * 3},
            r"image_grids: expected one grid per run of image tokens in input_ids \(1\); got 3",
        ),
        (
            [1, 2],
            {"video_grids": [(1, 4, 4)]},
            r"video_grids: expected one grid per run of video tokens in input_ids \(0\); got 1",
        ),
        (run(IMAGE, 4), {"image_grids": [(1, 4, 5)]}, r"image_grids\[0\]: expected .* merge_size 2; got \(1, 4, 5\)"),
        (run(IMAGE, 4), {"image_grids": [(1, 4)]}, r"image_grids\[0\]: expected .* got \(1, 4\)"),
        (
            run(VIDEO, 4),
            {"video_grids": [(1, 4, 4)], "seconds_per_grid": [1, 1]},
            r"expected one value per video grid \(1\) or none; got 2",
        ),
        (
            run(VIDEO, 4),
            {"video_grids": [(1, 4, 4)], "seconds_per_grid": [-0.5]},
            r"seconds_per_grid\[0\]: expected 0 to 2147483647; got -0.5",
        ),
        (run(VIDEO, 4), {"video_grids": [(1, 4, 4)], "seconds_per_grid": [float("nan")]}, "got nan"),
        (run(VIDEO, 4), {"video_grids": [(1, 4, 4)], "seconds_per_grid": ["a"]}, "expected a sequence of numbers"),
        (
            run(VIDEO, 4),
            {"video_grids": [(1, 4, 4)], "tokens_per_second": 0},
            "tokens_per_second: expected 1 to 67108864; got 0",
        ),
        (
            run(VIDEO, 8),
            {"video_grids": [(2, 4, 4)], "seconds_per_grid": [2e9]},
            r"all frames before position 2147483647; got 2e\+09 s, which moves frame 1 beyond it",
        ),
        ([], {}, r"input_ids: expected .* \(0,\)"),
        ([[1, 2]], {}, r"input_ids: expected .* \(1, 2\)"),
        ([1.0, 2.0], {}, r"input_ids: expected .* float64"),
        ([1, 2], {"video_token_id": IMAGE}, "expected three different ids"),
    ],
)
def test_what_does_not_match_is_an_error(ids: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        saccade.mrope_positions(ids, **{**TOKENS, **options})
