"""Conversations, streams, videos and several descriptions, on a seeded checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.engine import Engine
from mlx_saccade.errors import InputError


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return saccade.load(checkpoints.write_whole(tmp_path_factory.mktemp("talk")))


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8)


def user(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def image(picture: np.ndarray, **options: Any) -> dict[str, Any]:
    return {"type": "image", "image": picture, **options}


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def test_a_conversation_of_one_turn_is_a_question(loaded: Engine) -> None:
    picture = noise(90, 60)
    asked = loaded.ask(picture, "what?", max_tokens=6)
    talked = loaded.chat(user(image(picture), words("what?")), max_tokens=6)
    assert (talked.text, talked.usage, talked.frames) == (asked.text, asked.usage, asked.frames)


def test_a_system_message_comes_first(loaded: Engine) -> None:
    plain = loaded.count_tokens([], "hello")
    brief = loaded.count_tokens([], "hello", system="Be brief.")
    assert brief == plain - len("You are a helpful assistant.") + len("Be brief.")
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    assert loaded.ask([], "hello", system="Be brief.", max_tokens=5).text == loaded.chat(messages, max_tokens=5).text
    with pytest.raises(InputError, match="system is given beside messages"):
        loaded.stream(messages, system="Be brief.")


def test_a_stream_is_the_answer_in_pieces(loaded: Engine) -> None:
    picture = noise(90, 60)
    whole = loaded.ask(picture, "what?", max_tokens=40)
    pieces = list(loaded.stream(picture, "what?", max_tokens=40))
    assert "".join(piece.text for piece in pieces) == whole.text
    assert [piece.answer for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    last = pieces[-1].answer
    assert last is not None
    assert (last.text, last.usage, last.finish) == (whole.text, whole.usage, "length")
    assert len(pieces) > 10


def test_a_stop_string_ends_the_answer_and_is_not_in_it(loaded: Engine) -> None:
    whole = loaded.ask([], "hello", max_tokens=40)
    stop = whole.text[10:13]
    cut = loaded.ask([], "hello", max_tokens=40, stop=stop)
    assert cut.finish == "stop string"
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.usage["answer"] < whole.usage["answer"] == 40


def test_sampling_is_by_seed_and_greedy_by_default(loaded: Engine) -> None:
    def said(**how: Any) -> str:
        return loaded.ask([], "hello", max_tokens=12, **how).text

    assert said() == said(temperature=0.0) == said(temperature=1.0, top_k=1)
    assert said(temperature=1.0, seed=1) == said(temperature=1.0, seed=1) != said(temperature=1.0, seed=2)


def test_unknown_options_are_named(loaded: Engine) -> None:
    with pytest.raises(InputError, match=r"'max_new_tokens' of ask\. Did you mean 'max_tokens'\? Known: budget, "):
        loaded.ask([], "hello", max_new_tokens=5)  # type: ignore[call-arg]
    with pytest.raises(InputError, match=r"message 0, part 0: unknown option 'max_pixel'"):
        loaded.chat(user(image(noise(56, 56), max_pixel=3136), words("?")))


@pytest.mark.parametrize(
    ("messages", "named"),
    [
        ([], "at least one message"),
        ("hello", "at least one message"),
        (["hello"], "message 0: 'hello' is none"),
        ([{"role": "user"}], "message 0: content is None"),
        ([{"role": "robot", "content": "x"}], "role is 'robot'"),
        ([{"role": "user", "content": "x", "contents": "me"}], "unknown key 'contents'"),
        ([{"role": "user", "content": ["x"]}], "message 0, part 0: 'x' is none"),
        ([{"role": "user", "content": [{"type": "audio"}]}], "type is 'audio'"),
        ([{"role": "user", "content": [{"type": "image"}]}], "has no 'image'"),
        ([{"role": "user", "content": [{"type": "text", "text": "x", "bold": 1}]}], "unknown option 'bold'"),
        ([{"role": "user", "content": [{"type": "text", "text": 7}]}], "text: expected a string; got 7"),
        ([{"role": "user", "content": [{"type": "video", "video": [], "fps": 1}]}], "part 0: video: there is no frame"),
    ],
)
def test_messages_of_another_form_are_refused(loaded: Engine, messages: Any, named: str) -> None:
    with pytest.raises(InputError) as error:
        loaded.chat(messages)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_several_descriptions_look_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = saccade.load(checkpoints.write_whole(tmp_path), cache_memory=0)
    picture, seen = noise(200, 120), []
    encode = loaded.model.encode

    def counted(*arguments: Any) -> Any:
        seen.append(arguments)
        return encode(*arguments)

    alone = [loaded.locate(picture, words, max_tokens=6) for words in ("the red bar", "it")]
    monkeypatch.setattr(loaded.model, "encode", counted)
    both = loaded.locate(picture, ["the red bar", "it"], max_tokens=6)
    assert len(seen) == 1
    assert [answer.text for answer in both] == [answer.text for answer in alone]
    assert both[0].timings["vision"] > 0 == both[1].timings["vision"]
    with pytest.raises(InputError, match="description is ' '"):
        loaded.locate(picture, ["it", " "])
    with pytest.raises(InputError, match="description is \\[\\]"):
        loaded.locate(picture, [])


def film(count: int, size: tuple[int, int] = (90, 60)) -> list[np.ndarray]:
    return [noise(*size, seed=number) for number in range(count)]


def test_a_video_is_grids_of_two_frames_in_time(loaded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    prompt = loaded.model.prompt

    def recorded(ids: Any, **inputs: Any) -> Any:
        given.update(inputs, ids=ids)
        return prompt(ids, **inputs)

    monkeypatch.setattr(loaded.model, "prompt", recorded)
    shown = {"type": "video", "video": film(5), "fps": 4.0, "budget": 6}
    answer = loaded.chat(user(image(noise(60, 60)), shown, words("what moves?")), max_tokens=3)
    still, moving = answer.frames
    assert still.fps is None
    assert moving.fps == 4.0
    assert moving.grid_thw[0] == 3
    assert moving.tokens == np.prod(moving.grid_thw) // 4 <= 18
    assert given["video_grid_thw"].tolist() == [list(moving.grid_thw)]
    assert given["second_per_grid_ts"] == [0.5]
    assert given["ids"].count(1005) == moving.tokens == answer.usage["video"]
    assert given["ids"].count(1004) == still.tokens == answer.usage["image"]
    assert answer.usage["prompt"] == len(given["ids"])


def test_the_pixels_of_a_video_are_its_frames_in_pairs(loaded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[np.ndarray] = []
    encode = loaded.model.encode

    def recorded(pixels: Any, grids: Any, progress: Any) -> Any:
        taken.append(np.array(pixels))
        return encode(pixels, grids, progress)

    monkeypatch.setattr(loaded.model, "encode", recorded)
    frames = film(3)
    answer = loaded.ask({"video": frames, "fps": 2.0}, "what?", max_tokens=1)
    plan = saccade.plan((90, 60), budget=f"{answer.frames[0].tokens // 2}")
    assert plan.resized_size == answer.frames[0].processed_size
    stills = [saccade.patchify(frame, plan, "reference").reshape(-1, 3, 2, 196) for frame in frames]
    pairs = taken[0].reshape(2, -1, 3, 2, 196)
    for number, (first, second) in enumerate([(0, 1), (2, 2)]):
        assert (pairs[number][:, :, 0] == stills[first][:, :, 0]).all()
        assert (pairs[number][:, :, 1] == stills[second][:, :, 1]).all()


def test_a_film_comes_in_every_form(loaded: Engine, tmp_path: Path) -> None:
    from PIL import Image

    frames = film(4)
    paths = []
    for number, frame in enumerate(frames):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(frame).save(paths[-1])
    forms = [np.stack(frames), frames, tuple(frames), paths]
    asked = [{"type": "video", "video": form, "fps": 1} for form in forms]
    asked.append({"type": "video", "video": [path.as_uri() for path in paths], "sample_fps": "1"})  # Qwen's example
    asked.append({"type": "video", "video": media.Video(frames, 1)})
    texts = {loaded.chat(user(form, words("what?")), max_tokens=5).text for form in asked}
    texts.add(loaded.ask(media.Video(frames, 1), "what?", max_tokens=5).text)
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"video": np.zeros((4, 28, 28, 3), np.uint8)}, "no rate"),
        ({"video": [np.zeros((28, 28, 3), np.uint8)]}, "no rate"),
        ({"video": [np.zeros((28, 28, 3), np.uint8)], "fps": 0}, "fps is 0"),
        ({"video": [np.zeros((28, 28, 3), np.uint8)], "fps": True}, "fps is True"),
        ({"video": [np.zeros((28, 28, 3), np.uint8)], "sample_fps": "often"}, "fps is 'often'"),
        ({"video": [np.zeros((28, 28, 3), np.uint8)], "sample_fps": "nan"}, "fps is 'nan'"),
        ({"video": [np.zeros((28, 28, 3), np.uint8)], "fps": 10**5000}, "fps is an int"),
        ({"video": np.zeros((28, 28), np.uint8), "fps": 1}, "shape (28, 28)"),
        ({"video": "https://a.b/film.mp4"}, "expected the path of a film; got a URL"),
        ({"video": "film.mp4", "pixel_format": "bgr"}, "pixel_format: expected none beside the path of a film"),
        ({"video": "film.mp4", "sample_fps": 1}, "sample_fps: expected none beside the path of a film"),
        ({"video": "film.mp4", "start": 1, "video_start": 2}, "start is given twice, as video_start too"),
        ({"video": [np.zeros((28, 28, 3), np.uint8)], "fps": 1, "nframes": 2}, "nframes: expected the path of a film"),
        ({"video": [np.zeros((28, 28, 3), np.uint8)], "fps": 1, "sample_fps": 2}, "fps and sample_fps say the same"),
        ({"video": [np.zeros((28, 28, 3), np.uint8), np.zeros((28, 56, 3), np.uint8)], "fps": 1}, "frame 1 is 56x28"),
        ({"video": 7, "fps": 1}, "holds no frames"),
    ],
)
def test_what_is_no_video_is_refused(loaded: Engine, part: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError) as error:
        loaded.chat(user({"type": "video", **part}, words("?")))
    assert named in str(error.value)


def test_progress_is_told_of_every_stage(loaded: Engine) -> None:
    told: list[tuple[str, int, int]] = []
    answer = loaded.ask(noise(90, 60), "what?", max_tokens=3, progress=lambda *now: told.append(now))
    prompt, seen = answer.usage["prompt"], answer.usage["image"]
    assert told[0] == ("vision", 0, seen)
    assert ("vision", seen, seen) in told
    assert ("prefill", prompt, prompt) in told
    assert told[-1] == ("answer", 3, 3)


def test_progress_counts_the_tokens_of_all_images_as_they_are_seen(
    loaded: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded.model.visual, "patch_layers", 0)  # every step by itself
    loaded.forget()
    told: list[tuple[int, int]] = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "vision":
            told.append((done, total))

    shown = [noise(200, 120), noise(90, 60)]
    first, second = (loaded.plan(one).tokens for one in shown)
    loaded.ask(shown, "what?", max_tokens=1, progress=progress)
    done = [count for count, _ in told]
    assert done == sorted(done)
    assert {total for _, total in told} == {first + second}
    assert {0, first, first + second} <= set(done)
    assert sum(0 < count < first for count in set(done)) >= loaded.model.config.vision.depth
    told.clear()
    loaded.ask(shown, "what else?", max_tokens=1, progress=progress)
    assert [count for count, _ in told] == [0, first, first + second], "what is kept is not seen again"


def test_a_batch_answers_as_each_alone(loaded: Engine) -> None:
    small, large = noise(60, 60), noise(200, 120)
    questions: list[Any] = [
        (small, "what?"),
        user(words("compare"), image(large), image(small, budget=4)),
        ([], "hello"),
        ({"video": film(3), "fps": 2.0}, "what moves?"),
    ]
    how: dict[str, Any] = {"max_tokens": 12, "temperature": 0.7, "seed": 5, "repetition_penalty": 1.1}
    for options in ({"max_tokens": 12}, how):
        together = loaded.ask_batch(questions, **options)
        for asked, answer in zip(questions, together, strict=True):
            alone = loaded.ask(*asked, **options) if isinstance(asked, tuple) else loaded.chat(asked, **options)
            assert (answer.text, answer.usage, answer.frames) == (alone.text, alone.usage, alone.frames)
            assert answer.finish == alone.finish == "length"


def test_rows_of_a_batch_stop_on_their_own(loaded: Engine) -> None:
    questions: list[Any] = [([], "hello"), ([], "another question")]
    first, second = loaded.ask_batch(questions, max_tokens=30)
    starts = range(20, len(first.text) - 4)
    stop = next(first.text[n : n + 4] for n in starts if first.text[n : n + 4] not in second.text)
    cut, whole = loaded.ask_batch(questions, max_tokens=30, stop=stop)
    assert (cut.text, cut.finish) == (first.text[: first.text.index(stop)], "stop string")
    assert (whole.text, whole.finish) == (second.text, "length")


def test_a_question_that_cannot_be_asked_is_named(loaded: Engine) -> None:
    with pytest.raises(InputError, match="question 1: text is ' '"):
        loaded.ask_batch([([], "hello"), ([], " ")])
    with pytest.raises(InputError, match="questions: give a list"):
        loaded.ask_batch([])


def test_the_other_family_answers_in_thousandths(tmp_path: Path) -> None:
    other = saccade.load(checkpoints.write_whole(tmp_path, checkpoints.QWEN2_VL))
    picture = noise(200, 120)
    located = other.locate(picture, "it", max_tokens=4)
    assert located.frames[0].convention == "thousandths"
    assert other.locator.only_boxes(other.plan(picture))._grammar.limits == (1000, 1000)
    film_and_still = other.ask([{"video": film(3), "fps": 2.0}, picture], "what?", max_tokens=4)
    assert film_and_still.usage["video"] > 0
    again = other.ask([{"video": film(3), "fps": 8.0}, picture], "what?", max_tokens=4)
    assert again.text == film_and_still.text, "this family does not count seconds"


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
anything = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner))
names = st.sampled_from(
    ["type", "text", "image", "video", "fps", "budget", "size", "max_pixels", "detail", "min_tokens"]
)
kinds = st.sampled_from(["text", "image", "video"])
pictures = st.just(np.zeros((40, 30, 3), np.uint8))
parts = st.dictionaries(names, kinds | anything | pictures | st.lists(pictures, max_size=3), max_size=5)
messages_of_any_kind = st.lists(
    anything
    | st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "x"]), "content": anything | st.lists(parts)}),
    max_size=3,
)


@settings(max_examples=300)
@given(messages_of_any_kind)
def test_no_messages_do_worse_than_being_refused(loaded: Engine, messages: Any) -> None:
    try:
        counted = loaded.count_tokens(messages)
    except (InputError, FileNotFoundError) as error:
        assert "\n" not in str(error)
    else:
        assert counted > 0
