"""Where a checkpoint writes the limits of its images, and what it may leave out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoints
import pytest

import mlx_saccade as saccade
from mlx_saccade import families, models
from mlx_saccade.errors import InputError
from mlx_saccade.models import preprocessor_config

TOWER = models.VisionConfig()
LOWEST, HIGHEST = 3136, 1003520  # the class's defaults in transformers 5.24


def write(folder: Path, raw: dict[str, Any], nested: bool = False) -> Path:
    name, content = ("processor_config", {"image_processor": raw}) if nested else ("preprocessor_config", raw)
    (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("values", "limits"),
    [
        ({"max_pixels": 602112}, (LOWEST, 602112)),
        ({"min_pixels": 200704}, (200704, HIGHEST)),
        ({"min_pixels": None, "max_pixels": 602112}, (LOWEST, 602112)),
        ({"size": {"longest_edge": 602112}}, (LOWEST, 602112)),
        ({"size": {"shortest_edge": 200704}}, (200704, HIGHEST)),
        ({"size": {"shortest_edge": 3136, "longest_edge": 12845056}}, (3136, 12845056)),
        ({"size": {"min_pixels": 3136, "max_pixels": 2116800}}, (3136, 2116800)),  # UI-TARS-7B-DPO's form
        ({"size": {"min_pixels": 1, "max_pixels": 2, "shortest_edge": 3, "longest_edge": 4}}, (1, 2)),
        ({"max_pixels": 401408, "size": {"shortest_edge": 3136, "longest_edge": 12845056}}, (3136, 401408)),
        ({"size": None}, None),
        ({"size": {}, "min_pixels": None, "max_pixels": None}, None),
        ({}, None),
    ],
)
def test_limits_in_any_form_are_read(
    tmp_path: Path, values: dict[str, Any], limits: tuple[int, int] | None, nested: bool
) -> None:
    folder = write(tmp_path, {**checkpoints.PREPROCESSOR, **values}, nested)
    found = preprocessor_config.read(folder, TOWER)
    assert found.pixel_limits == models.pixel_limits(folder) == limits
    given = sum(str(value) in json.dumps(values) for value in limits or ())
    assert len(found.notes) == (1 if given == 1 else 0)


def test_a_missing_limit_is_noted_with_its_value(tmp_path: Path) -> None:
    found = preprocessor_config.read(write(tmp_path, {**checkpoints.PREPROCESSOR, "max_pixels": 602112}), TOWER)
    (note,) = found.notes
    assert note.endswith("preprocessor_config.json: no min_pixels. It is 3,136, as in transformers")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"min_pixels": HIGHEST + 1}, "no max_pixels in the file"),
        ({"max_pixels": LOWEST - 1}, "no min_pixels in the file"),
        ({"max_pixels": 0}, "max_pixels"),
        ({"max_pixels": "602112"}, "max_pixels"),
        ({"min_pixels": 9000, "max_pixels": 8000}, "9000 and 8000"),
        ({"size": 448}, "size: expected shortest_edge and longest_edge"),
        ({"size": {"height": 448, "width": 448}}, "size: expected shortest_edge and longest_edge"),
        ({"size": [448, 448]}, "size"),
    ],
)
def test_limits_that_say_something_else_are_refused(tmp_path: Path, values: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError) as error:
        preprocessor_config.read(write(tmp_path, {**checkpoints.PREPROCESSOR, **values}), TOWER)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", [*checkpoints.PREPROCESSOR, "resample", "rescale_factor", "do_resize", "do_pad"])
def test_null_means_the_default(tmp_path: Path, key: str) -> None:
    expected = preprocessor_config.read(write(tmp_path, checkpoints.PREPROCESSOR), TOWER)
    assert preprocessor_config.read(write(tmp_path, {**checkpoints.PREPROCESSOR, key: None}), TOWER) == expected


@pytest.mark.parametrize("family", families.names())
def test_without_the_file_the_family_decides_and_that_is_noted(tmp_path: Path, family: str) -> None:
    found = preprocessor_config.read(tmp_path, TOWER, family)
    published = families.get(family)
    assert (found.mean, found.std, found.pixel_limits) == (published.mean, published.std, None)
    (note,) = found.notes
    assert "no such file" in note
    assert family in note


def test_a_checkpoint_without_the_file_gives_the_plans_of_its_family(tmp_path: Path) -> None:
    checkpoints.write_whole(tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    engine = saccade.load(tmp_path)
    assert engine.plan((1600, 1200), budget="checkpoint").grid_thw == (1, 86, 114)
    assert engine.plan((1600, 1200)).tokens <= 1280
