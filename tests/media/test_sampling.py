"""The frames of a film that a model is shown, against the reference's answers for thousands of films."""

from __future__ import annotations

import json
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade import media
from mlx_saccade.errors import InputError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "video.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("family", ["qwen2.5-vl", "qwen3-vl"])
def test_frames_equal_the_reference(family: str) -> None:
    wrong, refused = [], 0
    for total, rate, fps, num_frames, min_frames, max_frames, *expected in GOLDEN[family]["sampling"]:
        limits = {"fps": fps, "num_frames": num_frames, "min_frames": min_frames, "max_frames": max_frames}
        try:
            indices = media.sample_frames(total, rate, family=family, **limits)
            taken = [len(indices), zlib.crc32(np.array(indices, np.int32).tobytes())]
        except InputError:
            taken, refused = [0, 0], refused + 1
        if taken != expected:
            wrong.append((total, rate, limits, taken, expected))
    assert wrong == []
    assert len(GOLDEN[family]["sampling"]) > 1800
    assert (refused > 100) == (family == "qwen2.5-vl")  # Qwen3-VL's processor takes any number of any film


def test_the_reference_takes_a_frame_after_the_last_and_this_does_not() -> None:
    """transformers 5.24.0 asks for frame 230 of 230 here, and fails."""
    indices = media.sample_frames(230, 30, family="qwen2.5-vl", fps=2)
    assert len(indices) == 14
    assert indices[-1] == 213
    assert GOLDEN["about"]["frames_after_the_last"] > 10


@given(
    total=st.integers(1, 10**6),
    rate=st.floats(1e-3, 1e3),
    family=st.sampled_from(["qwen2-vl", "qwen2.5-vl", "qwen3-vl"]),
    fps=st.one_of(st.none(), st.floats(1e-300, 1e300)),
    least=st.one_of(st.none(), st.integers(2, 1000)),
    most=st.one_of(st.none(), st.integers(1, 1000)),
)
def test_any_film_gives_its_own_frames_in_order(
    total: int, rate: float, family: str, fps: float | None, least: int | None, most: int | None
) -> None:
    limits = {"min_frames": least, "max_frames": most}
    try:
        indices = media.sample_frames(total, rate, family=family, fps=fps, **limits)
    except InputError:
        assert min(total, 1 if family == "qwen3-vl" else most or 2) < 2 or (least and most and least > most)
        return
    assert indices == sorted(indices)
    assert indices[0] >= 0
    assert indices[-1] < total
    if most is not None:
        assert len(indices) <= most


def test_the_families_differ_in_which_frames() -> None:
    assert media.sample_frames(10, None, family="qwen2.5-vl", num_frames=4) == [0, 2, 5, 7]
    assert media.sample_frames(10, None, family="qwen3-vl", num_frames=4) == [0, 3, 6, 9]


def test_without_a_rate_of_its_own_a_film_has_its_familys() -> None:
    assert media.sample_frames(9, 24, family="qwen2.5-vl") == list(range(9))
    assert media.sample_frames(240, 24, family="qwen3-vl") == media.sample_frames(240, 24, family="qwen3-vl", fps=2)
    assert len(media.sample_frames(240, 24, family="qwen3-vl")) == 20
    assert len(media.sample_frames(900, 30, family="qwen2.5-vl", max_frames=32)) == 32


def test_more_frames_than_there_are_repeat_for_qwen3_alone() -> None:
    assert media.sample_frames(3, None, family="qwen3-vl", num_frames=7) == [0, 0, 1, 1, 1, 2, 2]
    with pytest.raises(InputError, match="num_frames: expected at most the film's 3 frames; got 8 in whole"):
        media.sample_frames(3, None, family="qwen2.5-vl", num_frames=7)


def test_rates_of_any_type_are_read() -> None:
    exact = media.sample_frames(900, Fraction(30000, 1001), family="qwen3-vl", fps=np.float32(2))  # type: ignore[arg-type]
    assert exact == media.sample_frames(900, 30000 / 1001, family="qwen3-vl", fps=2)
    assert all(type(index) is int for index in exact)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"total": 0}, "total: expected a whole number of at least 1; got 0"),
        ({"total": 2.5}, r"total: expected a whole number of at least 1; got 2\.5"),
        ({"rate": None}, "rate: expected frames per second, a finite number above 0; got None"),
        ({"rate": 0}, "rate: expected frames per second"),
        ({"rate": float("nan")}, "rate: expected frames per second"),
        ({"fps": float("inf")}, "fps: expected frames per second"),
        ({"fps": True}, "fps: expected frames per second"),
        ({"fps": 2, "num_frames": 4}, r"expected either fps or num_frames; got both\. Give one"),
        ({"num_frames": 0}, "num_frames: expected a whole number of at least 1; got 0"),
        ({"num_frames": 10**7}, "num_frames: expected a whole number of at most 1000000"),
        ({"min_frames": 0}, "min_frames: expected a whole number of at least 1; got 0"),
        ({"min_frames": 9, "max_frames": 8}, "min_frames: expected at most max_frames, 8; got 9"),
        ({"family": "qwen"}, "unknown family 'qwen'"),
        ({"family": "qwen2-vl", "total": 1, "fps": 2}, "total: expected a film and a number of frames of at least 2"),
        ({"family": "qwen2-vl", "num_frames": 1}, "num_frames, max_frames: expected at least 2 for qwen2-vl"),
        ({"family": "qwen2-vl", "fps": 1, "max_frames": 1}, "num_frames, max_frames: expected at least 2 for qwen2-vl"),
        ({"family": "qwen2-vl", "total": 10**8}, r"expected at most 1000000 frames if each is taken; got 1\d*\. Give"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    arguments = {"total": 100, "rate": 24, "family": "qwen3-vl"} | arguments
    with pytest.raises(InputError, match=message):
        media.sample_frames(arguments.pop("total"), arguments.pop("rate"), **arguments)
