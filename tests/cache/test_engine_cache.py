"""Keys and values kept and read on from: the same to the bit, never disturbed by what is said later."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pictures
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import cache as caches
from mlx_saccade import models
from mlx_saccade.engine import Engine, prefill
from mlx_saccade.engine.answer import StageTimer
from mlx_saccade.errors import InputError
from mlx_saccade.models import cpu_decode, cpu_ops

TOLERANCE = 1e-5
START, END, IMAGE, VIDEO = 1002, 1003, 1004, 1005
# Text, an image of 6 x 7 tokens, text, one of 2 x 3, text: the images stand at 4..46 and 50..56 of 61 tokens.
GRIDS = ((1, 12, 14), (1, 4, 6))
IDS = [5, 6, 7, START, *[IMAGE] * 42, END, 8, 9, START, *[IMAGE] * 6, END, 10, 11, 12, 13]
PLACES = (1, 3, 4, 5, 25, 45, 46, 47, 49, 50, 52, 56, 57, 60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def model(folder: Path) -> models.Model:
    return models.load(folder)


@pytest.fixture
def loaded(folder: Path) -> Engine:
    return saccade.load(folder)


@pytest.fixture(scope="module")
def cold(folder: Path) -> Engine:
    return saccade.load(folder, cache_memory=0)


def prompt_of(model: models.Model, seed: int = 0) -> models.Prompt:
    random = np.random.RandomState(seed)
    pixels = random.randint(0, 256, (sum(t * h * w for t, h, w in GRIDS), 588)).astype(np.uint8)
    return model.prompt(IDS, pixels, np.array(GRIDS))


def head(prompt: models.Prompt, stop: int) -> models.Prompt:
    return replace(prompt, embeddings=prompt.embeddings[:, :stop], position_ids=prompt.position_ids[..., :stop])


def array(value: mx.array) -> np.ndarray:
    return np.array(value)


@pytest.mark.parametrize("place", PLACES)
def test_reading_on_from_any_place_equals_reading_it_all(model: models.Model, place: int) -> None:
    """Before, at the start of, inside, at the end of and behind each image."""
    prompt = prompt_of(model)
    whole = model.model.make_cache()
    wanted = array(model.prefill(prompt, whole))
    rest = model.model.make_cache()
    prefill.restore(rest, prefill.export(whole, 0, place))
    assert rest[0].offset == place
    found = array(model.prefill(prompt.after(place), rest))
    assert np.abs(found - wanted).max() <= TOLERANCE
    said = [list(model.stream(prompt, cache, mx.array(wanted), 8)) for cache in (whole, rest)]
    assert said[0] == said[1]


@pytest.mark.parametrize("place", PLACES)
def test_what_was_kept_reads_on_as_if_it_had_never_left_to_the_bit(model: models.Model, place: int) -> None:
    prompt = prompt_of(model)
    live, restored = model.model.make_cache(), model.model.make_cache()
    model.prefill(head(prompt, place), live)
    kept = caches.PrefixCache(caches.ByteLRU(10**9))
    rows = caches.keys.rows(IDS, model.position_ids(IDS, GRIDS)[0], [b"a" * 32, b"b" * 32], [42, 6], [IMAGE, VIDEO])
    kept.insert(rows[:place], lambda start, stop: prefill.export(live, start, stop))
    known, state = kept.longest(rows)
    assert known == place
    assert state is not None
    prefill.restore(restored, state)
    found, wanted = (array(model.prefill(prompt.after(place), cache)) for cache in (restored, live))
    assert (found == wanted).all()
    for one, other in zip(restored, live, strict=True):
        for part in range(2):
            assert mx.array_equal(one.state[part][:, :, : len(IDS)], other.state[part][:, :, : len(IDS)])


def question(words: str) -> str:
    return f"Say something about {words}."


WORDS = ("the left side", "the right side", "the middle", "nothing")


def test_what_is_said_later_does_not_disturb_what_is_kept(loaded: Engine, cold: Engine) -> None:
    """Each answer writes on behind the shared beginning; each question is then asked again."""
    image = pictures.noise(150, 110)
    wanted = [cold.ask(image, question(words), max_tokens=12).text for words in WORDS]
    for _ in range(3):
        assert [loaded.ask(image, question(words), max_tokens=12).text for words in WORDS] == wanted
    assert loaded.counts.vision_calls == 1
    assert loaded.counts.prefix_hits >= 11


def test_answers_that_are_given_at_once_do_not_disturb_each_other(loaded: Engine, cold: Engine) -> None:
    """Token by token in turn, all behind one shared beginning."""
    prompts, wanted = {}, {}
    for number, words in enumerate(WORDS):
        prompts[words] = [*IDS, 20 + number, 30 + number]
        wanted[words] = cold.model.generate(prompts[words], 10, **inputs())
    running = {words: spoken(loaded, ids) for words, ids in prompts.items()}
    found: dict[str, list[int]] = {words: [] for words in WORDS}
    while running:
        for words in list(running):
            token = next(running[words], None)
            if token is None:
                del running[words]
            else:
                found[words].append(token)
    assert found == wanted


def inputs() -> dict[str, Any]:
    random = np.random.RandomState(0)
    pixels = random.randint(0, 256, (sum(t * h * w for t, h, w in GRIDS), 588)).astype(np.uint8)
    return {"pixel_values": pixels, "image_grid_thw": np.array(GRIDS)}


def spoken(loaded: Engine, ids: list[int]) -> Any:
    """Tokens of an answer whose prompt is read on from what other answers have left."""
    model, kept = loaded.model, loaded.store.prefixes
    position_ids, delta = model.position_ids(ids, GRIDS)
    rows = caches.keys.rows(ids, position_ids, [b"a" * 32, b"b" * 32], [42, 6], [IMAGE, VIDEO])
    writer = prefill.PrefixWriter(kept, rows, delta)
    prompt, cache = model.prompt(ids, **inputs()), model.model.make_cache()
    known, state = kept.longest(rows[:-1])
    if state is not None:
        prefill.restore(cache, state)
    logits = model.prefill(prompt.after(known), cache)
    writer.write(cache)
    said: list[int] = []
    for token in model.stream(prompt, cache, logits, 10):
        writer.write(cache, said)
        said.append(token)
        yield token


def test_an_answer_is_kept_as_far_as_it_was_read(loaded: Engine) -> None:
    """What is kept of an answer is what reading it as part of a prompt would give."""
    tokens = list(spoken(loaded, IDS))
    longer = [*IDS, *tokens]
    position_ids, _ = loaded.model.position_ids(longer, GRIDS)
    rows = caches.keys.rows(longer, position_ids, [b"a" * 32, b"b" * 32], [42, 6], [IMAGE, VIDEO])
    known, state = loaded.store.prefixes.longest(rows)
    assert known == len(longer) - 1  # the last token was said and not read
    fresh = loaded.model.model.make_cache()
    loaded.model.prefill(loaded.model.prompt(longer, **inputs()), fresh)
    assert state is not None
    assert np.abs(array(state) - array(prefill.export(fresh, 0, known))).max() <= TOLERANCE


def test_requests_of_several_threads_are_answered_as_one_after_another(loaded: Engine, cold: Engine) -> None:
    images = [pictures.noise(120, 90, seed=seed) for seed in range(3)]
    asked = [(image, question(words)) for image in images for words in WORDS[:2]]
    wanted = [cold.ask(image, text, max_tokens=4).text for image, text in asked]
    found: list[str | BaseException] = [""] * len(asked)

    def work(number: int) -> None:
        try:
            image, text = asked[number]
            found[number] = loaded.ask(image, text, max_tokens=4).text
        except BaseException as error:
            found[number] = error

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == wanted


@pytest.mark.parametrize(("by_numpy", "kept"), [(True, 4), (False, 3)])
def test_an_answer_that_is_broken_off_leaves_nothing_half_read(
    loaded: Engine, cold: Engine, monkeypatch: pytest.MonkeyPatch, by_numpy: bool, kept: int
) -> None:
    """Ctrl-C while the second of three layers reads the fifth token; then a prompt that goes on from there.

    MLX is asked to read it before it is handed out: of the four that were, the last is not yet taken for read.
    """
    ids, layer = list(range(5, 25)), type(loaded.model.model.layers[1])
    owner, name, before_it = (cpu_ops, "swiglu_in_place", 0) if by_numpy else (layer, "__call__", 3)
    right, calls = getattr(owner, name), []

    def interrupted(*arguments: Any) -> Any:
        calls.append(name)
        if len(calls) == before_it + 4 * 3 + 2:
            raise KeyboardInterrupt
        return right(*arguments)

    with monkeypatch.context() as patch:
        if not by_numpy:
            patch.setattr(cpu_decode, "applies", lambda *which: False)
        patch.setattr(owner, name, interrupted)
        read = prefill.prefill(loaded.model, loaded.store, ids, [], StageTimer())
        with pytest.raises(KeyboardInterrupt):
            list(prefill.tokens(loaded.model, read, 12, models.greedy, StageTimer()))
    longer = [*ids, *cold.model.generate(ids, 5), 7, 8]
    before = loaded.counts
    found, wanted = (prefill.prefill(one.model, one.store, longer, [], StageTimer()).logits for one in (loaded, cold))
    assert (loaded.counts - before).reused_tokens == len(ids) + kept
    assert np.abs(array(found) - array(wanted)).max() <= TOLERANCE


@pytest.mark.parametrize("by_numpy", [True, False])
def test_an_answer_that_nobody_wants_to_hear_out_is_kept_as_far_as_it_went(
    loaded: Engine, cold: Engine, monkeypatch: pytest.MonkeyPatch, by_numpy: bool
) -> None:
    if not by_numpy:
        monkeypatch.setattr(cpu_decode, "applies", lambda *which: False)
    image = pictures.noise(150, 110)
    stream = loaded.stream(image, question("it"), max_tokens=12)
    next(stream)
    stream.close()
    before = loaded.counts
    wanted = cold.ask(image, question("it"), max_tokens=12).text
    assert loaded.ask(image, question("it"), max_tokens=12).text == wanted
    assert (loaded.counts - before).prefill_tokens == 1


# -- the folder --------------------------------------------------------------------------------------------------------


def test_a_later_run_finds_features_and_decodes_nothing(folder: Path, tmp_path: Path, cold: Engine) -> None:
    kept, path = tmp_path / "kept", tmp_path / "a.png"
    Image.fromarray(pictures.noise(150, 110)).save(path)
    wanted = cold.ask(path, "what is it?", max_tokens=6).text
    for memory in ("64MB", 0):
        saccade.load(folder, cache_dir=kept, cache_memory=memory).ask(path, "what is it?", max_tokens=1)
        later = saccade.load(folder, cache_dir=kept, cache_memory=memory)
        assert later.ask(path, "what is it?", max_tokens=6).text == wanted
        counts = later.counts
        assert (counts.decodes, counts.resizes, counts.vision_calls, counts.disk_hits) == (0, 0, 0, 1)


@pytest.mark.parametrize("damage", [b"", b"\x00" * 100, None], ids=["empty", "zeros", "cut"])
def test_damage_in_the_folder_costs_time_and_nothing_else(
    folder: Path, tmp_path: Path, cold: Engine, damage: bytes | None
) -> None:
    kept, image = tmp_path / "kept", Image.fromarray(pictures.noise(150, 110))
    path = tmp_path / "a.png"
    image.save(path)
    saccade.load(folder, cache_dir=kept).ask(path, "what is it?", max_tokens=1)
    files = list(kept.iterdir())
    assert len(files) == 2
    for file in files:
        file.write_bytes(file.read_bytes()[:-3] if damage is None else damage)
    later = saccade.load(folder, cache_dir=kept)
    assert later.ask(path, "what is it?", max_tokens=6).text == cold.ask(path, "what is it?", max_tokens=6).text
    assert (later.counts.vision_calls, later.counts.disk_faults) == (1, 2)
    again = saccade.load(folder, cache_dir=kept)
    again.ask(path, "what is it?", max_tokens=1)
    assert (again.counts.vision_calls, again.counts.disk_faults, again.counts.decodes) == (0, 0, 0)


def test_the_same_weights_elsewhere_are_the_same_tower(folder: Path, tmp_path: Path) -> None:
    kept, image = tmp_path / "kept", pictures.noise(150, 110)
    saccade.load(folder, cache_dir=kept).ask(image, "what is it?", max_tokens=1)
    elsewhere = saccade.load(shutil.copytree(folder, tmp_path / "copy"), cache_dir=kept)
    elsewhere.ask(image, "what is it?", max_tokens=1)
    assert elsewhere.counts.vision_calls == 0


@pytest.mark.parametrize("kind", ["qwen2-vl", "quantized tower"])
def test_every_kind_of_tower_is_known_again(folder: Path, tmp_path: Path, kind: str) -> None:
    """And by its own weights: features of the plain tower over the same image lie in the same folder."""
    kept, image, where = tmp_path / "kept", pictures.noise(150, 110), tmp_path / "other"
    if kind == "qwen2-vl":
        where.mkdir()
        checkpoints.write_whole(where, checkpoints.QWEN2_VL)
    else:
        models.convert(folder, where, bits=4, group_size=32, vision_bits=8)
    saccade.load(folder, cache_dir=kept).ask(image, "what is it?", max_tokens=1)
    first, second = (saccade.load(where, cache_dir=kept) for _ in range(2))
    said = [engine.ask(image, "what is it?", max_tokens=6).text for engine in (first, second)]
    assert (first.counts.vision_calls, second.counts.vision_calls) == (1, 0)
    assert said == [saccade.load(where, cache_memory=0).ask(image, "what is it?", max_tokens=6).text] * 2


@pytest.mark.parametrize("options", [{"cache_memory": "lots"}, {"cache_memory": -1}, {"cache_dir_size": "1 XB"}])
def test_an_amount_that_is_none_is_refused(folder: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(InputError, match=name):
        saccade.load(folder, cache_dir=tmp_path / "kept", **options)


def test_a_folder_that_cannot_be_used_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cache folder"):
        saccade.load(folder, cache_dir=tmp_path / "file")
