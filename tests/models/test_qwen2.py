"""What is Qwen2-VL's own: patches without windows, boxes in thousandths, videos without seconds."""

from __future__ import annotations

from pathlib import Path

import checkpoints
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import models
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import Box, to_source


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("qwen2"), checkpoints.QWEN2_VL)


def test_native_and_reference_patches_are_seen_alike(folder: Path) -> None:
    model = models.load(folder)
    image = np.random.RandomState(3).randint(0, 256, (300, 420, 3)).astype(np.uint8)
    plan = saccade.plan((420, 300), family="qwen2-vl", budget=64)
    assert plan.grid_thw[1] * 14 > 112
    assert plan.grid_thw[2] * 14 > 112  # wide enough for several windows of the later family
    features = [
        np.asarray(model.image_features(saccade.patchify(image, plan, layout=layout), [plan.grid_thw]))
        for layout in ("native", "reference")
    ]
    assert np.abs(features[0] - features[1]).max() <= 1e-4


def test_the_family_comes_from_the_config(folder: Path, tmp_path: Path) -> None:
    named_otherwise = tmp_path / "Qwen2.5-VL-3B-Instruct"
    named_otherwise.symlink_to(folder)
    engine = saccade.load(named_otherwise)
    assert (engine.family.name, engine.family.convention, engine.family.window_size) == (
        "qwen2-vl",
        "thousandths",
        None,
    )
    answer = engine.locate(np.zeros((200, 400, 3), np.uint8), "a thing", max_tokens=2)
    assert answer.frames[0].convention == "thousandths"
    plan = engine.plan((400, 200))
    assert to_source([Box((250.0, 500.0, 500.0, 1000.0))], plan)[0].xyxy == (100.0, 100.0, 200.0, 200.0)


def test_a_video_has_no_seconds(folder: Path) -> None:
    model = models.load(folder)
    pixels = np.zeros((48, 1176), np.float32)
    ids = [[5, 1002, *[1005] * 12, 1003, 7]]
    video = {"pixel_values_videos": pixels, "video_grid_thw": [[2, 6, 4]]}
    assert np.isfinite(np.asarray(model(ids, **video))).all()
    with pytest.raises(InputError, match="second_per_grid_ts"):
        model(ids, **video, second_per_grid_ts=[1.0])
