"""The resized size of a film's frames, against the reference's answers for thousands of films."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mlx_saccade as saccade
from mlx_saccade import families
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import limits

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "video.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("family", ["qwen2.5-vl", "qwen3-vl"])
def test_sizes_equal_the_reference(family: str) -> None:
    wrong, refused = [], 0
    for frames, height, width, least, most, cap, *expected in GOLDEN[family]["sizes"]:
        both: dict[str, Any] = {"min_pixels": least, "max_pixels": most, "cap_per_frame": bool(cap)}
        try:
            size = [*saccade.smart_resize_video(frames, height, width, family=family, **both)]
        except InputError:
            size, refused = [0, 0], refused + 1
        if size != expected:
            wrong.append(((frames, height, width, both), size, expected))
    assert wrong == []
    assert len(GOLDEN[family]["sizes"]) > 1300
    assert refused > 40


def test_qwen3_limits_count_all_frames() -> None:
    both = {"min_pixels": 4096, "max_pixels": 25165824}
    assert saccade.smart_resize_video(4, 1080, 1920, family="qwen3-vl", **both) == (1088, 1920)
    assert saccade.smart_resize_video(64, 1080, 1920, family="qwen3-vl", **both) == (448, 832)
    each = {"min_pixels": 100352, "max_pixels": 602112}
    sizes = {saccade.smart_resize_video(frames, 1080, 1920, family="qwen2.5-vl", **each) for frames in (2, 64, 700)}
    assert sizes == {(560, 1008)}


def test_a_side_below_the_factor_is_enlarged_first() -> None:
    size = saccade.smart_resize_video(4, 20, 30, family="qwen3-vl", min_pixels=4096, max_pixels=25165824)
    assert size == (32, 64)  # 20x30 becomes 32x48, then 1.5 factors round to 2


@pytest.mark.parametrize(
    ("frames", "height", "width", "options", "message"),
    [
        (1, 480, 640, {}, r"frames: expected at least 2 for qwen3-vl; got 1\. Repeat the frame"),
        (0, 480, 640, {}, "frames: expected a whole number of at least 1; got 0"),
        (2, 0, 640, {}, "height: expected a whole number of at least 1; got 0"),
        (2, 480, 0.5, {}, r"width: expected a whole number of at least 1; got 0\.5"),
        (2, 480, 640, {"min_pixels": 0}, "min_pixels: expected a whole number of at least 1; got 0"),
        (2, 480, 640, {"max_pixels": None}, "max_pixels: expected a whole number of at least 1; got None"),
        (2, 480, 640, {"cap_per_frame": 1}, "cap_per_frame: expected True or False; got 1"),
        (2, 32, 6433, {}, r"expected a ratio of at most 200 between the sides; got 201\.031\. Crop the film"),
        (2, 480, 640, {"family": "qwen4"}, "unknown family 'qwen4'"),
    ],
)
def test_impossible_arguments_are_refused(
    frames: Any, height: Any, width: Any, options: dict[str, Any], message: str
) -> None:
    arguments = {"family": "qwen3-vl", "min_pixels": 4096, "max_pixels": 25165824} | options
    with pytest.raises(InputError, match=message):
        saccade.smart_resize_video(frames, height, width, **arguments)


def test_a_frame_of_the_other_families_is_an_image() -> None:
    each = {"min_pixels": 100352, "max_pixels": 602112}
    for family in ("qwen2-vl", "qwen2.5-vl"):
        size = saccade.smart_resize_video(1, 601, 733, family=family, **each)
        assert size == saccade.smart_resize(601, 733, 28, **each)
    with pytest.raises(InputError, match="ratio of at most 200"):
        saccade.smart_resize_video(8, 3, 700, family="qwen2.5-vl", **each)


@pytest.mark.parametrize(
    ("frames", "size"), [(1, (1920, 1088)), (2, (1920, 1088)), (64, (832, 448)), (768, (224, 128))]
)
def test_a_film_without_a_budget_keeps_the_limits_of_its_family(frames: int, size: tuple[int, int]) -> None:
    film = limits.choose((1920, 1080), families.get("qwen3-vl"), [], None, frames=frames)
    assert film.resized_size == size
    assert film.budget == f"12288 tokens for {max(frames, 2)} frames (default)"
    assert film.tokens <= 12288
    each = limits.choose((1920, 1080), families.get("qwen2.5-vl"), [], None, frames=frames)
    assert (each.resized_size, each.budget) == ((1008, 560), "768 tokens a frame (default)")


def test_a_lower_limit_of_a_film_is_one_of_each_frame() -> None:
    least = limits.read({"min_tokens": 300}, "video")
    film = limits.choose((64, 64), families.get("qwen3-vl"), [least], None, frames=8)
    assert film.frames == 4 and 300 <= film.tokens // film.frames < 340
    with pytest.raises(InputError, match="a lower limit of 307200 pixels is above the default of a frame, 32768"):
        limits.choose((64, 64), families.get("qwen3-vl"), [least], None, frames=768)
