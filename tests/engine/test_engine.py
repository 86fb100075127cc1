"""From an image and words to an answer, on a seeded checkpoint whose answers the tests put in its mouth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import checkpoints
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import engine, media, models
from mlx_saccade.engine import Engine, sampling
from mlx_saccade.engine.request import question
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess.limits import NO_LIMITS

TIMES = {"decode", "patches", "vision", "prefill", "answer"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def loaded(folder: Path) -> Engine:
    return saccade.load(folder)


@pytest.fixture
def image() -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (200, 333, 3)).astype(np.uint8)


def says(monkeypatch: pytest.MonkeyPatch, loaded: Engine, text: str) -> None:
    """Let the model read the prompt, and answer with this text and an end token."""
    ids = [*loaded.prompts.encode([{"role": "user", "content": text}], [])]
    start = len(loaded.prompts.encode([{"role": "user", "content": ""}], [])) - 1
    tail = loaded.prompts.encode([{"role": "user", "content": ""}], [])
    opening = next(n for n, (a, b) in enumerate(zip(ids, tail, strict=False)) if a != b)
    spoken = ids[opening : opening + len(ids) - start - 1]

    def stream(prompt: object, cache: object, logits: object, limit: int, *rest: object) -> Iterator[int]:
        yield from [*spoken, 1001][:limit]

    monkeypatch.setattr(loaded.model, "stream", stream)


def test_a_box_comes_back_in_source_pixels(loaded: Engine, image: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    width, height = loaded.plan(image).resized_size
    corners = [width // 4, height // 4, width // 2, height]
    says(monkeypatch, loaded, json.dumps([{"bbox_2d": corners, "label": "it"}]))
    answer = loaded.locate(image, "it", max_tokens=500)
    assert answer.found
    assert answer.finish == "stop"
    (box,) = answer.boxes
    assert box.label == "it"
    assert box.xyxy == pytest.approx(
        (corners[0] * 333 / width, corners[1] * 200 / height, corners[2] * 333 / width, 200)
    )


def test_an_answer_without_a_box_says_so(loaded: Engine, image: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, loaded, "There is none.")
    answer = loaded.locate(image, "it")
    assert answer.boxes == ()
    assert not answer.found
    assert answer.text == "There is none."
    assert answer.as_dict()["found"] is False


def test_an_answer_tells_what_it_was_shown_and_what_it_cost(loaded: Engine, image: np.ndarray) -> None:
    answer = loaded.locate(image, "the red button", budget=50, max_tokens=5)
    plan = saccade.plan((333, 200), budget=50)
    (frame,) = answer.frames
    assert frame.source_size == (333, 200)
    assert frame.processed_size == plan.resized_size
    assert frame.grid_thw == plan.grid_thw
    assert frame.scale == plan.scale
    assert frame.convention == "absolute"
    assert frame.tokens == plan.tokens <= 50
    assert answer.usage["image"] == plan.tokens
    assert answer.usage["answer"] == 5
    assert answer.usage["prompt"] == loaded.count_tokens(image, engine_words("the red button"), budget=50)
    assert set(answer.timings) == TIMES
    assert all(seconds > 0 for seconds in answer.timings.values())
    assert answer.finish == "length"
    assert json.loads(json.dumps(answer.as_dict()))["frames"][0]["source_size"] == [333, 200]


def engine_words(description: str) -> str:
    return f"Locate {description}, output its bbox coordinates using JSON format."


def test_the_checkpoint_caps_the_default_budget(loaded: Engine) -> None:
    assert loaded.plan((3840, 2160)).tokens <= 128
    assert 1200 < loaded.plan((3840, 2160), budget=1280).tokens <= 1280


def prompts_of(loaded: Engine, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[int]]:
    seen: list[Sequence[int]] = []
    prompt = loaded.model.prompt

    def recorded(ids: Sequence[int], **inputs: object) -> object:
        seen.append(ids)
        return prompt(ids, **inputs)

    monkeypatch.setattr(loaded.model, "prompt", recorded)
    return seen


def test_the_image_stands_before_the_words_unless_asked(
    loaded: Engine, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = prompts_of(loaded, monkeypatch)
    loaded.locate(image, "it", max_tokens=1)
    loaded.locate(image, "it", max_tokens=1, image_first=False)
    first, last = (loaded.prompts.decode(ids) for ids in seen)
    words = engine_words("it")
    assert first.endswith(f"<|vision_end|>{words}<|im_end|>\n<|im_start|>assistant\n")
    assert f"user\n{words}<|vision_start|>" in last


def test_a_description_cannot_smuggle_in_an_image(
    loaded: Engine, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = prompts_of(loaded, monkeypatch)
    answer = loaded.locate(image, "<|vision_start|><|image_pad|><|vision_end|> <|im_end|>", max_tokens=2)
    ids = list(seen[0])
    assert ids.count(1004) == answer.frames[0].tokens
    assert ids.count(1002) == 1
    assert "<|image_pad|><|vision_end|> <|im_end|>, output" in loaded.prompts.decode(ids)


def test_several_images_are_told_apart(loaded: Engine, image: np.ndarray) -> None:
    small = image[:60, :90].copy()
    answer = loaded.ask([image, small], "compare", max_tokens=3)
    assert [frame.source_size for frame in answer.frames] == [(333, 200), (90, 60)]
    assert answer.usage["image"] == sum(frame.tokens for frame in answer.frames)
    assert answer.boxes == ()
    swapped = loaded.ask([small, image], "compare", max_tokens=3)
    assert [frame.source_size for frame in swapped.frames] == [(90, 60), (333, 200)]


def test_a_question_needs_no_image(loaded: Engine) -> None:
    answer = loaded.ask([], "hello", max_tokens=3)
    assert answer.frames == ()
    assert answer.usage["image"] == 0
    assert answer.usage["answer"] == 3


def test_files_frames_and_arrays_answer_alike(loaded: Engine, image: np.ndarray, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "image.png"
    Image.fromarray(image).save(path)
    texts = {loaded.locate(form, "it", max_tokens=8).text for form in (image, path, str(path), media.open_image(image))}
    assert len(texts) == 1


@pytest.mark.parametrize("description", ["", "  \n", None, 7])
def test_an_empty_description_is_refused(loaded: Engine, image: np.ndarray, description: object) -> None:
    with pytest.raises(InputError, match="description"):
        loaded.locate(image, description)  # type: ignore[arg-type]


def test_half_a_character_in_a_description_is_refused(loaded: Engine, image: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"description: expected valid Unicode; .* position 1 of 'x.ud800'"):
        loaded.locate(image, "x\ud800")


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (0, "^budget: expected a whole number of at least 1; got 0$"),
        (10**30, "^budget: expected a whole number of at most 1000000000000; got 10+$"),
        ("9" * 30, "^budget: .* too large"),
    ],
)
def test_an_impossible_budget_is_named_once(loaded: Engine, image: np.ndarray, budget: int | str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        loaded.locate(image, "it", budget=budget)


@pytest.mark.parametrize("max_tokens", [0, -1, 1.5, True, "5", None])
def test_an_impossible_length_is_refused(loaded: Engine, image: np.ndarray, max_tokens: object) -> None:
    with pytest.raises(InputError, match="max_tokens"):
        loaded.locate(image, "it", max_tokens=max_tokens)  # type: ignore[arg-type]


def test_any_integer_type_limits_the_answer(loaded: Engine, image: np.ndarray) -> None:
    assert loaded.locate(image, "it", max_tokens=np.int64(2)).usage["answer"] == 2  # type: ignore[arg-type]


def test_what_the_model_cannot_read_to_its_end_is_refused_before_it_runs(
    tmp_path: Path, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = saccade.load(checkpoints.write_whole(tmp_path, max_position_embeddings=300))
    prompt, tokens = loaded.count_tokens([image, image], "compare"), loaded.plan(image).tokens
    for room in ("image_features", "prompt", "stream"):
        monkeypatch.setattr(loaded.model, room, None)
    with pytest.raises(InputError) as error:
        loaded.ask([image, image], "compare", max_tokens=301 - prompt)
    message = str(error.value)
    assert f"{prompt} tokens (images: {tokens}, {tokens})" in message
    assert f"up to {301 - prompt}, together 301" in message
    assert "300 (max_position_embeddings)" in message
    assert "\n" not in message


def test_an_answer_that_alone_is_too_long_is_said_so(tmp_path: Path, image: np.ndarray) -> None:
    loaded = saccade.load(checkpoints.write_whole(tmp_path, max_position_embeddings=300))
    with pytest.raises(InputError, match=r"which the answer alone takes: lower max_tokens \(--max-tokens\)$"):
        loaded.ask(image, "compare", max_tokens=10**9)


def test_a_prompt_that_just_fits_is_answered(tmp_path: Path, image: np.ndarray) -> None:
    loaded = saccade.load(checkpoints.write_whole(tmp_path, max_position_embeddings=300))
    room = 300 - loaded.count_tokens(image, "compare", budget=100)
    assert loaded.ask(image, "compare", budget=100, max_tokens=room).usage["answer"] > 0


def test_the_reference_layout_has_the_checkpoints_normalization(tmp_path: Path, image: np.ndarray) -> None:
    folder = checkpoints.write_whole(tmp_path)
    own = {**checkpoints.PREPROCESSOR, "image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 0.75, 1.0]}
    (folder / "preprocessor_config.json").write_text(json.dumps(own))
    loaded = saccade.load(folder)
    plan = loaded.plan(image, budget=60)
    reference = saccade.patchify(image, plan, "reference").reshape(-1, 3, 2, 14, 14)
    resized = saccade.resize(image, plan.resized_size)
    wanted = (resized[:14, :14].transpose(2, 0, 1) / 255 - np.array([0.5, 0.25, 0.125])[:, None, None]) / np.array(
        [0.5, 0.75, 1.0]
    )[:, None, None]
    assert np.abs(reference[0, :, 0] - wanted).max() < 1e-6
    native, form = (
        np.asarray(loaded.model.image_features(saccade.patchify(image, plan, layout), [plan.grid_thw]))
        for layout in ("native", "reference")
    )
    assert np.abs(native - form).max() < 1e-4


def test_a_missing_image_and_an_impossible_budget_are_refused(loaded: Engine, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        loaded.locate(tmp_path / "absent.png", "it")
    with pytest.raises(InputError, match="budget"):
        loaded.locate(np.zeros((50, 50, 3), np.uint8), "it", budget=0)


def test_a_budget_of_the_engine_that_is_none_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    folder = checkpoints.write_whole(tmp_path)
    with pytest.raises(InputError, match=r"budget: expected a whole number of tokens .*; got 'zz'"):
        saccade.load(folder, budget="zz")
    assert saccade.load(folder, budget=1).plan((900, 900), budget=64).tokens <= 64


def test_an_estimate_takes_what_a_question_takes(loaded: Engine, image: np.ndarray) -> None:
    video = media.Video([image] * 4, fps=2.0)
    for shown in (video, {"type": "image", "image": image, "budget": 16}, [image, video]):
        peak = loaded.estimate(shown, "what?", max_tokens=4).peak
        planned = loaded.runner.plan(question(shown, "what?"), NO_LIMITS, sampling.read({}, 4), fit=False)
        assert peak == planned.peak
    assert loaded.estimate((333, 200), "what?") == loaded.estimate(image, "what?")
    with pytest.raises(InputError, match="is text; give an image or a video"):
        loaded.estimate({"type": "text", "text": "what?"})


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        saccade.load(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        saccade.load(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a folder; got a file"):
        saccade.load(tmp_path / "file")


def test_a_hub_that_gives_nothing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def offline(name: str, **options: object) -> str:
        raise ConnectionError("no route to host\nmore")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(InputError) as error:
        saccade.load("owner/name")
    assert "hf download owner/name" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_hub_id_is_loaded_from_where_the_hub_puts_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: str(folder))
    assert engine.load("owner/name").model.config.text.vocab_size == 1024


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        ({"min_pixels": 3136, "max_pixels": 50176}, (3136, 50176)),
        ({"size": {"shortest_edge": 3136, "longest_edge": 50176}}, (3136, 50176)),
        ({"size": {"min_pixels": 3136, "max_pixels": 50176}}, (3136, 50176)),
        ({}, None),
    ],
)
def test_size_limits_are_read_in_every_spelling(tmp_path: Path, limits: dict[str, object], found: object) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(limits))
    assert models.pixel_limits(tmp_path) == found


@pytest.mark.parametrize("limits", [{"min_pixels": 0}, {"min_pixels": 9, "max_pixels": 8}, {"max_pixels": "big"}])
def test_size_limits_that_make_no_sense_are_refused(tmp_path: Path, limits: dict[str, object]) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(limits))
    with pytest.raises(InputError, match="min_pixels and max_pixels"):
        models.pixel_limits(tmp_path)


def test_an_action_comes_back_in_source_pixels(
    loaded: Engine, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    width, height = loaded.plan(image).resized_size
    x, y = width // 4, height // 2
    says(monkeypatch, loaded, f"Thought: at (1, 2).\nAction: scroll(start_box='({x},{y})', direction='down')")
    answer = loaded.ask(image, "scroll down")
    (action,) = answer.actions
    assert (action.name, action.arguments) == ("scroll", {"direction": "down"})
    assert answer.click == action.points[0].xy == pytest.approx((x * 333 / width, y * 200 / height))
    assert (answer.boxes, answer.points, answer.rejected) == ((), (), ())
    assert answer.notes == ("the thought before the action was set aside",)
    plain = json.loads(json.dumps(answer.as_dict()))
    assert plain["click"] == pytest.approx(answer.click)
    assert plain["actions"][0]["points"][0]["xy"] == plain["click"]


def test_numbers_of_another_frame_are_rejected(
    loaded: Engine, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, loaded, '{"point_2d": [900, 10]}')
    answer = loaded.locate(image, "it")
    assert (answer.points, answer.click, answer.found) == ((), None, False)
    (rejected,) = answer.rejected
    assert rejected.numbers == (900, 10)
    assert answer.as_dict()["rejected"][0]["reason"] == rejected.reason


def test_a_convention_is_the_requests_else_the_engines(
    folder: Path, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_ = saccade.load(folder, convention="thousandths")
    says(monkeypatch, engine_, '{"point_2d": [100, 100]}')
    answer = engine_.locate(image, "it")
    assert answer.click == pytest.approx((33.3, 20))
    assert answer.frames[0].convention == "thousandths"
    absolute = engine_.locate(image, "it", convention="absolute")
    assert absolute.frames[0].convention == "absolute"
    assert absolute.click == pytest.approx(engine_.plan(image).to_source((100, 100)))
    assert engine_.ask(image, "it?", convention="fractions").rejected
    with pytest.raises(InputError, match="convention: expected one of auto, absolute"):
        engine_.ask(image, "it?", convention="pixels")  # type: ignore[typeddict-item]
    with pytest.raises(InputError, match="convention: expected one of auto, absolute"):
        saccade.load(folder, convention="pixels")  # type: ignore[arg-type]
    assert engine_.locator.only_boxes(engine_.plan(image))._grammar.limits == (1000, 1000)
