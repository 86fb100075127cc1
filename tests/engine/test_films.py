"""Questions about film files: the frames, their seconds and tokens, in every spelling of a message."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkpoints
import films
import numpy as np
import pytest
from pytest import MonkeyPatch

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.engine import Engine
from mlx_saccade.errors import InputError
from mlx_saccade.media import film as film_files

pytestmark = pytest.mark.skipif(films.av is None, reason="PyAV is not installed")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return saccade.load(checkpoints.write_whole(tmp_path_factory.mktemp("films")))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film of 4 seconds at 30 frames a second."""
    return films.write(tmp_path_factory.mktemp("film") / "film.mp4", 120)


@pytest.fixture
def seen(loaded: Engine, monkeypatch: MonkeyPatch) -> dict[str, Any]:
    """Return what the language model was given in the last question."""
    given: dict[str, Any] = {}
    prompt = loaded.model.prompt

    def recorded(ids: Any, **inputs: Any) -> Any:
        given.update(inputs, ids=list(ids))
        return prompt(ids, **inputs)

    monkeypatch.setattr(loaded.model, "prompt", recorded)
    return given


def test_ask_takes_the_path_of_a_film(loaded: Engine, path: Path, seen: dict[str, Any]) -> None:
    answer = loaded.ask(str(path), "what moves?", max_tokens=4)
    frames = [frame.pixels for frame in media.open_video(path, family="qwen2.5-vl").frames]
    as_frames = loaded.ask(media.Video(frames, 2.0), "what moves?", max_tokens=4)
    assert [films.number_of(frame) for frame in frames] == [0, 15, 30, 45, 60, 75, 90, 105]
    assert answer.text == as_frames.text and answer.usage == as_frames.usage
    assert answer.frames[0].fps == 2.0 and answer.frames[0].grid_thw[0] == 4
    assert answer.frames[0].source_size == (192, 96)
    assert seen["second_per_grid_ts"] == [1.0]
    assert loaded.count_tokens(path, "what moves?") == answer.usage["prompt"]
    assert loaded.estimate(str(path), "what moves?").peak > 0


def user(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [*parts, {"type": "text", "text": "what?"}]}]


@pytest.mark.parametrize(
    ("options", "indices", "seconds"),
    [
        ({"fps": 1}, [0, 30, 60, 90], 2.0),
        ({"nframes": 6}, [0, 20, 40, 60, 80, 100], 2 / 1.5),
        ({"num_frames": 6}, [0, 20, 40, 60, 80, 100], 2 / 1.5),
        ({"fps": 4, "max_frames": 4}, [0, 30, 60, 90], 2.0),
        ({"fps": 0.25, "min_frames": 2}, [0, 60], 4.0),
        ({"video_start": 1, "video_end": 2.0, "nframes": 4}, [30, 37, 45, 53], 2 / (4 / 31 * 30)),
        ({"start": 2.0, "nframes": 2}, [60, 90], 2.0),
    ],
)
@pytest.mark.parametrize("spelling", ["path", "url", "Path", "video_url", "item"])
def test_options_of_a_part_choose_the_frames(
    spelling: str,
    options: dict[str, Any],
    indices: list[int],
    seconds: float,
    loaded: Engine,
    path: Path,
    seen: dict[str, Any],
    monkeypatch: MonkeyPatch,
) -> None:
    decoded: list[list[int]] = []
    pictures = film_files.Film.pictures
    monkeypatch.setattr(
        film_files.Film, "pictures", lambda self, chosen: (decoded.append(list(chosen)), pictures(self, chosen))[1]
    )
    part = {
        "path": {"type": "video", "video": str(path)},
        "url": {"type": "video", "video": path.as_uri()},
        "Path": {"type": "video", "path": path},
        "video_url": {"type": "video_url", "video_url": {"url": path.as_uri()}},
        "item": {"video": str(path)},
    }[spelling]
    loaded.chat(user({**part, **options, "budget": 4}), max_tokens=1)
    assert decoded == [indices]
    assert seen["second_per_grid_ts"] == pytest.approx([seconds])


def test_films_are_refused_before_anything_is_decoded(loaded: Engine, path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.mp4: no such file"):
        loaded.chat(user({"type": "video", "video": str(tmp_path / "none.mp4")}))
    with pytest.raises(InputError, match=r"film\.mp4: num_frames: expected at most the film's 120 frames"):
        loaded.chat(user({"type": "video", "video": str(path), "nframes": 200}))
    with pytest.raises(InputError, match="num_frames: expected either fps or num_frames"):
        loaded.chat(user({"type": "video", "video": str(path), "nframes": 20, "fps": 1}))
    with pytest.raises(InputError, match=r"film, not an image; give it as a video, or name the time"):
        loaded.locate(str(path), "the red corner")
    (tmp_path / "cut.mp4").write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"cut\.mp4: is an MP4 or QuickTime film without its index"):
        loaded.ask(tmp_path / "cut.mp4", "what?")


def test_notes_of_a_film_are_those_of_the_answer(loaded: Engine, tmp_path: Path) -> None:
    path = films.write(tmp_path / "one.mp4", 1)
    answer = loaded.ask(path, "what?", max_tokens=1)
    assert any("one frame, which is repeated" in note for note in answer.notes)
    assert answer.frames[0].grid_thw[0] == 1


def test_a_group_of_frames_is_in_memory_at_once(loaded: Engine, path: Path, monkeypatch: MonkeyPatch) -> None:
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    most = []
    upright = film_files.Film._upright

    class Pixels(np.ndarray):
        """An array that can be counted."""

        __hash__ = object.__hash__

    def counted(self: Any, frame: Any, index: int) -> Any:
        pixels = upright(self, frame, index).view(Pixels)
        alive.add(pixels)
        most.append(len(alive))
        return pixels

    monkeypatch.setattr(film_files.Film, "_upright", counted)
    loaded.ask({"video": str(path), "fps": 10, "budget": 4}, "what?", max_tokens=1)
    assert len(most) == 40 and max(most) <= 4


def test_a_shared_film_is_asked_twice(loaded: Engine, path: Path) -> None:
    shared = loaded.shared_image({"type": "video", "video": str(path), "fps": 1})
    alone = loaded.ask({"type": "video", "video": str(path), "fps": 1}, "what?", max_tokens=3)
    assert [answer.text for answer in shared.ask(["what?", "where?"], max_tokens=3)][0] == alone.text
