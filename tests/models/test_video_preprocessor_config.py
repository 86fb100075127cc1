"""Where a checkpoint writes the limits and the sampling of its videos, and what it may leave out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import families, models
from mlx_saccade.errors import InputError
from mlx_saccade.families import VideoDefaults
from mlx_saccade.models import preprocessor_config, video_preprocessor_config

QWEN3 = models.VisionConfig(patch_size=16)
HALF = (0.5, 0.5, 0.5)
IMAGES = preprocessor_config.Preprocessor(HALF, HALF, (65536, 16777216))
# As the released Qwen3-VL checkpoints have it.
RELEASED = {
    "size": {"longest_edge": 25165824, "shortest_edge": 4096},
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "processor_class": "Qwen3VLProcessor",
    "video_processor_type": "Qwen3VLVideoProcessor",
}


def write(folder: Path, raw: dict[str, Any], nested: bool = False) -> Path:
    name, content = ("processor_config", {"video_processor": raw}) if nested else ("video_preprocessor_config", raw)
    (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def read(folder: Path, raw: dict[str, Any], nested: bool = False) -> tuple[VideoDefaults, tuple[str, ...]]:
    return video_preprocessor_config.read(write(folder, raw, nested), QWEN3, "qwen3-vl", IMAGES)


@pytest.mark.parametrize("nested", [False, True])
def test_a_released_file_has_the_familys_values(tmp_path: Path, nested: bool) -> None:
    assert read(tmp_path, RELEASED, nested) == (families.get("qwen3-vl").video, ())


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"size": {"shortest_edge": 8192, "longest_edge": 786432}}, {"min_pixels": 8192, "max_pixels": 786432}),
        ({"fps": 0.5}, {"fps": 0.5}),
        ({"fps": 4, "min_frames": 2, "max_frames": 64}, {"fps": 4.0, "min_frames": 2, "max_frames": 64}),
        ({"num_frames": 16}, {"fps": None, "num_frames": 16}),
        ({"do_sample_frames": False, "fps": 2}, {"fps": None}),
        ({"cap_pixels_per_frame": True}, {"cap_per_frame": True}),
        ({"fps": None, "min_frames": None, "resample": 3, "return_metadata": False, "data_format": "x"}, {}),
    ],
)
def test_a_files_own_values_are_read(
    tmp_path: Path, values: dict[str, Any], expected: dict[str, Any], nested: bool
) -> None:
    video, notes = read(tmp_path, RELEASED | values, nested)
    assert video == replace(families.get("qwen3-vl").video, **expected)
    assert notes == ()


def test_the_nested_values_win(tmp_path: Path) -> None:
    write(tmp_path, RELEASED | {"fps": 1})
    assert read(tmp_path, RELEASED | {"fps": 3}, nested=True)[0].fps == 3


@pytest.mark.parametrize(
    ("values", "limits", "note"),
    [
        ({"size": None}, (131072, 786432), "no size. The limits of a video are 131,072 and 786,432 pixels"),
        ({"size": {"longest_edge": 700000}}, (131072, 700000), "no min_pixels. It is 131,072"),
        ({"min_pixels": 5, "max_pixels": None}, (4096, 25165824), "min_pixels is not read; size is"),
    ],
)
def test_what_a_file_leaves_out_is_noted(
    tmp_path: Path, values: dict[str, Any], limits: tuple[int, int], note: str
) -> None:
    video, notes = read(tmp_path, RELEASED | values)
    assert (video.min_pixels, video.max_pixels) == limits
    assert [note in line for line in notes] == [True]


def test_without_a_file_the_family_decides(tmp_path: Path) -> None:
    video, (note,) = video_preprocessor_config.read(tmp_path, QWEN3, "qwen3-vl", IMAGES)
    assert video == families.get("qwen3-vl").video
    assert "no such file" in note
    for family in ("qwen2-vl", "qwen2.5-vl"):
        released = replace(IMAGES, pixel_limits=(3136, 12845056))
        video, notes = video_preprocessor_config.read(tmp_path, models.VisionConfig(), family, released)
        assert (video, notes) == (families.get(family).video, ())
        low = replace(IMAGES, pixel_limits=(3136, 200704))
        video, _ = video_preprocessor_config.read(tmp_path, models.VisionConfig(), family, low)
        assert (video.min_pixels, video.max_pixels) == (3136, 200704)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": {"longest_edge": 0, "shortest_edge": 4096}}, "expected min_pixels and max_pixels to be whole"),
        ({"size": 5}, "size: expected shortest_edge and longest_edge"),
        ({"patch_size": 14}, "patch_size is 14, but config.json's patch_size is 16"),
        ({"temporal_patch_size": 1}, "temporal_patch_size is 1"),
        ({"do_resize": False}, "do_resize: expected true; got False"),
        ({"image_mean": [0.4, 0.5, 0.5]}, r"image_mean: expected that of images, \[0.5, 0.5, 0.5\]; got"),
        ({"image_std": "0.5"}, "image_std: expected three finite numbers"),
        ({"fps": 0}, "fps: expected frames per second, above 0; got 0"),
        ({"fps": True}, "fps: expected frames per second"),
        ({"fps": 2, "num_frames": 4}, "num_frames: expected either fps or num_frames; got both"),
        ({"num_frames": 0}, "num_frames: expected a whole number of at least 1; got 0"),
        ({"min_frames": 0}, "min_frames: expected a whole number of at least 1; got 0"),
        ({"max_frames": 2.5}, r"max_frames: expected a whole number of at least 1; got 2\.5"),
        ({"do_sample_frames": 1}, "do_sample_frames: expected true or false; got 1"),
        ({"cap_pixels_per_frame": "yes"}, "cap_pixels_per_frame: expected true or false; got 'yes'"),
        ({"cap_pixels_per_frame": True, "max_video_tokens": 500}, "max_video_tokens: expected 768; got 500"),
        ({"auto_map": {"AutoVideoProcessor": "x.Y"}}, "auto_map: expected no code"),
    ],
)
def test_values_that_would_change_numbers_are_refused(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=r"video_preprocessor_config\.json: .*" + message) as error:
        read(tmp_path, RELEASED | values)
    assert "\n" not in str(error.value)


def test_a_nested_value_that_is_no_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="video_processor: expected an object; got 5"):
        read(tmp_path, 5, nested=True)  # type: ignore[arg-type]


def test_an_engines_video_has_the_limits_of_its_checkpoint(tmp_path: Path) -> None:
    checkpoints.write_whole(tmp_path)
    video = {"video": np.zeros((3, 240, 320, 3), np.uint8), "fps": 2.0}
    write(tmp_path, {"size": {"shortest_edge": 784, "longest_edge": 50176}, **checkpoints.PREPROCESSOR})
    engine = saccade.load(tmp_path)
    assert (engine.family.video.min_pixels, engine.family.video.max_pixels) == (784, 50176)
    few = engine.ask(video, "?", max_tokens=1).frames[0]
    assert (
        few.processed_size
        == saccade.smart_resize_video(3, 240, 320, family="qwen2.5-vl", min_pixels=784, max_pixels=50176)[::-1]
    )
