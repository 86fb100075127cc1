"""What a model refuses, and where windows and frames stand in the tower."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade import models
from mlx_saccade.errors import InputError
from mlx_saccade.models import execution, inputs, qwen2_5_vl
from mlx_saccade.preprocess import positions

IDS = np.array([[5, 1002, *[1004] * 15, 1003, 7]])
GRID = np.array([[1, 10, 6]])
PIXELS = np.zeros((60, 588), np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> models.Model:
    return models.load(checkpoints.write(tmp_path_factory.mktemp("random")))


def test_lists_and_rows_are_taken_too(model: models.Model) -> None:
    wanted = np.asarray(model(IDS, PIXELS, GRID))
    assert (np.asarray(model(IDS[0].tolist(), PIXELS, GRID.tolist())) == wanted).all()
    assert (np.asarray(model(IDS, PIXELS, GRID, attention_mask=np.ones_like(IDS))) == wanted).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"input_ids": IDS[:, :-4]}, "13 image tokens in the prompt, but the images make 15"),
        ({"pixel_values": None}, "15 image tokens in the prompt, but the images make 0"),
        ({"pixel_values": PIXELS[:-4]}, "(60, 588)"),
        ({"pixel_values": PIXELS.astype(np.float32)}, "(60, 1176)"),
        ({"pixel_values": PIXELS.astype(np.int64)}, "int64"),
        ({"pixel_values": np.full((60, 1176), np.nan, np.float32)}, "NaN"),
        ({"image_grid_thw": [[1, 12, 5]]}, "multiples of 2"),
        ({"image_grid_thw": [[0, 10, 6]]}, "multiples of 2"),
        ({"image_grid_thw": [1, 10, 6]}, "image_grid_thw"),
        ({"image_grid_thw": [[2, 10, 3]]}, "multiples of 2"),
        ({"image_grid_thw": [[2, 6, 4]], "pixel_values": PIXELS[:48]}, "one frame"),
        ({"input_ids": IDS[0].astype(np.float32)}, "float32"),
        ({"input_ids": []}, "input_ids"),
        ({"input_ids": np.concatenate([IDS[:, ::-1], IDS])}, "30 image tokens in the prompt, but the images make"),
        ({"input_ids": [[1, 1024]]}, "1..1024"),
        ({"input_ids": [[-1]]}, "-1..-1"),
        ({"attention_mask": np.zeros_like(IDS)}, "expected padding on the left"),
        ({"attention_mask": np.arange(IDS.size)[None] < 9}, "expected padding on the left"),
        ({"attention_mask": np.full_like(IDS, 2)}, "0 and 1"),
        ({"attention_mask": np.ones((2, IDS.size))}, "0 and 1"),
        ({"second_per_grid_ts": [1.0]}, "got 1 for 0"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(model: models.Model, change: dict[str, Any], named: str) -> None:
    inputs = {"input_ids": IDS, "pixel_values": PIXELS, "image_grid_thw": GRID, **change}
    with pytest.raises(InputError) as error:
        model(**inputs)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("pixels", "grid", "named"),
    [
        (None, None, "pixel_values"),
        (None, GRID, "pixel_values"),
        ("pixels", GRID, "pixel_values"),
        ([[1.0], [2.0, 3.0]], GRID, "pixel_values"),
        (PIXELS, None, "image_grid_thw"),
        (PIXELS[:0], np.zeros((0, 3), np.int64), "image_grid_thw"),
        (PIXELS, [[1, 10], [6]], "image_grid_thw"),
        (PIXELS, "1x10x6", "image_grid_thw"),
    ],
)
def test_images_that_are_no_arrays_are_refused(model: models.Model, pixels: Any, grid: Any, named: str) -> None:
    with pytest.raises(InputError) as error:
        model.image_features(pixels, grid)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_other_values_that_are_no_numbers_are_refused(model: models.Model) -> None:
    with pytest.raises(InputError, match="input_ids"):
        model(None)
    with pytest.raises(InputError, match="input_ids"):
        model([[1, 2], [3]])
    with pytest.raises(InputError, match="second_per_grid_ts"):
        model(IDS, PIXELS, GRID, second_per_grid_ts=["1.0"])


@pytest.mark.parametrize("count", [0, -1, 1.5, True, None, "3"])
def test_an_answer_of_no_length_is_refused(model: models.Model, count: Any) -> None:
    with pytest.raises(InputError, match="max_new_tokens"):
        model.generate(IDS, count, pixel_values=PIXELS, image_grid_thw=GRID)


def test_any_integer_type_counts_tokens(model: models.Model) -> None:
    assert model.generate([[9, 8, 7]], np.int64(3)) == model.generate([[9, 8, 7]], 3)


def test_another_merge_size_is_what_the_message_divides_by(tmp_path: Path) -> None:
    raw = checkpoints.config()
    raw["vision_config"]["spatial_merge_size"] = 1
    weights = checkpoints.weights(raw)
    for name, shape in (("0.weight", (160, 160)), ("0.bias", (160,)), ("2.weight", (128, 160))):
        weights[f"visual.merger.mlp.{name}"] = np.ones(shape, np.float32)
    files = {"preprocessor_config.json": {**checkpoints.PREPROCESSOR, "merge_size": 1}}
    model = models.load(checkpoints.write(tmp_path, raw, weights, files=files))
    with pytest.raises(InputError, match=r"15 image tokens .* make 60\. .* / 1 of its grid"):
        model(IDS, PIXELS, GRID)


def test_read_seconds_without_seconds_takes_the_familys_default() -> None:
    assert inputs.read_seconds(None, 2, 1.0, "qwen2.5-vl") == [1.0, 1.0]
    assert inputs.read_seconds([0.5, 2], 2, 1.0, "qwen2.5-vl") == [0.5, 2.0]
    assert inputs.read_seconds(None, 2, None, "qwen2-vl") == []
    with pytest.raises(InputError, match=r"second_per_grid_ts: expected None, as qwen2-vl has no time in seconds"):
        inputs.read_seconds([1.0], 1, None, "qwen2-vl")


def test_other_text_does_not_linger(model: models.Model) -> None:
    first = model.generate(IDS, 6, pixel_values=PIXELS, image_grid_thw=GRID)
    model.generate([[9, 8, 7]], 6)
    model.generate(IDS, 6, pixel_values=PIXELS + np.uint8(200), image_grid_thw=GRID)
    assert model.generate(IDS, 6, pixel_values=PIXELS, image_grid_thw=GRID) == first


def test_the_same_words_with_another_image_are_another_prompt(model: models.Model) -> None:
    bright = np.full_like(PIXELS, 255)
    one, other = (np.asarray(model(IDS, pixels, GRID)) for pixels in (PIXELS, bright))
    assert np.abs(one[0, -1] - other[0, -1]).max() > 0.01


# -- layout ------------------------------------------------------------------------------------------------------------

GRIDS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 12).map(lambda n: 2 * n), st.integers(1, 12).map(lambda n: 2 * n)),
    min_size=1,
    max_size=3,
)


@given(GRIDS)
def test_runs_hold_every_window_and_frame_once(grids: list[tuple[int, int, int]]) -> None:
    config = models.VisionConfig()
    place = qwen2_5_vl.layout(grids, config)
    index, bounds = positions.window_index(grids)
    windows = {tuple(index[a // 4 : b // 4]) for a, b in itertools.pairwise(bounds)}
    seen = set()
    for run in place.windows:
        for number in range(run.count):
            start = run.start + number * run.length
            seen.add(tuple(place.order[start // 4 : (start + run.length) // 4]))
    assert seen == windows
    frames = [rows * columns for t, rows, columns in grids for _ in range(t)]
    assert [run.length for run in place.frames for _ in range(run.count)] == frames
    edges = np.cumsum([0, *frames]) // 4
    for a, b in itertools.pairwise(edges):
        assert sorted(place.order[a:b]) == list(range(a, b))
    if place.from_windows is None:
        assert (place.order == index).all()
    else:
        assert (place.order == index[place.from_windows]).all()


@given(st.integers(1, 200).map(lambda n: 2 * n), st.integers(1, 200).map(lambda n: 2 * n))
def test_an_image_takes_at_most_four_attention_calls_a_block(rows: int, columns: int) -> None:
    place = qwen2_5_vl.layout([(1, rows, columns)], models.VisionConfig())
    assert len(place.windows) <= 4
    assert len(place.frames) == 1


def test_whole_windows_are_one_call_and_stay_in_place() -> None:
    place = qwen2_5_vl.layout([(1, 16, 32)], models.VisionConfig())
    assert place.windows == (execution.Run(0, 8, 64),)
    assert place.from_windows is None
