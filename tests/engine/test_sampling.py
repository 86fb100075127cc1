"""Choosing the next token: against a plain form that keeps one token at a time, and by what the draws come to."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlx_saccade.engine import sampling as room
from mlx_saccade.engine.sampling import RandomSampler, Sampling
from mlx_saccade.errors import InputError


def plain(logits: list[float], sampling: Sampling, seen: set[int]) -> dict[int, float]:
    """Probability of each token that may be drawn, one step after another over the whole vocabulary."""
    values = dict(enumerate(logits))
    for token in seen & set(values):
        penalty = sampling.repetition_penalty
        values[token] = values[token] / penalty if values[token] > 0 else values[token] * penalty
    ranked = sorted((token for token in values if values[token] > -math.inf), key=lambda token: (-values[token], token))
    if sampling.temperature == 0:
        return {ranked[0]: 1.0}
    if sampling.top_k is not None:
        ranked = ranked[: sampling.top_k]
    top = values[ranked[0]] / sampling.temperature
    weights = {token: math.exp(values[token] / sampling.temperature - top) for token in ranked}
    total = math.fsum(weights.values())
    kept, held = {}, 0.0
    for token in ranked:
        kept[token] = weights[token] / total
        held += kept[token]
        if sampling.top_p < 1 and held >= sampling.top_p:
            break
    kept = {token: share for token, share in kept.items() if share >= sampling.min_p * kept[ranked[0]]}
    total = math.fsum(kept.values())
    return {token: share / total for token, share in kept.items()}


# Values a multiple of 1/8 apart have ties, and sums far enough from the limits that rounding decides nothing.
vocabularies = st.lists(st.integers(-40, 40).map(lambda eighth: eighth / 8), min_size=1, max_size=40)
samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.25, 1.0, 3.0]),
    top_p=st.floats(0.013, 0.987) | st.just(1.0),
    top_k=st.none() | st.integers(1, 50),
    min_p=st.just(0.0) | st.floats(0.011, 0.97),
    repetition_penalty=st.sampled_from([1.0, 0.5, 1.5]),
)


@settings(max_examples=300)
@given(vocabularies, samplings, st.sets(st.integers(0, 45), max_size=8), st.integers(1, 50))
def test_the_distribution_is_the_plain_ones(logits: list[float], sampling: Sampling, seen: set[int], head: int) -> None:
    before = room._HEAD
    room._HEAD = head  # so that the short way and the sort both run
    try:
        tokens, shares = RandomSampler(sampling, list(seen)).distribution(np.array(logits, np.float32))
    finally:
        room._HEAD = before
    wanted = plain(logits, sampling, seen)
    assert dict(zip(tokens.tolist(), shares.tolist(), strict=True)) == pytest.approx(wanted, abs=1e-12)


def draws(logits: list[float], count: int, **options: Any) -> list[int]:
    """Tokens drawn by one sampler, whose own draws are not held against them."""
    sampler = RandomSampler(Sampling(**options))
    return [sampler(np.array(logits)) for _ in range(count)]


def test_draws_come_as_often_as_their_probabilities_say() -> None:
    logits = [2.0, 1.0, 0.0, -1.0, 1.5]
    wanted = plain(logits, Sampling(temperature=0.8), set())
    count = 20_000
    found = Counter(draws(logits, count, temperature=0.8, seed=11))
    for token, share in wanted.items():
        spread = math.sqrt(count * share * (1 - share))
        assert abs(found[token] - count * share) < 5 * spread


def test_what_was_cut_is_never_drawn_and_the_rest_keeps_its_proportions() -> None:
    logits = [3.0, 2.0, 1.0, 0.0]
    found = Counter(draws(logits, 20_000, temperature=1.0, top_k=2, seed=3))
    assert set(found) == {0, 1}
    assert found[0] / found[1] == pytest.approx(math.e, rel=0.06)


@pytest.mark.parametrize("count", [1, 2, 30])
def test_one_seed_is_one_answer(count: int) -> None:
    logits = np.random.RandomState(0).standard_normal(500).tolist()
    first, again, other = (draws(logits, count, temperature=1.5, seed=seed) for seed in (7, 7, 8))
    assert first == again
    assert count < 30 or first != other


def test_without_a_seed_answers_differ() -> None:
    logits = [0.0] * 1000
    assert draws(logits, 8, temperature=1.0) != draws(logits, 8, temperature=1.0)


def test_forbidden_tokens_are_not_drawn() -> None:
    logits = [5.0, -math.inf, 0.0, -math.inf]
    assert set(draws(logits, 300, temperature=50.0, seed=1)) == {0, 2}
    assert draws([-math.inf, 1.0], 3) == [1, 1, 1]


@pytest.mark.parametrize("temperature", [5e-324, 1e-310, 1e-30, 1e300])
def test_no_temperature_overflows(temperature: float) -> None:
    tokens, shares = RandomSampler(Sampling(temperature=temperature)).distribution(
        np.array([30.0, -math.inf, 31.0, -900.0])
    )
    assert np.isfinite(shares).all()
    assert shares.sum() == pytest.approx(1)
    assert tokens[shares.argmax()] == (2 if temperature < 1 else 0)


def test_a_penalty_moves_greedy_on_to_what_was_not_said_yet() -> None:
    sampler = RandomSampler(Sampling(repetition_penalty=1.5), [3])
    logits = np.array([1.0, 1.2, 1.4, 1.6])
    assert [sampler(logits) for _ in range(4)] == [2, 1, 3, 3]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("temperature", value) for value in (-0.1, math.nan, math.inf, "1", True, None)),
        *(("top_p", value) for value in (0, -1, 1.01, math.nan, "0.9")),
        *(("top_k", value) for value in (0, -3, 1.5, True, "5")),
        *(("min_p", value) for value in (-0.01, 1.5, math.nan)),
        *(("repetition_penalty", value) for value in (0, -1, math.inf, 1e-308, 1e308)),
        *(("seed", value) for value in (-1, 0.5, "a")),
    ],
)
def test_values_outside_their_range_are_refused_by_name(option: str, value: object) -> None:
    with pytest.raises(InputError, match=option):
        Sampling(**{option: value})  # type: ignore[arg-type]
