"""Videos inside mlx-vlm, with stand-ins for its modules; tests/long runs mlx-vlm itself."""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import films
import mlx.core as mx
import numpy as np
import pytest
from mlx_vlm_modules import StandInModel, StandInProcessor, stand_in_modules

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.errors import InputError
from mlx_saccade.integrations import mlx_vlm
from mlx_saccade.integrations.mlx_vlm import video

pytestmark = pytest.mark.skipif(films.av is None, reason="PyAV is not installed")

IMAGE, VIDEO, START = 1, 2, 3


class Videos:
    """A video processor of the shape of mlx-vlm's."""

    own = "kept"

    def __call__(self, videos: Any, **options: Any) -> Any:
        grids = np.array([[len(one), 2, 2] for one in videos])
        return {"pixel_values_videos": np.zeros((int(grids.prod(axis=1).sum()), 1176), np.float32),
                "video_grid_thw": grids}  # fmt: skip


class Language:
    """A language model that numbers its tokens."""

    def get_rope_index(self, ids: Any, images: Any = None, videos: Any = None, mask: Any = None) -> Any:
        return "theirs", images, videos, mask


def model(kind: str = "qwen2_5_vl") -> Any:
    made = StandInModel(kind)
    vision = types.SimpleNamespace(spatial_merge_size=2, tokens_per_second=2)
    names = {"image_token_id": IMAGE, "video_token_id": VIDEO, "vision_start_token_id": START}
    made.config = types.SimpleNamespace(model_type=kind, vision_config=vision, **names)
    made.language_model = Language()
    return made


def processor() -> Any:
    made = StandInProcessor()
    made.video_processor = Videos()
    return made


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, types.ModuleType]]:
    """Put the stand-ins in the place of mlx-vlm, whose preparation returns the video processor's arrays as MLX's."""
    modules = stand_in_modules()

    def prepare_inputs(
        processor: Any, images: Any = None, videos: Any = None, prompts: Any = None, **kwargs: Any
    ) -> Any:
        made = processor.video_processor(videos=videos)
        return {**{name: mx.array(value) for name, value in made.items()}, "metadata": kwargs["video_metadata"]}

    for name in ("mlx_vlm.utils", "mlx_vlm.generate.dispatch"):
        modules[name].prepare_inputs = prepare_inputs  # type: ignore[attr-defined]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    yield modules
    mlx_vlm.disable()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return films.write(tmp_path_factory.mktemp("film") / "film.mp4", 120)


def prompt(grids: Any) -> list[int]:
    counts = [int(np.prod(grid)) // 4 for grid in np.asarray(grids).tolist()]
    return [5, *(token for count in counts for token in [START, *[VIDEO] * count, 6]), 7, 8]


def test_films_are_prepared_as_the_engine_prepares_them(modules: dict[str, Any], path: Path) -> None:
    made, its = model(), processor()
    with mlx_vlm.enable(made, its):
        inputs = modules["mlx_vlm.utils"].prepare_inputs(its, videos=[str(path)], prompts="?", fps=1)
        opened = media.open_video(path, family="qwen2.5-vl", fps=1)
        (steps, rows, columns) = inputs["video_grid_thw"][0].tolist()
        assert steps == 2
        assert (columns * 14, rows * 14) == (448, 224)  # at least 128 tokens a frame, as in transformers
        still = saccade.plan((192, 96), budget=128, min_tokens=128)
        assert still.resized_size == (448, 224)
        values = np.asarray(inputs["pixel_values_videos"]).reshape(2, -1, 3, 2, 196)
        for number, frame in enumerate(opened.frames):
            expected = saccade.patchify(frame, still, "reference").reshape(-1, 3, 2, 196)[:, :, 0]
            assert np.array_equal(values[number // 2, :, :, number % 2], expected)
        assert inputs["metadata"] == [{"total_num_frames": 4, "fps": 1.0, "frames_indices": [0, 1, 2, 3]}]
        assert its.video_processor.own == "kept" and isinstance(its.video_processor, Videos)
    assert type(its.video_processor) is Videos and "get_rope_index" not in vars(made.language_model)


@pytest.mark.parametrize(("kind", "seconds"), [("qwen2_5_vl", (2.0, 0.5)), ("qwen2_vl", ())])
def test_positions_count_the_seconds_of_each_film(
    kind: str, seconds: tuple[float, ...], modules: dict[str, Any], path: Path
) -> None:
    made, its = model(kind), processor()
    its.image_processor.patch_size = 14
    with mlx_vlm.enable(made, its):
        inputs = modules["mlx_vlm.utils"].prepare_inputs(its, videos=[path, str(path)], prompts="?", fps=[1, 4])
        grids = inputs["video_grid_thw"]
        ids = prompt(grids)
        found, deltas = made.language_model.get_rope_index(mx.array([ids]), None, grids, None)
        expected, delta = saccade.mrope_positions(
            ids,
            video_grids=grids.tolist(),
            seconds_per_grid=seconds,
            image_token_id=IMAGE,
            video_token_id=VIDEO,
            vision_start_token_id=START,
        )
        assert np.array_equal(np.asarray(found)[:, 0], expected) and deltas.tolist() == [[delta]]
        padded = mx.array([[0, 0, *ids]])
        mask = mx.array([[0, 0, *[1] * len(ids)]])
        found, deltas = made.language_model.get_rope_index(padded, None, grids, mask)
        assert np.array_equal(np.asarray(found)[:, 0, 2:], expected) and deltas.tolist() == [[delta]]
        assert (np.asarray(found)[:, 0, :2] == 1).all()
        other = mx.array(grids.tolist())
        assert made.language_model.get_rope_index(mx.array([ids]), None, other)[0] == "theirs"


def test_parts_of_messages_have_their_own_options(modules: dict[str, Any], path: Path) -> None:
    its = processor()
    with mlx_vlm.enable(model(), its):
        prepare = modules["mlx_vlm.utils"].prepare_inputs
        part = {"type": "video", "video": str(path), "nframes": 6, "video_start": 1, "total": 60}
        grids = prepare(its, videos=[part], prompts="?")["video_grid_thw"].tolist()
        assert grids[0][0] == 3 and np.prod(grids[0]) // 4 <= 60
        with pytest.raises(InputError, match="unknown option 'nonsense'"):
            prepare(its, videos=[{**part, "nonsense": 1}], prompts="?")
        with pytest.raises(FileNotFoundError):
            prepare(its, videos=["none.mp4"], prompts="?")
        with pytest.raises(InputError, match="expected the path of a film; got a URL"):
            prepare(its, videos=["https://a.b/c.mp4"], prompts="?")


def test_frames_stay_mlx_vlms_and_get_their_seconds(modules: dict[str, Any], path: Path) -> None:
    made, its = model(), processor()
    with mlx_vlm.enable(made, its):
        frames = [np.zeros((28, 28, 3), np.uint8)] * 3
        inputs = modules["mlx_vlm.utils"].prepare_inputs(its, videos=[frames, path], prompts="?", fps=4)
        grids = inputs["video_grid_thw"]
        assert grids[0].tolist() == [3, 2, 2]
        assert video._seconds.of(grids) == (0.5, 0.5)


def test_a_part_may_hold_frames(modules: dict[str, Any]) -> None:
    its = processor()
    with mlx_vlm.enable(model(), its):
        prepare = modules["mlx_vlm.utils"].prepare_inputs
        part = {"type": "video", "video": [np.zeros((280, 280, 3), np.uint8)] * 5, "sample_fps": "4", "total": 60}
        grids = prepare(its, videos=[part], prompts="?")["video_grid_thw"]
        assert grids[0].tolist()[0] == 3 and np.prod(grids[0].tolist()) // 4 <= 60
        assert video._seconds.of(grids) == (0.5,)
        with pytest.raises(InputError, match="no rate"):
            prepare(its, videos=[{"type": "video", "video": part["video"]}], prompts="?")


def test_seconds_are_forgotten_with_their_grids() -> None:
    known = video._Seconds()
    grids = mx.array([[1, 2, 2]])
    known.remember(grids, [1.0])
    assert known.of(grids) == (1.0,) and known.of(mx.array([[1, 2, 2]])) is None
    del grids
    gc.collect()
    assert known._known == {}


def test_qwen3_vl_keeps_mlx_vlms_videos() -> None:
    made, its = model("qwen3_vl"), processor()
    its.image_processor.patch_size = 16
    with mlx_vlm.enable(made, its):
        assert type(its.video_processor) is Videos and "get_rope_index" not in vars(made.language_model)
        with pytest.raises(InputError, match="expected a path or frames, for mlx-vlm to prepare; got a part"):
            video.prepare(lambda **_: None, its, {"videos": [{"type": "video", "video": "a.mp4", "fps": 1}]})
