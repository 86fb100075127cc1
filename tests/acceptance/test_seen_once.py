"""An image is seen once and a prompt's beginning read once; and never is one image taken for another."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pictures
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import cache, media
from mlx_saccade.engine import Engine

TOLERANCE = 1e-5
QUESTION = "what is it?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def cold(folder: Path) -> Engine:
    return saccade.load(folder, cache_memory=0)


@pytest.fixture
def warm(folder: Path) -> Engine:
    return saccade.load(folder)


def picture(seed: int, width: int = 200, height: int = 150) -> np.ndarray:
    return pictures.noise(width, height, seed=seed)


def file_of(pixels: np.ndarray, path: Path, **options: Any) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


class Spent:
    counts: cache.Counts


@contextmanager
def counted(engine: Engine) -> Iterator[Spent]:
    """What the block takes of an engine."""
    spent, before = Spent(), engine.counts
    yield spent
    spent.counts = engine.counts - before


def logits(engine: Engine, ask: Callable[[Engine], Any]) -> np.ndarray:
    """The logits that follow the prompt of a question."""
    seen: list[np.ndarray] = []
    prefill = engine.model.prefill

    def recorded(*arguments: Any, **named: Any) -> Any:
        made = prefill(*arguments, **named)
        seen.append(np.array(made))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.model, "prefill", recorded)
        ask(engine)
    assert len(seen) == 1
    return seen[0]


def same(warm: Engine, cold: Engine, ask: Callable[[Engine], Any]) -> None:
    """Both engines give the same logits, and the same text."""
    assert np.abs(logits(warm, ask) - logits(cold, ask)).max() <= TOLERANCE
    assert ask(warm).text == ask(cold).text


def asking(images: Any, text: str = QUESTION, **options: Any) -> Callable[[Engine], Any]:
    return lambda engine: engine.ask(images, text, max_tokens=4, **options)


def test_the_same_image_is_encoded_once(warm: Engine, cold: Engine, tmp_path: Path) -> None:
    pixels = picture(0)
    path = file_of(pixels, tmp_path / "a.png")
    forms = [path, str(path), path.read_bytes(), pixels, Image.fromarray(pixels), media.open_image(path)]
    with counted(warm) as spent:
        answers = [warm.ask(form, QUESTION, max_tokens=4).text for form in forms]
    assert spent.counts.vision_calls == 1
    assert spent.counts.patches == warm.plan(pixels).patches
    assert set(answers) == {cold.ask(path, QUESTION, max_tokens=4).text}


def test_the_same_file_is_neither_decoded_nor_resized_again(warm: Engine, tmp_path: Path) -> None:
    path = file_of(picture(0), tmp_path / "a.png")
    with counted(warm) as first:
        warm.ask(path, QUESTION, max_tokens=1)
    with counted(warm) as second:
        warm.ask(path, "and what color?", max_tokens=1)
    assert (first.counts.decodes, first.counts.resizes, first.counts.vision_calls) == (1, 1, 1)
    assert (second.counts.decodes, second.counts.resizes, second.counts.vision_calls) == (0, 0, 0)


def test_the_same_bytes_under_another_name_are_a_hit(warm: Engine, tmp_path: Path) -> None:
    path = file_of(picture(0), tmp_path / "a.png")
    warm.ask(path, QUESTION, max_tokens=1)
    with counted(warm) as spent:
        warm.ask(shutil.copy(path, tmp_path / "b.jpg"), QUESTION, max_tokens=1)
    assert (spent.counts.decodes, spent.counts.vision_calls) == (0, 0)


def test_the_same_pixels_in_another_file_are_decoded_but_not_encoded(warm: Engine, tmp_path: Path) -> None:
    warm.ask(file_of(picture(0), tmp_path / "a.png"), QUESTION, max_tokens=1)
    with counted(warm) as spent:
        warm.ask(file_of(picture(0), tmp_path / "a.bmp"), QUESTION, max_tokens=1)
    assert (spent.counts.decodes, spent.counts.vision_calls) == (1, 0)


def test_new_bytes_under_the_same_name_are_another_image(warm: Engine, cold: Engine, tmp_path: Path) -> None:
    """A file overwritten within one tick of the clock, with as many bytes as before."""
    path = file_of(picture(0), tmp_path / "frame.bmp")
    before = path.stat()
    warm.ask(path, QUESTION, max_tokens=4)
    file_of(picture(1), path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    with counted(warm) as spent:
        warm.ask(path, QUESTION, max_tokens=1)
    assert spent.counts.vision_calls == 1
    same(warm, cold, asking(path))


def test_one_level_of_one_pixel_is_another_image(warm: Engine, cold: Engine) -> None:
    width, height = warm.plan((400, 300)).resized_size
    pixels = picture(0, width, height)  # shown as it is, so that no rounding swallows the difference
    touched = pixels.copy()
    touched[-1, -1, 2] ^= 1
    warm.ask(pixels, QUESTION, max_tokens=1)
    with counted(warm) as spent:
        warm.ask(touched, QUESTION, max_tokens=1)
    assert spent.counts.vision_calls == 1
    same(warm, cold, asking(touched))


def test_another_budget_is_another_image(warm: Engine, cold: Engine, tmp_path: Path) -> None:
    path = file_of(picture(0), tmp_path / "a.png")
    warm.ask(path, QUESTION, budget=30, max_tokens=1)
    with counted(warm) as spent:
        warm.ask(path, QUESTION, budget=20, max_tokens=1)
    assert (spent.counts.decodes, spent.counts.vision_calls) == (1, 1)
    with counted(warm) as spent:
        warm.ask(path, QUESTION, budget=30, max_tokens=1)
    assert (spent.counts.decodes, spent.counts.vision_calls) == (0, 0)
    same(warm, cold, asking(path, budget=20))
    same(warm, cold, asking(path, budget=30))


def test_another_orientation_is_another_image(warm: Engine, cold: Engine, tmp_path: Path) -> None:
    upright, turned = (tmp_path / f"{number}.png" for number in (1, 3))
    for path, number in ((upright, 1), (turned, 3)):
        file_of(picture(0), path, exif=pictures.exif(number))
        with counted(warm) as spent:
            warm.ask(path, QUESTION, max_tokens=1)
        assert spent.counts.vision_calls == 1
    same(warm, cold, asking(turned))
    same(warm, cold, asking(upright))


@pytest.mark.parametrize("policy", [{"color": "ignore"}, {"background": (0, 0, 0)}, {"background": None}])
def test_another_color_policy_is_another_image(folder: Path, tmp_path: Path, policy: dict[str, Any]) -> None:
    """Two engines meet in one cache folder, over one file that each reads in its own way."""
    rgba = np.concatenate([picture(0), picture(1)[:, :, :1]], axis=2)
    path = file_of(rgba, tmp_path / "a.png", icc_profile=pictures.rgb_profile(pictures.DISPLAY_P3, None))
    kept, options = tmp_path / "kept", media.ImageOptions(**policy)
    saccade.load(folder, cache_dir=kept).ask(path, QUESTION, max_tokens=1)
    other = saccade.load(folder, cache_dir=kept, image_options=options)
    with counted(other) as spent:
        found = logits(other, asking(path))
    assert (spent.counts.decodes, spent.counts.vision_calls) == (1, 1)
    wanted = logits(saccade.load(folder, cache_memory=0, image_options=options), asking(path))
    assert np.abs(found - wanted).max() <= TOLERANCE


@pytest.mark.parametrize("change", ["another model", "an adapter", "another precision"])
def test_another_tower_finds_nothing_of_this_ones(folder: Path, tmp_path: Path, change: str) -> None:
    """Two engines meet in one cache folder."""
    kept, pixels = tmp_path / "kept", picture(0)
    other, dtype = tmp_path / "other", None
    other.mkdir()
    if change == "another precision":
        other, dtype = folder, "bfloat16"
    else:
        weights = checkpoints.weights(checkpoints.config(), seed=2 if change == "another model" else 1)
        weights["visual.blocks.2.attn.proj.weight"][3, 4] += 0.5
        checkpoints.write_whole(other)
        checkpoints.save_tensors(other / "model.safetensors", weights)
    saccade.load(folder, cache_dir=kept).ask(pixels, QUESTION, max_tokens=1)
    stranger = saccade.load(other, compute_dtype=dtype, cache_dir=kept)
    stranger.ask(pixels, QUESTION, max_tokens=1)
    assert stranger.counts.vision_calls == 1
    again = saccade.load(folder, cache_dir=kept)
    again.ask(pixels, QUESTION, max_tokens=1)
    assert (again.counts.vision_calls, again.counts.disk_hits) == (0, 1)


def test_two_images_in_the_other_order_are_not_encoded_again(warm: Engine, cold: Engine) -> None:
    first, second = picture(0), picture(1, 120, 90)
    forwards, backwards = asking([first, second]), asking([second, first])
    logits(warm, forwards)
    with counted(warm) as spent:
        turned = logits(warm, backwards)
    assert spent.counts.vision_calls == 0
    assert np.abs(turned - logits(cold, backwards)).max() <= TOLERANCE
    assert np.abs(turned - logits(cold, forwards)).max() > 100 * TOLERANCE
    same(warm, cold, backwards)


def test_equal_words_about_another_image_are_another_question(warm: Engine, cold: Engine) -> None:
    """Images of one size, so that the token ids of both prompts are the same."""
    found = []
    for seed in range(4):
        with counted(warm) as spent:
            found.append(logits(warm, asking(picture(seed))))
        assert spent.counts.vision_calls == 1
        assert np.abs(found[-1] - logits(cold, asking(picture(seed)))).max() <= TOLERANCE
    for number, one in enumerate(found):
        for other in found[:number]:
            assert np.abs(one - other).max() > 100 * TOLERANCE


def test_the_second_of_two_images_is_told_apart_too(warm: Engine, cold: Engine) -> None:
    first = picture(0)
    for seed in (1, 2):
        same(warm, cold, asking([first, picture(seed)]))
    same(warm, cold, asking([first, first]))


def test_another_question_about_the_same_image_takes_its_own_words_alone(warm: Engine, cold: Engine) -> None:
    pixels = picture(0)
    warm.ask(pixels, "one thing", max_tokens=1)
    with counted(warm) as spent:
        found = logits(warm, asking(pixels, "another"))
    prompts = [warm.prompts.encode(*told(warm, pixels, text)) for text in ("one thing", "another")]
    shared = next(n for n, (a, b) in enumerate(zip(*prompts, strict=False)) if a != b)
    assert spent.counts.reused_tokens == shared > warm.plan(pixels).tokens
    assert spent.counts.prefill_tokens == len(prompts[1]) - shared
    assert np.abs(found - logits(cold, asking(pixels, "another"))).max() <= TOLERANCE


def told(engine: Engine, pixels: np.ndarray, text: str) -> tuple[list[Any], list[int]]:
    message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}
    return [message], [engine.plan(pixels).tokens]


def turn(text: str, *images: np.ndarray) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "image", "image": image} for image in images]
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


REPLY = {"role": "assistant", "content": "I see."}


def test_a_turn_that_shows_another_image_takes_that_image_and_what_follows_alone(warm: Engine, cold: Engine) -> None:
    messages = [turn("compare", picture(0), picture(1)), REPLY, turn("and now?"), REPLY]
    warm.chat(messages[:3], max_tokens=1)
    before = warm.count_tokens(messages[:3])
    talk = [*messages, turn("and this?", picture(2, 120, 90))]
    with counted(warm) as spent:
        found = logits(warm, lambda engine: engine.chat(talk, max_tokens=4))
    assert spent.counts.vision_calls == 1
    assert spent.counts.patches == warm.plan((120, 90)).patches
    assert spent.counts.reused_tokens == before
    assert spent.counts.prefill_tokens == warm.count_tokens(talk) - before
    assert np.abs(found - logits(cold, lambda engine: engine.chat(talk, max_tokens=4))).max() <= TOLERANCE


def test_three_pages_asked_eight_questions_are_seen_once(warm: Engine, tmp_path: Path) -> None:
    pages = [file_of(picture(seed), tmp_path / f"{seed}.png") for seed in range(3)]
    with counted(warm) as spent:
        for number in range(8):
            warm.ask(pages, f"question {number}", max_tokens=2)
    assert (spent.counts.vision_calls, spent.counts.decodes) == (3, 3)
    assert spent.counts.prefill_tokens < 2 * warm.count_tokens(pages, "question 0")


def test_an_agents_screens_are_each_seen_once(warm: Engine, cold: Engine) -> None:
    """Twenty steps of which the last three screens are shown; older ones become a word."""
    steps = [turn(f"step {number}", picture(number, 90, 60)) for number in range(20)]
    with counted(warm) as spent:
        for now in range(1, 21):
            shown = [steps[n] if n >= now - 3 else turn(f"step {n}: a screen") for n in range(now)]
            talk = [message for one in shown for message in (one, REPLY)][:-1]
            warm.chat(talk, max_tokens=1)
    assert spent.counts.vision_calls == 20
    same(warm, cold, lambda engine: engine.chat(talk, max_tokens=2))


def test_an_old_image_replaced_by_a_word_leaves_what_was_before_it_known(warm: Engine, cold: Engine) -> None:
    talk = [turn("first", picture(0)), REPLY, turn("second", picture(1)), REPLY, turn("third", picture(2))]
    stub = [talk[0], REPLY, turn("second: a screen"), REPLY, talk[4]]
    warm.chat(talk, max_tokens=1)
    with counted(warm) as spent:
        found = logits(warm, lambda engine: engine.chat(stub, max_tokens=1))
    assert spent.counts.vision_calls == 0
    assert spent.counts.reused_tokens >= warm.count_tokens(talk[:1]) + len("I see.")
    assert np.abs(found - logits(cold, lambda engine: engine.chat(stub, max_tokens=1))).max() <= TOLERANCE


def test_what_was_dropped_for_room_is_computed_anew_and_right(folder: Path, cold: Engine) -> None:
    """Room for the features and the prompt of about two images; five come round twice."""
    limit = 600_000
    small = saccade.load(folder, cache_memory=limit)
    asked = [asking(picture(seed)) for seed in range(5)]
    for ask in [*asked, *asked]:
        same(small, cold, ask)
        assert small.counts.bytes <= limit
    assert small.counts.evictions > 0
    assert small.counts.vision_calls > 5


def test_the_cache_can_be_off(cold: Engine, tmp_path: Path) -> None:
    path = file_of(picture(0), tmp_path / "a.png")
    with counted(cold) as spent:
        cold.ask(path, QUESTION, max_tokens=1)
        cold.ask(path, QUESTION, max_tokens=1)
    assert (spent.counts.decodes, spent.counts.vision_calls, spent.counts.reused_tokens) == (2, 2, 0)
    assert cold.counts.bytes == 0


def test_rows_of_a_batch_share_what_they_show(warm: Engine, cold: Engine) -> None:
    first, second = picture(0), picture(1, 120, 90)
    asked = [(first, "one"), (second, "two"), ([first, second], "three")]
    with counted(warm) as spent:
        found = [answer.text for answer in warm.ask_batch(asked, max_tokens=4)]
    assert spent.counts.vision_calls == 2
    assert found == [cold.ask(images, text, max_tokens=4).text for images, text in asked]


def test_what_is_forgotten_is_computed_anew(warm: Engine) -> None:
    pixels = picture(0)
    warm.ask(pixels, QUESTION, max_tokens=1)
    warm.forget()
    assert warm.counts.bytes == 0
    with counted(warm) as spent:
        warm.ask(pixels, QUESTION, max_tokens=1)
    assert (spent.counts.vision_calls, spent.counts.reused_tokens) == (1, 0)


def test_an_animation_that_stands_still_is_one_image(warm: Engine, cold: Engine) -> None:
    """The screen between two steps of an agent, encoded anew each time with other settings."""
    pixels = picture(3)
    answers = set()
    with counted(warm) as spent:
        for level in (1, 6, 9):
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "PNG", compress_level=level)
            answers.add(warm.ask(stream.getvalue(), QUESTION, max_tokens=4).text)
    assert spent.counts.vision_calls == 1
    assert answers == {cold.ask(pixels, QUESTION, max_tokens=4).text}
