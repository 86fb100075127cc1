"""Memory grows with the patches, is known before a request runs, and what does not fit is refused.

The largest sizes, and a tower with the widths of 7B, are in tests/long/test_memory.py.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import checkpoints
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import Engine, models
from mlx_saccade.backend import mx
from mlx_saccade.checkpoint import hub
from mlx_saccade.engine import request
from mlx_saccade.models import cpu_ops, memory
from mlx_saccade.preprocess import limits as options

HEADS = checkpoints.CONFIG["vision_config"]["num_heads"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> models.Model:
    return models.load(checkpoints.write(tmp_path_factory.mktemp("random")))


@pytest.fixture
def without_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attention's buffers are made and its products left out: they take minutes, and nothing that MLX counts."""
    monkeypatch.setattr(cpu_ops, "_attend", lambda *arrays, **named: None)


def peak(model: models.Model, grids: list[tuple[int, int, int]]) -> int:
    """Bytes that the tower takes at most beyond the weights, its patches included."""
    count = sum(frames * rows * columns for frames, rows, columns in grids)
    gc.collect()
    before = mx.get_active_memory()
    patches = mx.array(np.zeros((count, 588), np.uint8))
    mx.eval(patches)
    mx.reset_peak_memory()
    mx.eval(model.visual(patches, grids))
    return int(mx.get_peak_memory() - before)


def test_the_peak_is_linear_in_the_patches(model: models.Model, without_products: None) -> None:
    sides = [32, 64, 128, 192]
    sizes = np.array([side * side for side in sides], float)
    peaks = np.array([peak(model, [(1, side, side)]) for side in sides], float)
    slope, start = np.polyfit(sizes, peaks, 1)
    left = peaks - (start + slope * sizes)
    assert 1 - (left**2).sum() / ((peaks - peaks.mean()) ** 2).sum() > 0.99
    assert slope > 0
    assert peaks[-1] < HEADS * sizes[-1] ** 2 * 2 / 20


def test_all_of_attention_stays_within_the_prediction(model: models.Model) -> None:
    """With its products, at a size that takes a second."""
    assert peak(model, [(1, 64, 64)]) < HEADS * 4096**2 * 4 / 4
    assert 0.8 < memory.tower_bytes(model.config.vision, 4096, 1, mx.float32) / peak(model, [(1, 64, 64)]) < 1.2


def test_several_images_take_what_their_patches_take_and_no_square(model: models.Model) -> None:
    one, four = peak(model, [(1, 48, 48)]), peak(model, [(1, 48, 48)] * 4)
    assert four < 4.4 * one


@pytest.mark.parametrize("tokens", [256, 1280, 4096, 16384])
def test_the_tower_takes_what_was_predicted(model: models.Model, without_products: None, tokens: int) -> None:
    grid = saccade.plan((8000, 8000), budget=tokens).grid_thw
    patches = grid[1] * grid[2]
    assert patches > 3.8 * tokens
    predicted = memory.tower_bytes(model.config.vision, patches, 1, mx.float32)
    assert 0.8 < predicted / peak(model, [grid]) < 1.2


# -- the engine -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("whole")
    limits = {**checkpoints.PREPROCESSOR, "min_pixels": 3136, "max_pixels": 12845056}
    checkpoints.write(place, files={"preprocessor_config.json": limits})
    checkpoints.write_tokenizer(place)
    return place


@pytest.fixture
def screen() -> Iterator[np.ndarray]:
    yield np.random.RandomState(0).randint(0, 256, (1000, 1000, 3)).astype(np.uint8)


def loaded(folder: Path, **options: object) -> Engine:
    return saccade.load(folder, cache_memory=0, **options)


@pytest.mark.parametrize("budget", [64, 256, 1024])
def test_a_request_takes_what_was_estimated(folder: Path, screen: np.ndarray, budget: int) -> None:
    engine = loaded(folder)
    estimate = engine.estimate(screen, "what is there?", budget=budget, max_tokens=4)
    gc.collect()
    outside = mx.get_active_memory() - estimate.weights  # models of other tests
    mx.reset_peak_memory()
    engine.ask(screen, "what is there?", budget=budget, max_tokens=4)
    assert 0.8 < estimate.peak / (mx.get_peak_memory() - outside) < 1.2
    assert engine.estimate((1000, 1000), "what is there?", budget=budget, max_tokens=4) == estimate


def test_the_floats_of_quantized_weights_are_counted(tmp_path: Path, screen: np.ndarray) -> None:
    """A CPU writes them out to multiply many rows: one layer's at a time."""
    packed = models.convert(hub.find(None), tmp_path / "packed", bits=3, group_size=32, vision_bits=8).folder
    engine = loaded(packed)
    for budget in (64, 225):
        estimate = engine.estimate(screen, "what is there?", budget=budget, max_tokens=4)
        gc.collect()
        outside = mx.get_active_memory() - estimate.weights
        mx.reset_peak_memory()
        engine.ask(screen, "what is there?", budget=budget, max_tokens=4)
        assert 0.8 < estimate.peak / (mx.get_peak_memory() - outside) < 1.2


def test_what_does_not_fit_is_refused_before_anything_is_allocated(folder: Path, screen: np.ndarray) -> None:
    engine = loaded(folder)
    limit = engine.estimate(screen, "what?", budget=300).peak
    engine.memory_limit.limit = limit
    gc.collect()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    with pytest.raises(saccade.InputError, match=r"the request would take \d+ MB .*limit is \d+ MB") as refused:
        engine.ask(screen, "what?", budget=1024)
    assert mx.get_peak_memory() - before < 2**16
    assert mx.get_active_memory() == before
    largest = int(str(refused.value).partition("the largest budget that fits is ")[2].split()[0])
    assert largest >= 300
    assert engine.ask(screen, "what?", budget=largest, max_tokens=1).usage["answer"] == 1
    with pytest.raises(saccade.InputError, match="memory limit"):
        engine.ask(screen, "what?", budget=largest + 40)


def test_what_is_kept_counts_and_gives_way(folder: Path) -> None:
    """A limit with room for one question and two thirds of what the three before it left behind."""
    screens = [np.random.RandomState(seed).randint(0, 256, (700, 700, 3)).astype(np.uint8) for seed in range(4)]
    cold, engine = loaded(folder), saccade.load(folder)
    wanted = [cold.ask(one, "what?", budget=300, max_tokens=2).text for one in screens]
    for one in screens[:3]:
        engine.ask(one, "what?", budget=300, max_tokens=2)
    peak, kept = engine.estimate(screens[0], "what?", budget=300, max_tokens=2).peak, engine.counts.bytes
    del cold
    gc.collect()
    outside = mx.get_active_memory() - kept - engine.estimate((28, 28)).weights
    engine.memory_limit.limit = peak + kept * 2 // 3
    for _ in range(2):
        for one, text in zip(screens, wanted, strict=True):
            gc.collect()
            mx.reset_peak_memory()
            assert engine.ask(one, "what?", budget=300, max_tokens=2).text == text
            assert 0 < engine.counts.bytes <= engine.memory_limit.limit - peak
            assert mx.get_peak_memory() - outside <= engine.memory_limit.limit * 1.1
    assert engine.counts.evictions > 0
    engine.memory_limit.limit = peak
    assert engine.ask(screens[0], "what?", budget=300, max_tokens=2).text == wanted[0]
    assert engine.counts.bytes == 0, "what is kept was not given up for a question that needs it all"
    engine.memory_limit.limit = peak + kept
    for one in screens[:3]:
        engine.ask(one, "what?", budget=300, max_tokens=2)
    assert engine.counts.bytes == kept


def test_questions_at_once_are_refused_together(folder: Path, screen: np.ndarray) -> None:
    engine = loaded(folder)
    engine.memory_limit.limit = engine.estimate(screen, "what?", budget=300, max_tokens=2).peak * 5 // 4
    questions = [(screen, "what?")] * 8
    gc.collect()
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    with pytest.raises(saccade.InputError, match=r"the 8 questions at once would take \d+ MB .*limit is \d+ MB"):
        engine.ask_batch(questions, budget=300, max_tokens=2)
    assert mx.get_peak_memory() - before < 2**16
    assert len(engine.ask_batch(questions[:1], budget=300, max_tokens=2)) == 1


@pytest.mark.parametrize("rows", [2, 6])
def test_a_batch_takes_what_was_estimated(folder: Path, screen: np.ndarray, rows: int) -> None:
    engine = loaded(folder)
    plans, ids = engine.runner.count(request.question(screen, "what?", None), options.read(300, "budget"))
    gc.collect()
    outside = mx.get_active_memory() - engine.estimate((28, 28)).weights
    mx.reset_peak_memory()
    engine.ask_batch([(screen, "what?")] * rows, budget=300, max_tokens=2)
    estimate = engine.memory_limit.require_rows([(plans, len(ids))] * rows, 2)
    assert 0.8 < estimate / (mx.get_peak_memory() - outside) < 1.3


def test_no_budget_fits_where_the_weights_nearly_fill_the_limit(folder: Path, screen: np.ndarray) -> None:
    limit = memory.weight_bytes(models.load_lazy(folder)) + 1000
    with pytest.raises(saccade.InputError, match="no budget fits; raise memory_limit"):
        loaded(folder, memory_limit=limit).ask(screen, "what?")


def test_weights_that_alone_pass_the_limit_are_not_read(folder: Path) -> None:
    limit = memory.weight_bytes(models.load_lazy(folder)) - 1000
    gc.collect()
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    with pytest.raises(saccade.InputError, match=r"weights alone take \d+ MB in float32, .* Raise memory_limit"):
        loaded(folder, memory_limit=limit)
    assert mx.get_peak_memory() - before < limit // 4


def test_a_failed_request_leaves_no_memory_behind(
    folder: Path, screen: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = loaded(folder)
    answer = engine.ask(screen, "what?", budget=64, max_tokens=3)
    gc.collect()
    before = mx.get_active_memory()
    with monkeypatch.context() as patch:
        patch.setattr(cpu_ops, "attend_causally", lambda *arrays: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            engine.ask(screen, "what?", budget=256)
    gc.collect()
    assert mx.get_active_memory() <= before + 2**12
    assert engine.ask(screen, "what?", budget=64, max_tokens=3).text == answer.text


def test_prefill_grows_by_keys_and_values_alone(model: models.Model) -> None:
    """Chunks of 512 tokens: from 2,048 to 4,096 tokens the peak grows by what those tokens keep, and their scores."""

    def taken(length: int) -> int:
        prompt = model.prompt(np.arange(length) % 900)
        mx.eval(prompt.embeddings, prompt.position_ids)
        gc.collect()
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        mx.eval(model.prefill(prompt, model.model.make_cache()))
        return int(mx.get_peak_memory() - before)

    text = model.config.text
    kept = 2 * text.num_key_value_heads * text.head_dim * 4 * (text.num_hidden_layers + 1)
    scores = 256 * 4
    assert taken(4096) - taken(2048) < 1.2 * 2048 * (kept + scores)
    assert taken(4096) < 4096 * text.vocab_size * 4, "logits of all positions existed"
