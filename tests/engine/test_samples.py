"""Sampled looks: the image and the prompt are read once, and each sample is the answer of a look with its seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import media, models, scenes
from mlx_saccade.engine import Answer, Engine, runner
from mlx_saccade.engine.confidence import NumberTokens, TokenRecorder
from mlx_saccade.errors import InputError
from mlx_saccade.models import cpu_decode

SCREEN = scenes.generate(760_003, (1024, 640), smallest=56)
WHOLE = (0, 0, 1024, 640)
VIEWS = [
    (WHOLE, SCREEN.elements[0].description),
    ((0, 0, 600, 600), SCREEN.elements[2].description),
    (WHOLE, SCREEN.elements[1].description),
]
HOW: dict[str, Any] = {"temperature": 1.2, "seed": 3, "budget": 144}


@pytest.fixture(scope="module")
def uncached() -> Engine:
    """An engine without a cache, as a sweep uses it."""
    return saccade.load(compute_dtype="float32", cache_memory=0)


@pytest.mark.parametrize("way", ["NumPy's steps", "MLX's steps"])
def test_samples_are_the_looks_of_their_seeds(packaged: Engine, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    if way == "MLX's steps":  # those of a GPU
        monkeypatch.setattr(cpu_decode, "applies", lambda *_: False)
    frame = packaged.open(SCREEN.image)
    for view, answers in zip(VIEWS, packaged.sample_looks(frame, VIEWS, 4, **HOW), strict=True):
        for number, answer in enumerate(answers):
            (alone,) = packaged.look(frame, [view], **{**HOW, "seed": 3 + number})
            assert (answer.text, answer.boxes, answer.finish) == (alone.text, alone.boxes, alone.finish)
            assert answer.confidence == pytest.approx(alone.confidence, abs=1e-4)
            assert (answer.description, answer.frames) == (alone.description, alone.frames)
        assert len({answer.text for answer in answers}) > 1


def test_samples_read_the_image_and_the_prompt_once(uncached: Engine) -> None:
    frame, before = uncached.open(SCREEN.image), uncached.counts
    answers = uncached.sample_looks(frame, VIEWS, 5, **HOW)
    done = uncached.counts - before
    assert done.vision_calls == 2  # one for each crop
    assert done.prefill_tokens == sum(several[0].usage["prompt"] for several in answers)
    for first, *others in answers:
        assert first.usage["image"] > 0
        assert all(other.usage["prompt"] == other.usage["image"] == 0 < other.usage["answer"] for other in others)
        assert all(other.timings["prefill"] == 0 < first.timings["prefill"] for other in others)


def test_samples_in_several_batches_are_the_same(packaged: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = packaged.open(SCREEN.image)
    together = packaged.sample_looks(frame, VIEWS[:1], 5, **HOW)
    monkeypatch.setattr(runner, "ROWS", 2)
    apart = packaged.sample_looks(frame, VIEWS[:1], 5, **HOW)
    assert texts(together) == texts(apart)


def texts(answers: Sequence[Sequence[Answer]]) -> list[list[str]]:
    return [[answer.text for answer in several] for several in answers]


def test_samples_without_options_repeat(packaged: Engine) -> None:
    frame = packaged.open(SCREEN.image)
    first, second = (packaged.sample_looks(frame, VIEWS[:1], 6, budget=64) for _ in range(2))
    assert texts(first) == texts(second)
    assert texts(first) == texts(packaged.sample_looks(frame, VIEWS[:1], 6, budget=64, temperature=0.9, seed=0))
    assert len(set(texts(first)[0])) > 1


def test_samples_at_temperature_0_are_the_greedy_look(packaged: Engine) -> None:
    frame = packaged.open(SCREEN.image)
    (greedy,) = packaged.look(frame, VIEWS[:1], budget=144)
    (answers,) = packaged.sample_looks(frame, VIEWS[:1], 3, budget=144, temperature=0)
    assert {answer.text for answer in answers} == {greedy.text}


def test_constrained_samples_keep_to_the_grammar(random: Engine) -> None:
    frame = random.open(np.random.RandomState(0).randint(0, 256, (224, 336, 3)).astype(np.uint8))
    view = ((0, 0, 336, 224), "it")
    (answers,) = random.sample_looks(frame, [view], 4, constrained=True, seed=5)
    for number, answer in enumerate(answers):
        assert answer.text == random.look(frame, [view], constrained=True, temperature=0.9, seed=5 + number)[0].text
        assert answer.found or answer.text == "[]"
    assert any(answer.found for answer in answers)


def test_token_probability_is_the_mean_of_the_models_own(packaged: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    logs: dict[TokenRecorder, list[float]] = {}
    add = TokenRecorder.add

    def record(self: TokenRecorder, token: int, logits: Any) -> None:
        values = np.array(logits, np.float64)
        logs.setdefault(self, []).append(values[token] - np.log(np.exp(values - values.max()).sum()) - values.max())
        add(self, token, logits)

    monkeypatch.setattr(TokenRecorder, "add", record)
    (answers,) = packaged.sample_looks(packaged.open(SCREEN.image), VIEWS[:1], 3, **HOW)
    assert [len(own) for own in logs.values()] == [answer.usage["answer"] for answer in answers]
    for answer, own in zip(answers, logs.values(), strict=True):
        assert answer.token_probability == pytest.approx(np.exp(np.mean(own)), abs=1e-5)
    monkeypatch.undo()
    assert packaged.look(SCREEN.image, VIEWS[:1], budget=64)[0].token_probability is None


def test_token_probability_of_a_copied_recorder_is_that_of_its_tokens() -> None:
    recorder = TokenRecorder(NumberTokens({0: "0", 1: "1"}), every_token=True)
    for share in (0.5, 0.125, 0.001):
        recorder.add(2, mx.log(mx.array([0.9 - share, 0.1, share])))
    assert recorder.copy(2).token_probability() == pytest.approx(0.25)
    assert recorder.copy(0).token_probability() is None
    assert TokenRecorder(NumberTokens({})).token_probability() is None


@pytest.mark.parametrize("samples", [0, -1, 1.5, "3", None, True])
def test_a_bad_number_of_samples_is_refused(packaged: Engine, samples: Any) -> None:
    with pytest.raises(InputError, match="samples: expected a whole number of at least 1"):
        packaged.sample_looks(SCREEN.image, VIEWS, samples)


def test_unknown_options_of_samples_are_refused(packaged: Engine) -> None:
    with pytest.raises(InputError, match="unknown option 'temprature' of sample_looks"):
        packaged.sample_looks(SCREEN.image, VIEWS, 2, temprature=1.0)


def test_samples_above_the_memory_limit_are_refused(random: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = random.open(np.zeros((224, 336, 3), np.uint8))
    right = models.memory.estimate
    monkeypatch.setattr(models.memory, "estimate", lambda *args, rows=1: right(*args, rows=rows if rows < 2 else 10**6))
    with pytest.raises(InputError, match="at once would take"):
        random.sample_looks(frame, [((0, 0, 336, 224), "it")], 3)


# A policy's looks at one part of the image share its encoding, whatever the cache.


def looking_twice(engine: Engine, frame: media.Frame, words: Sequence[str], /, **options: Any) -> list[Answer]:
    """Look at the whole image, at a part, at both again and at the whole with another budget, a sample each."""
    whole, part = (0, 0, *frame.source_size), (100, 50, 700, 500)
    for crop in (whole, part, whole, part):
        answers = engine.look(frame, [(crop, text) for text in words], **options)
    engine.sample_looks(frame, [(whole, text) for text in words], 2, **options)
    engine.look(frame, [(whole, text) for text in words], **{**options, "budget": 16})
    return answers


@pytest.mark.parametrize("cached", [True, False])
def test_a_policy_encodes_each_crop_and_plan_once(packaged: Engine, uncached: Engine, cached: bool) -> None:
    engine = packaged if cached else uncached
    engine.forget()
    before = engine.counts
    answers = engine.locate(SCREEN.image, ["the red button", "it"], budget=64, policy=looking_twice)
    assert (engine.counts - before).vision_calls == 3
    assert [answer.text for answer in answers] == texts(
        [[engine.look(SCREEN.image, [((100, 50, 700, 500), text)], budget=64)[0] for text in ("the red button", "it")]]
    )[0]


def test_nothing_outlives_the_policy_of_an_engine_without_a_cache(uncached: Engine) -> None:
    before = uncached.counts
    for _ in range(2):
        uncached.locate(SCREEN.image, "it", budget=16, policy="flat")
    done = uncached.counts - before
    assert (done.vision_calls, done.reused_tokens, uncached.counts.bytes) == (2, 0, 0)
    with pytest.raises(RuntimeError):
        uncached.locate(SCREEN.image, "it", policy=broken)
    assert (uncached.store.lru.limit, uncached.counts.bytes) == (0, 0)


def broken(engine: Engine, frame: media.Frame, words: Sequence[str], /, **_: Any) -> list[Answer]:
    engine.look(frame, [((0, 0, 99, 99), text) for text in words])
    raise RuntimeError("broken")


def test_a_parameter_given_twice_is_refused(packaged: Engine) -> None:
    with pytest.raises(InputError, match="max_looks: expected once"):
        packaged.locate(SCREEN.image, "it", policy="flat:max_looks=1", max_looks=1)
