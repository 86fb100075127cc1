"""Videos inside mlx-vlm, with stand-ins for its modules; tests/long runs mlx-vlm itself."""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import films
import mlx.core as mx
import numpy as np
import pytest
from mlx_vlm_modules import StandInModel, StandInProcessor, stand_in_modules

import mlx_saccade as saccade
from mlx_saccade import families, media
from mlx_saccade.errors import InputError
from mlx_saccade.integrations import mlx_vlm
from mlx_saccade.integrations.mlx_vlm import video
from mlx_saccade.integrations.mlx_vlm.gemma4 import Gemma4ImageProcessor

pytestmark = pytest.mark.skipif(films.av is None, reason="PyAV is not installed")

IMAGE, VIDEO, START = 1, 2, 3


class Videos:
    """A video processor of the shape of mlx-vlm's."""

    own = "kept"
    width = 1176

    def __call__(self, videos: Any, **options: Any) -> Any:
        grids = np.array([[len(one), 2, 2] for one in videos])
        return {"pixel_values_videos": np.zeros((int(grids.prod(axis=1).sum()), self.width), np.float32),
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


def qwen3_processor(**own: Any) -> Any:
    """Return a processor whose video processor says what a checkpoint of Qwen3-VL does."""
    made = processor()
    made.image_processor.patch_size = 16
    made.image_processor.image_mean = made.image_processor.image_std = [0.5, 0.5, 0.5]
    for name, value in {"min_pixels": 4096, "max_pixels": 25165824, "fps": 2.0, "width": 1536, **own}.items():
        setattr(made.video_processor, name, value)
    return made


def times_of(metadata: dict[str, Any], length: int = 2) -> list[float]:
    """Return the times that mlx-vlm's processor of Qwen3-VL writes: the mean of the first and last of each pair."""
    indices = metadata["frames_indices"]
    indices = [*indices, *indices[-1:] * (-len(indices) % length)]
    times = [index / metadata["fps"] for index in indices]
    return [(times[first] + times[first + length - 1]) / 2 for first in range(0, len(times), length)]


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"])
def test_qwen3_vl_gets_times_and_sizes(kind: str, modules: dict[str, Any], path: Path) -> None:
    """A film's times are those of its frames; positions stay mlx-vlm's, since the times are words."""
    made, its = model(kind), qwen3_processor()
    with mlx_vlm.enable(made, its):
        prepare = modules["mlx_vlm.utils"].prepare_inputs
        parts = [{"type": "video", "video": str(path), "nframes": 5, "video_start": 1}, path]
        inputs = prepare(its, videos=parts, prompts="?")
        opened = [media.open_video(path, family="qwen3-vl", num_frames=5, start=1),
                  media.open_video(path, family="qwen3-vl")]  # fmt: skip
        for grid, film, metadata in zip(inputs["video_grid_thw"].tolist(), opened, inputs["metadata"], strict=True):
            high, wide = saccade.smart_resize_video(
                len(film), 96, 192, family="qwen3-vl", min_pixels=4096, max_pixels=25165824
            )
            assert grid == [len(film.times(2)), high // 16, wide // 16]
            assert times_of(metadata) == film.times(2)
            assert metadata["fps"] / metadata["total_num_frames"] * len(film) == pytest.approx(film.fps)
        assert times_of(inputs["metadata"][0])[0] > 1
        first = saccade.patchify(opened[0].frames[0], saccade.plan((192, 96), family="qwen3-vl", budget=18,
                                 min_tokens=18), "reference").reshape(-1, 3, 2, 256)[:, :, 0]  # fmt: skip
        values = np.asarray(inputs["pixel_values_videos"])[: len(first)].reshape(-1, 3, 2, 256)
        assert np.array_equal(values[:, :, 0], first)
        assert "get_rope_index" not in vars(made.language_model)


def test_qwen3_vl_keeps_the_checkpoints_limits_and_sampling(modules: dict[str, Any], path: Path) -> None:
    its = qwen3_processor(max_pixels=64 * 32 * 8, min_pixels=1024, fps=1.0, max_frames=3, min_frames=1)
    with mlx_vlm.enable(model("qwen3_vl"), its):
        inputs = modules["mlx_vlm.utils"].prepare_inputs(its, videos=[path], prompts="?")
        film = media.open_video(path, family="qwen3-vl", fps=1, min_frames=1, max_frames=3)
        assert len(film) == 3 and times_of(inputs["metadata"][0]) == film.times(2)
        high, wide = saccade.smart_resize_video(3, 96, 192, family="qwen3-vl", min_pixels=1024, max_pixels=64 * 32 * 8)
        assert inputs["video_grid_thw"].tolist() == [[2, high // 16, wide // 16]]


def test_a_film_of_variable_rate_has_the_times_of_its_frames(modules: dict[str, Any], tmp_path: Path) -> None:
    shown = [0, 100, 1500, 1600, 4000, 9000]  # in thousandths of a second
    path = films.write(tmp_path / "variable.mkv", len(shown), times=shown, time_base=Fraction(1, 1000), b_frames=0)
    its = qwen3_processor()
    with mlx_vlm.enable(model("qwen3_vl"), its):
        part = {"type": "video", "video": str(path), "nframes": len(shown)}
        inputs = modules["mlx_vlm.utils"].prepare_inputs(its, videos=[part], prompts="?")
        assert times_of(inputs["metadata"][0]) == pytest.approx([0.05, 1.55, 6.5])


def test_frames_for_qwen3_vl_are_times_of_their_rate(modules: dict[str, Any], path: Path) -> None:
    its, frames = qwen3_processor(fps=4.0), [np.zeros((64, 64, 3), np.uint8)] * 5
    with mlx_vlm.enable(model("qwen3_vl"), its):
        prepare = modules["mlx_vlm.utils"].prepare_inputs
        part = {"type": "video", "video": frames, "fps": "2"}
        said = {"fps": 10.0, "frames_indices": [0, 5, 10, 15, 20], "total_num_frames": 30}
        inputs = prepare(its, videos=[part, frames, frames], prompts="?", video_metadata=[said, said, None])
        assert times_of(inputs["metadata"][0]) == media.Video(frames, 2).times(2) == [0.25, 1.25, 2.0]
        assert inputs["metadata"][1] == said
        assert times_of(inputs["metadata"][2]) == media.Video(frames, 4).times(2)
        assert [grid[0] for grid in inputs["video_grid_thw"].tolist()] == [3, 5, 5]  # the stand-in takes frames alone


def test_other_families_keep_mlx_vlms_videos() -> None:
    its = processor()
    its.image_processor = Gemma4ImageProcessor(None, families.get("gemma-4"), 280)
    with pytest.raises(InputError, match="expected a path or frames, for mlx-vlm to prepare; got a part"):
        video.prepare(lambda **_: None, its, {"videos": [{"type": "video", "video": "a.mp4", "fps": 1}]})
