"""The size an image is resized to, against the reference's answers for thousands of sizes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade import _core
from mlx_saccade.errors import InputError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "smart_resize.json").read_text(encoding="utf-8"))


def test_enough_golden_cases_with_errors() -> None:
    rows = GOLDEN["rows"]
    assert len(rows) >= 5000
    assert {row[2] for row in rows} >= {28, 32}
    assert sum(row[-1] for row in rows) >= 100


def test_golden() -> None:
    wrong = []
    for *arguments, height, width, refused in GOLDEN["rows"]:
        try:
            result = (*_core.smart_resize(*arguments), 0)
        except InputError:
            result = (0, 0, 1)
        if result != (height, width, refused):
            wrong.append((arguments, result, (height, width, refused)))
    assert wrong == []


def reference(height: int, width: int, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """The rule in Python's own arithmetic: its rounding, its true division, its square root."""
    if max(height, width) / min(height, width) > 200:
        raise ValueError
    high, wide = round(height / factor) * factor, round(width / factor) * factor
    if high * wide > max_pixels:
        shrink = math.sqrt((height * width) / max_pixels)
        high, wide = (max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width))
    elif high * wide < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        high, wide = (math.ceil(side * grow / factor) * factor for side in (height, width))
    return high, wide


SIDE = st.one_of(st.integers(1, 5000), st.integers(1, 2**26))


@given(
    height=SIDE,
    width=SIDE,
    factor=st.one_of(st.sampled_from([28, 32]), st.integers(1, 300)),
    min_pixels=st.integers(-10, 2**40),
    max_pixels=st.integers(1, 2**50),
)
def test_any_input(height: int, width: int, factor: int, min_pixels: int, max_pixels: int) -> None:
    try:
        expected = reference(height, width, factor, min_pixels, max_pixels)
    except ValueError:
        with pytest.raises(InputError, match="image: expected sides with a ratio of at most 200"):
            _core.smart_resize(height, width, factor, min_pixels, max_pixels)
        return
    assert _core.smart_resize(height, width, factor, min_pixels, max_pixels) == expected


def test_halves_round_to_even() -> None:
    assert _core.smart_resize(42, 70, 28, 1, 10**9) == (56, 56)  # 1.5 and 2.5 factors


def test_ratio_of_exactly_200_is_possible() -> None:
    assert _core.smart_resize(3, 600, 28, 3136, 1003520) == reference(3, 600, 28, 3136, 1003520)
    with pytest.raises(InputError, match=r"at most 200; got 601x3, a ratio of 200\.333\. Crop the image"):
        _core.smart_resize(3, 601, 28, 3136, 1003520)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 10, 28, 3136, 1003520), "height: expected 1 to 67108864; got 0"),
        ((10, -3, 28, 3136, 1003520), "width: expected 1 to 67108864; got -3"),
        ((10, 2**26 + 1, 28, 3136, 1003520), "width: expected 1 to 67108864; got 67108865"),
        ((10, 10, 0, 3136, 1003520), "factor: expected 1 to 67108864; got 0"),
        ((10, 10, 28, 3136, 0), "max_pixels: expected at least 1; got 0"),
        ((10, 10, 28, 2**53 + 1, 1003520), "min_pixels: expected at most 9007199254740992; got 9007199254740993"),
    ],
)
def test_impossible_arguments(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _core.smart_resize(*arguments)


def test_a_size_of_the_wrong_type_is_not_converted() -> None:
    with pytest.raises(TypeError):
        _core.smart_resize(10.5, 10, 28, 3136, 1003520)  # type: ignore[arg-type]


def test_public_defaults_are_the_references() -> None:
    assert saccade.smart_resize(2160, 3840) == (728, 1316)
    assert saccade.smart_resize(2160, 3840, factor=32, max_pixels=16777216) == (2176, 3840)
    assert saccade.smart_resize(20, 20, min_pixels=10_000) == reference(20, 20, 28, 10_000, 1003520)
