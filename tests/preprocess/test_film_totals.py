"""Limits on all frames of a film together: `total` in tokens, and Qwen's `total_pixels`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade import families
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import limits
from mlx_saccade.preprocess.plan import Plan

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "total_pixels.json").read_text(encoding="utf-8"))["sizes"]
FAMILIES = ("qwen2-vl", "qwen2.5-vl", "qwen3-vl")


def planned(size: tuple[int, int], frames: int, *levels: dict[str, Any] | None, family: str = "qwen2.5-vl") -> Plan:
    read = [limits.read(level, "budget") for level in levels]
    return limits.choose(size, families.get(family), read, None, frames=frames)


def test_total_pixels_equals_qwen_vl_utils() -> None:
    wrong, refused, narrow = [], 0, 0
    for patch, frames, height, width, total, least, most, *expected in GOLDEN:
        options = {"total_pixels": total, "min_pixels": least, "max_pixels": most}
        try:
            plan = planned((width, height), frames, options, family={14: "qwen2.5-vl", 16: "qwen3-vl"}[patch])
            resized = [plan.resized_size[1], plan.resized_size[0]]
        except InputError:
            resized, refused = [0, 0], refused + 1
        # A side below half a token, or one that the tool shrinks to nothing, is made as transformers makes it.
        if min(height, width) <= patch or (0 in expected and expected != [0, 0]):
            narrow += 1
        elif resized != expected:
            wrong.append((patch, frames, height, width, options, resized, expected))
    assert wrong == []
    assert len(GOLDEN) > 750 and refused > 10 and narrow < 200


@given(
    st.sampled_from(FAMILIES),
    st.tuples(st.integers(1, 4000), st.integers(1, 4000)).filter(lambda size: max(size) <= 200 * min(size)),
    st.integers(1, 800),
    st.integers(1, 200_000),
    st.none() | st.integers(1, 3000),
)
def test_total_is_never_exceeded(
    family: str, size: tuple[int, int], frames: int, total: int, budget: int | None
) -> None:
    try:
        plan = planned(size, frames, {"total": total, "budget": budget}, family=family)
    except InputError as error:
        assert "total of" in str(error) or "does not fit" in str(error)
        return
    assert plan.tokens <= total
    assert plan.frames == plan.grid_thw[0] == -(-frames // 2)
    if budget is not None:
        assert plan.tokens // plan.frames <= budget


def test_total_is_shared_by_the_frames() -> None:
    assert planned((1920, 1080), 8, {"total": 2048}).tokens == 4 * 480
    assert planned((1920, 1080), 8, {"total": 10**6}).tokens == planned((1920, 1080), 8).tokens
    assert planned((1920, 1080), 8, {"total": 2048, "budget": 200}).tokens <= 4 * 200
    assert planned((1920, 1080), 8, {"total": 2048}, {"budget": 200}).tokens <= 4 * 200
    assert planned((1920, 1080), 8, {"budget": 300}, {"total": 800}).tokens <= 800
    assert planned((64, 64), 768, {"total": 384}).tokens == 384  # the least of a frame gives way
    assert "2048 tokens for 8 frames" in planned((1920, 1080), 8, {"total": 2048}).budget


def test_totals_that_cannot_be_kept_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"3 tokens for 8 frames is less than a token for each 2 frames; .* at least 4"
    ):
        planned((64, 64), 8, {"total": 3})
    with pytest.raises(InputError, match="a lower limit of 156800 pixels is above 400 tokens for 8 frames"):
        planned((640, 480), 8, {"total": 400, "min_tokens": 200})
    with pytest.raises(InputError, match="total and total_pixels limit the same"):
        limits.read({"total": 1, "total_pixels": 1}, "part")
    with pytest.raises(InputError, match="total: expected a whole number of at least 1; got 0"):
        limits.read({"total": 0}, "part")
    assert planned((640, 480), 8, {"total": 400}, {"min_tokens": 200}).tokens <= 400
