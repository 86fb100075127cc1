"""The confidence of an answer, beside a plain pass of the model over the same tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import models, scenes
from mlx_saccade.engine import Answer, Engine
from mlx_saccade.engine.confidence import NumberTokens, TokenRecorder
from mlx_saccade.grounding.written import WrittenPlace
from mlx_saccade.models import cpu_decode, cpu_ops

SCREEN = scenes.generate(760_003, (1024, 640), smallest=56)
DESCRIPTIONS = [element.description for element in SCREEN.elements[:6]]


def taught(engine: Engine, image: np.ndarray, question: str, tokens: Sequence[int]) -> np.ndarray:
    """Return the log-probabilities [tokens, vocabulary] of an answer's tokens, all read in one pass without a cache."""
    plan = engine.plan(image)
    content = [{"type": "image"}, {"type": "text", "text": question}]
    ids = engine.prompts.encode([{"role": "user", "content": content}], [plan.tokens])
    patches = saccade.patchify(image, plan, layout="reference")
    logits = engine.model([*ids, *tokens], patches, [plan.grid_thw])[0, len(ids) - 1 : -1]
    values = np.asarray(logits.astype(mx.float32), np.float64)
    values -= values.max(axis=1, keepdims=True)
    return values - np.log(np.exp(values).sum(axis=1, keepdims=True))


def nearest(low: float, high: float, value: float) -> float:
    return max(low - value, value - high, 0)


def expected(engine: Engine, image: np.ndarray, question: str, answer: Answer) -> float:
    """Return the confidence of an answer of one JSON box, by the definition, token by token."""
    tokens = tokens_of(engine, answer.text)
    logs = taught(engine, image, question, tokens)
    words = engine.prompts.number_tokens()
    texts = [engine.prompts.decode([token]) for token in tokens]
    match = re.search(r"\[(\d+), (\d+), (\d+), (\d+)\]", answer.text)
    assert match is not None
    starts = np.cumsum([0, *map(len, texts)])
    corners = [int(number) for number in match.groups()]
    confidence = 1.0
    for group, corner in enumerate(corners):
        tolerance = abs(corners[group % 2 + 2] - corners[group % 2]) / 4
        inside = [n for n in range(len(tokens)) if match.start(group + 1) <= starts[n] < match.end(group + 1)]
        whole, path, before = 0.0, 1.0, ""
        for index in inside:
            rest = len(str(corner)) - len(before) - len(texts[index])
            for token, word in words.items():
                low, high = int(before + word + "0" * rest), int(before + word + "9" * rest)
                if token != tokens[index] and nearest(low, high, corner) <= tolerance:
                    whole += path * np.exp(logs[index, token])
            path *= np.exp(logs[index, tokens[index]])
            before += texts[index]
        confidence *= whole + path
    return confidence


def tokens_of(engine: Engine, text: str) -> list[int]:
    """Return the tokens of an answer's text, in the way that these checkpoints write numbers."""
    whole = engine.prompts.encode([{"role": "user", "content": text}], [])
    empty = engine.prompts.encode([{"role": "user", "content": ""}], [])
    start = next(n for n, (a, b) in enumerate(zip(whole, empty, strict=False)) if a != b)
    return whole[start : start + len(whole) - len(empty)]


def question(description: str) -> str:
    return f"Locate {description}, output its bbox coordinates using JSON format."


def test_confidence_equals_a_plain_pass_of_the_packaged_checkpoint(packaged: Engine) -> None:
    descriptions = [*DESCRIPTIONS[:3], SCREEN.absent(0)]
    answers = packaged.locate(SCREEN.image, descriptions)
    assert [answer.found for answer in answers] == [True, True, True, False]
    for description, answer in zip(descriptions, answers, strict=True):
        if answer.found:
            wanted = expected(packaged, SCREEN.image, question(description), answer)
            assert answer.confidence == pytest.approx(wanted, abs=1e-4)
        else:
            assert answer.confidence is None


@pytest.mark.parametrize("options", [{}, {"temperature": 3.0, "seed": 5}, {"repetition_penalty": 1.3}], ids=str)
def test_confidence_of_digits_equals_a_plain_pass_before_grammar_and_sampling(
    random: Engine, options: dict[str, Any]
) -> None:
    image = np.random.RandomState(0).randint(0, 256, (224, 336, 3)).astype(np.uint8)
    answer = random.locate(image, "it", constrained=True, **options)
    if not answer.found:
        pytest.fail("the seeds were chosen for answers with a box")
    assert answer.confidence == pytest.approx(expected(random, image, question("it"), answer), rel=1e-3, abs=1e-7)
    assert answer.confidence is not None
    assert 0 < answer.confidence < 1


@pytest.mark.parametrize("way", ["rows", "shared image", "MLX's own steps", "a stream", "a sampler"])
def test_confidence_is_the_same_by_every_way(packaged: Engine, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    alone = packaged.locate(SCREEN.image, DESCRIPTIONS)
    if way == "rows":
        others = packaged.ask_batch([(SCREEN.image, question(text)) for text in DESCRIPTIONS])
    elif way == "shared image":
        others = packaged.shared_image(SCREEN.image).locate(DESCRIPTIONS)
    elif way == "a stream":
        chunks = [list(packaged.stream(SCREEN.image, question(text))) for text in DESCRIPTIONS]
        others = [one[-1].answer for one in chunks if one[-1].answer is not None]
    elif way == "a sampler":
        others = packaged.locate(SCREEN.image, DESCRIPTIONS, temperature=1.0, top_k=1)
    else:
        monkeypatch.setattr(cpu_decode, "applies", lambda *_: False)
        others = packaged.locate(SCREEN.image, DESCRIPTIONS)
    assert [answer.text for answer in others] == [answer.text for answer in alone]
    for one, other in zip(alone, others, strict=True):
        assert other.confidence == (None if one.confidence is None else pytest.approx(one.confidence, abs=1e-4))


def test_confidence_is_in_the_json_of_an_answer(packaged: Engine) -> None:
    answer = packaged.locate(SCREEN.image, DESCRIPTIONS[0])
    assert answer.as_dict()["confidence"] == answer.confidence
    several = packaged.ask([SCREEN.image, SCREEN.image], "which?", max_tokens=2)
    assert several.as_dict()["confidence"] is None


@pytest.mark.parametrize("way", ["NumPy", "MLX", "bfloat16"])
def test_log_probabilities_are_those_of_a_softmax_over_all_tokens(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    values = np.random.RandomState(1).standard_normal(500).astype(np.float32) * 8
    logits = mx.array(values).astype(mx.bfloat16 if way == "bfloat16" else mx.float32)
    values = np.asarray(logits.astype(mx.float32), np.float64)
    if way == "MLX":
        monkeypatch.setattr(cpu_ops, "applies", lambda *_: False)
    ids = np.array([3, 499, int(values.argmax())])
    logs = models.log_probabilities(logits, ids)
    assert isinstance(logs, np.ndarray) == (way == "NumPy")
    wanted = values[ids] - values.max() - np.log(np.exp(values - values.max()).sum())
    assert np.asarray(logs) == pytest.approx(wanted, abs=1e-5)


# By hand: tokens 0 to 9 are the digits, 10 is a comma.

DIGITS = NumberTokens({digit: str(digit) for digit in range(10)})
TEXTS = [*map(str, range(10)), ","]


def rated(written: str, shares: Sequence[dict[str, float]], tolerance: float) -> float | None:
    """Return the confidence of one number, each of whose tokens is drawn from these shares."""
    recorder = TokenRecorder(DIGITS)
    for character, share in zip(written, shares, strict=True):
        logits = np.full(11, -50.0, np.float32)
        for name, value in share.items():
            logits[TEXTS.index(name)] = np.log(value)
        recorder.add(TEXTS.index(character), mx.array(logits))
    place = WrittenPlace(((0, len(written)),), (tolerance, tolerance))
    return recorder.confidence(place, written, lambda ids: "".join(TEXTS[token] for token in ids))


def test_a_digit_next_to_the_written_one_counts_within_the_tolerance() -> None:
    shares: list[dict[str, float]] = [{"4": 1.0}, {"1": 0.6, "0": 0.3, "7": 0.1}, {"2": 0.5, "3": 0.3, "9": 0.2}]
    # 412; 413 and 419 are 1 and 7 away, 40x at least 3, 47x at least 58.
    assert rated("412", shares, 0) == pytest.approx(0.6 * 0.5)
    assert rated("412", shares, 1) == pytest.approx(0.6 * 0.8)
    assert rated("412", shares, 3) == pytest.approx(0.6 * 0.8 + 0.3)
    assert rated("412", shares, 7) == pytest.approx(0.6 + 0.3)
    assert rated("412", shares, 58) == pytest.approx(1.0)


def test_another_token_in_place_of_a_digit_is_another_number() -> None:
    assert rated("12", [{"1": 1.0}, {"2": 0.7, ",": 0.3}], 100) == pytest.approx(0.7)


def test_a_place_that_no_number_token_wrote_has_no_confidence() -> None:
    recorder = TokenRecorder(NumberTokens({5: "5"}))
    recorder.add(5, mx.zeros(6))
    place = WrittenPlace(((0, 1), (2, 3)), (1.0, 1.0))
    assert recorder.confidence(place, "5,5", lambda ids: "5" * len(ids)) is None
    assert recorder.confidence(WrittenPlace((), (1.0, 1.0)), "5", lambda ids: "5") is None


def test_whole_numbers_are_compared_as_wholes() -> None:
    """As the packaged checkpoint writes them: 99 and 101 are two apart, whatever their digits."""
    numbers = NumberTokens({0: "99", 1: "101", 2: "300"})
    recorder = TokenRecorder(numbers)
    recorder.add(1, mx.array(np.log([0.25, 0.5, 0.25]), dtype=mx.float32))
    for tolerance, share in ((1, 0.5), (2, 0.75), (199, 1.0)):
        place = WrittenPlace(((0, 3),), (tolerance, tolerance))
        assert recorder.confidence(place, "101", lambda ids: ["99", "101", "300"][ids[0]]) == pytest.approx(share)


def test_number_tokens_are_those_of_digits_alone(random: Engine) -> None:
    tokens = random.prompts.number_tokens()
    assert {str(digit) for digit in range(10)} <= set(tokens.values())
    assert all(random.prompts.decode([token]) == word for token, word in tokens.items())


def test_greedy_tokens_do_not_depend_on_an_observer(packaged: Engine, tmp_path: Path) -> None:
    model = packaged.model
    prompt = model.prompt(tokens_of(packaged, "what is at (1, 2)?"))
    seen: list[tuple[int, int]] = []
    written = []
    for observe in (None, lambda row, token, logits: seen.append((row, int(mx.argmax(logits))))):
        cache = model.model.make_cache()
        logits = model.prefill(prompt, cache)
        written.append(list(model.stream(prompt, cache, logits, 12, None, observe)))
    assert written[0] == written[1] == [token for _, token in seen]
