"""Questions about film files: the frames, their seconds and tokens, in every spelling of a message."""

from __future__ import annotations

import json
import re
import weakref
from fractions import Fraction
from pathlib import Path
from typing import Any

import checkpoints
import films
import numpy as np
import pytest
from pytest import MonkeyPatch

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.engine import Engine, request
from mlx_saccade.errors import InputError
from mlx_saccade.media import film as film_files
from mlx_saccade.preprocess import limits

pytestmark = pytest.mark.skipif(films.av is None, reason="PyAV is not installed")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return saccade.load(checkpoints.write_whole(tmp_path_factory.mktemp("films")))


@pytest.fixture(scope="module")
def with_words(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Return an engine of Qwen3-VL, whose prompts have the times in words."""
    return saccade.load(checkpoints.write_whole(tmp_path_factory.mktemp("qwen3"), checkpoints.QWEN3_VL))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film of 4 seconds at 30 frames a second."""
    return films.write(tmp_path_factory.mktemp("film") / "film.mp4", 120)


@pytest.fixture(autouse=True)
def forget(loaded: Engine) -> None:
    """Forget the films of the tests before."""
    loaded.forget()


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
    answers = shared.ask(["what?", "where?"], max_tokens=3)
    assert answers[0].text == alone.text


def test_times_of_an_answer_are_seconds_of_the_film(loaded: Engine, path: Path, monkeypatch: MonkeyPatch) -> None:
    """Qwen2.5-VL counts seconds from the first frame that it is shown."""
    text = '{"start_time": "00:00.5", "end_time": "00:01.00", "label": "jump"}'
    monkeypatch.setattr(type(loaded.prompts), "decode", lambda self, ids: text if ids else "")
    whole = loaded.ask(str(path), "when?", max_tokens=1)
    assert [span.as_dict() for span in whole.times] == [{"start": 0.5, "end": 1.0, "label": "jump"}]
    assert whole.frames[0].seconds == (0.25, 1.25, 2.25, 3.25)
    part = loaded.ask({"type": "video", "video": str(path), "start": 2}, "when?", max_tokens=1)
    assert part.times[0].start == pytest.approx(2.5, abs=0.03) and part.times[0].end == pytest.approx(3, abs=0.03)
    assert part.as_dict()["times"][0]["label"] == "jump"
    twice = loaded.ask([str(path), str(path)], "when?", max_tokens=1)
    assert twice.times == ()


def test_film_seconds_follow_a_variable_rate(tmp_path: Path) -> None:
    times = [0, 10, 20, 30, 300, 310, 320, 330]
    path = films.write(tmp_path / "pause.mp4", 8, times=times, time_base=Fraction(1, 10))
    video = media.open_video(path, family="qwen2.5-vl", num_frames=8)
    assert list(video.seconds) == [0, 1, 2, 3, 30, 31, 32, 33]
    assert [video.film_seconds(k / video.fps) for k in (0, 3, 3.5, 4, 7)] == pytest.approx([0, 3, 16.5, 30, 33])
    assert video.film_seconds(9 / video.fps) == pytest.approx(33 + 2 / video.fps)


GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "films.json").read_text(encoding="utf-8"))["films"]


def test_seconds_and_words_of_prompts_equal_the_reference(
    loaded: Engine, with_words: Engine, seen: dict[str, Any], tmp_path: Path
) -> None:
    for count, rate, family, arguments, *_, sampled_fps, times in GOLDEN:
        path = tmp_path / f"{count}.mp4"
        path = path if path.exists() else films.write(path, count, rate=Fraction(rate))
        part = {"type": "video", "video": str(path), **arguments, "total": len(times)}
        if family == "qwen2.5-vl":
            loaded.chat(user(part), max_tokens=1)
            assert seen["second_per_grid_ts"] == [2 / sampled_fps]
            continue
        answer = with_words.chat(user(part), max_tokens=1)
        assert answer.frames[0].seconds == tuple(times)
        plan, ids = with_words.runner.count(request.conversation(user(part)), limits.NO_LIMITS)
        prompt = with_words.prompts._tokenizer.decode(ids, skip_special_tokens=False)
        assert re.findall(r"<[0-9.]+ seconds>", prompt) == [f"<{time:.1f} seconds>" for time in times]
        assert len(ids) == answer.usage["prompt"] and plan[0].tokens == len(times)


def test_times_of_a_model_that_reads_times_in_words_are_its_own(
    with_words: Engine, path: Path, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(type(with_words.prompts), "decode", lambda self, ids: "at 2.5 seconds" if ids else "")
    answer = with_words.ask({"type": "video", "video": str(path), "start": 2}, "when?", max_tokens=1)
    assert [(span.start, span.end) for span in answer.times] == [(2.5, 2.5)]
    assert answer.frames[0].seconds[0] >= 2


def patches_of(engine: Engine, path: Path, monkeypatch: MonkeyPatch) -> np.ndarray:
    """Return the patches that the vision tower is given of a film."""
    taken: list[np.ndarray] = []
    encode = engine.model.encode

    def recorded(pixels: Any, *rest: Any) -> Any:
        taken.append(np.array(pixels))
        return encode(pixels, *rest)

    monkeypatch.setattr(engine.model, "encode", recorded)
    engine.forget()
    engine.ask({"type": "video", "video": str(path), "fps": 1}, "what?", max_tokens=1)
    return taken[0]


def test_torchvisions_bits_change_the_frames_by_little(loaded: Engine, path: Path, monkeypatch: MonkeyPatch) -> None:
    other = saccade.load(loaded.folder, backend="torchvision")
    difference = np.abs(patches_of(loaded, path, monkeypatch) - patches_of(other, path, monkeypatch))
    assert 0 < difference.max() < 2.5 / 255 / 0.26 and (difference > 1e-4).mean() < 0.05


def test_timings_and_progress_count_the_frames_of_a_film(loaded: Engine, path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    part = {"type": "video", "video": str(path), "fps": 2, "budget": 4}
    answer = loaded.ask(part, "what?", max_tokens=1, progress=lambda *now: told.append(now))
    assert [now for now in told if now[0] == "frames"] == [("frames", number, 8) for number in (0, 2, 4, 6)]
    assert answer.timings["decode"] > 0.2 * answer.timings["patches"] > 0


def test_a_film_is_decoded_once_for_many_questions(tmp_path: Path, loaded: Engine, monkeypatch: MonkeyPatch) -> None:
    path = films.write(tmp_path / "film.mp4", 60)
    passes: list[int] = []
    pictures = film_files.Film.pictures

    def counted(self: Any, chosen: Any) -> Any:
        passes.append(len(chosen))
        return pictures(self, chosen)

    monkeypatch.setattr(film_files.Film, "pictures", counted)
    asked = {"type": "video", "video": str(path), "fps": 2, "budget": 8}
    loaded.forget()
    first = loaded.ask(asked, "what?", max_tokens=3)
    again = loaded.ask(asked, "what?", max_tokens=3)
    loaded.ask(asked, "where?", max_tokens=1)
    assert passes == [4] and again.text == first.text
    loaded.ask({**asked, "budget": 4}, "what?", max_tokens=1)
    loaded.ask({**asked, "fps": 3}, "what?", max_tokens=1)
    assert passes == [4, 4, 6]
    films.write(path, 61)  # another film in its place
    loaded.ask(asked, "what?", max_tokens=1)
    loaded.forget()
    loaded.ask(asked, "what?", max_tokens=1)
    assert passes == [4, 4, 6, 4, 4]
    assert (
        repr(media.open_video(path, family="qwen2.5-vl")) == "Video(4 frames of 192x96, 0.0 to 1.5 s, 1.967 a second)"
    )


def test_options_beside_a_question_that_do_not_fit_a_film_say_where_they_belong(loaded: Engine, path: Path) -> None:
    with pytest.raises(InputError, match="region: expected an image, to whose pixels it belongs; got a film"):
        loaded.ask(path, "what?", region=(0, 0, 9, 9))
    with pytest.raises(InputError, match=r"'fps' of ask\. Choose the frames of a film in its part: "):
        loaded.ask(path, "what?", fps=1)  # type: ignore[call-arg]
    with pytest.raises(InputError, match=r"'at' of locate\. One frame of a film is media\.open_frame"):
        loaded.locate(path, "what", at=1)  # type: ignore[call-arg, call-overload]


def test_the_total_that_a_refusal_names_fits(tmp_path: Path) -> None:
    checkpoint = checkpoints.write_whole(tmp_path / "checkpoint", checkpoints.QWEN3_VL)
    film = {"type": "video", "video": str(films.write(tmp_path / "large.mp4", 20, size=(640, 352)))}
    engine = saccade.load(checkpoint)
    engine.memory_limit.limit = engine.estimate({**film, "total": 300}, "what?", max_tokens=2).peak
    still = {"type": "image", "image": films.picture(0, (640, 352)), "budget": 400}
    for parts, words in (
        ([film], r"\(films: \d+ tokens\).* the largest total that fits is (\d+) tokens for a film"),
        (
            [still, film],
            r"\(images and films: .* largest that fit are a budget of \d+ tokens an image and (\d+) tokens",
        ),
    ):
        with pytest.raises(InputError, match=words) as refused:
            engine.ask(parts, "what?", max_tokens=2)
        (total,) = re.findall(words, str(refused.value))
        assert engine.estimate({**film, "total": int(total)}, "what?", max_tokens=2).peak <= engine.memory_limit.limit
        assert 0 < engine.ask({**film, "total": int(total)}, "what?", max_tokens=2).usage["video"] <= int(total)
    short = saccade.load(checkpoints.write_whole(tmp_path / "short", max_position_embeddings=300))
    with pytest.raises(InputError, match=r"\(films: \d+\) .*lower the total of a film \(--total\), take fewer of its"):
        short.ask(film, "what?", max_tokens=8)
