"""Candidates of one description: the forks of an answer, beside greedy answers that begin as they do."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import grounding, models, scenes
from mlx_saccade.engine import Engine, branches, runner
from mlx_saccade.engine.confidence import NumberTokens, TokenRecorder
from mlx_saccade.errors import InputError
from mlx_saccade.grounding.written import WrittenPlace

SCENE = scenes.generate(790_212, (1024, 640), smallest=56, ambiguous=True)
TWINS = next(pair for pair in SCENE.ambiguous if pair.description == "the cyan star icon")
SINGLE = SCENE.elements[0].description


def test_both_twins_are_candidates(packaged: Engine) -> None:
    answer = packaged.locate(SCENE.image, TWINS.description, candidates=3)
    for box in TWINS.boxes:
        assert max(grounding.iou(one.box.xyxy, box) for one in answer.candidates[:2]) > 0.7
    assert min(one.score for one in answer.candidates[:2]) > 0.1


@pytest.mark.parametrize("count", [1, 2, 4])
def test_candidates_are_the_answer_and_then_others_by_score(packaged: Engine, count: int) -> None:
    alone = packaged.locate(SCENE.image, TWINS.description, policy="flat")
    answer = packaged.locate(SCENE.image, TWINS.description, candidates=count, budget=256)
    assert (answer.text, answer.boxes, answer.usage) == (alone.text, alone.boxes, alone.usage)
    if count == 1:
        assert answer.candidates == ()
        return
    first, *others = answer.candidates
    assert 1 <= len(others) < count
    assert (first.box, first.score) == (answer.boxes[0], answer.confidence)
    assert first.score == pytest.approx(alone.confidence, abs=1e-4)
    assert [one.score for one in others] == sorted((one.score for one in others), reverse=True)
    assert all(0 <= one.score <= 1 for one in answer.candidates)
    for one, other in itertools.combinations(answer.candidates, 2):
        assert grounding.iou(one.box.xyxy, other.box.xyxy) < 0.5
    assert answer.as_dict()["candidates"] == [one.as_dict() for one in answer.candidates]


def test_a_fork_goes_on_as_the_model_does_after_its_beginning(
    packaged: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oracle reads prompt and beginning in one pass without any cache, and generates greedily."""
    seen: list[Any] = []
    right = branches.decode_forks

    def record(model: Any, prefilled: Any, tokens: Sequence[int], forks: Any, *rest: Any) -> Any:
        texts = right(model, prefilled, tokens, forks, *rest)
        seen.extend(
            (list(tokens), replace(fork, probability=0), text) for fork, (text, _) in zip(forks, texts, strict=True)
        )
        return texts

    monkeypatch.setattr(branches, "decode_forks", record)
    together = packaged.locate(SCENE.image, TWINS.description, candidates=3)
    assert len(seen) == branches.rows_of(3)
    forks = list(seen)
    monkeypatch.setattr(runner, "ROWS", 1)
    one_by_one = packaged.locate(SCENE.image, TWINS.description, candidates=3)
    assert seen == forks * 2
    for one, other in zip(together.candidates, one_by_one.candidates, strict=True):
        assert one.box == other.box
        assert one.score == pytest.approx(other.score, abs=1e-4)
    plan = packaged.plan(SCENE.image)
    question = f"Locate {TWINS.description}, output its bbox coordinates using JSON format."
    content = [{"type": "image"}, {"type": "text", "text": question}]
    ids = packaged.prompts.encode([{"role": "user", "content": content}], [plan.tokens])
    patches = saccade.patchify(SCENE.image, plan, layout="reference")
    for tokens, fork, text in forks[:2]:
        assert fork.token != tokens[fork.index]
        beginning = [*tokens[: fork.index], fork.token]
        rest = packaged.model.generate([*ids, *beginning], 16, pixel_values=patches, image_grid_thw=[plan.grid_thw])
        whole = packaged.prompts.decode([*beginning, *rest])
        assert text == whole.partition("}")[0]
        assert "}" in whole


def test_candidates_in_a_region_are_in_pixels_of_the_whole_image(packaged: Engine) -> None:
    whole = np.zeros((700, 1100, 3), np.uint8)
    whole[40:680, 60:1084] = SCENE.image
    alone = packaged.locate(SCENE.image, TWINS.description, candidates=3)
    answer = packaged.locate(whole, TWINS.description, candidates=3, region=(60, 40, 1024, 640))
    assert [one.box for one in answer.candidates] == [one.box.moved(60, 40) for one in alone.candidates]
    assert answer.candidates[0].box == answer.boxes[0]


def test_one_candidate_takes_no_pass_more(packaged: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branches, "decode_forks", None)
    assert packaged.locate(SCENE.image, TWINS.description, candidates=1).found


def test_without_a_box_there_are_no_candidates(packaged: Engine) -> None:
    answers = packaged.locate(SCENE.image, [SCENE.absent(0), SINGLE], candidates=3)
    assert [answer.found for answer in answers] == [False, True]
    assert answers[0].candidates == ()
    assert len(answers[1].candidates) > 1


def test_constrained_candidates_keep_to_the_grammar(random: Engine) -> None:
    image = np.random.RandomState(0).randint(0, 256, (224, 336, 3)).astype(np.uint8)
    answer = random.locate(image, "it", constrained=True, candidates=5)
    assert answer.found
    assert len(answer.candidates) > 1
    for one in answer.candidates:
        x1, y1, x2, y2 = one.box.xyxy
        assert 0 <= x1 <= x2 <= 336
        assert 0 <= y1 <= y2 <= 224


@pytest.mark.parametrize("value", [0, -1, 17, 1000, 1.5, "3", None, True])
def test_a_bad_number_of_candidates_is_refused_with_the_range(packaged: Engine, value: Any) -> None:
    with pytest.raises(InputError, match=r"candidates: expected a whole number from 1 to 16; got "):
        packaged.locate(SCENE.image, "it", candidates=value)


def test_candidates_beside_a_policy_are_refused(packaged: Engine) -> None:
    with pytest.raises(InputError, match="candidates: expected 1 with a policy"):
        packaged.locate(SCENE.image, "it", candidates=2, policy="search")


def test_candidates_above_the_memory_limit_are_refused(random: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.RandomState(0).randint(0, 256, (224, 336, 3)).astype(np.uint8)
    one = random.memory_limit.estimate_rows([((), 400)] * 2, 256).peak
    right = models.memory.estimate
    many = lambda *args, rows=1: right(*args, rows=rows if rows < 2 else 10**6)  # noqa: E731
    monkeypatch.setattr(models.memory, "estimate", many)
    assert one < random.memory_limit.limit
    with pytest.raises(InputError, match="at once would take"):
        random.locate(image, "it", constrained=True, candidates=3)


# By hand: tokens 0 to 9 are the digits.


def forks_of(
    text: str, shares: Sequence[dict[str, float]], tolerance: float, count: int
) -> list[tuple[int, int, float]]:
    recorder = TokenRecorder(NumberTokens({digit: str(digit) for digit in range(10)}))
    for character, share in zip(text, shares, strict=True):
        logits = np.full(11, -50.0, np.float32)
        for name, value in share.items():
            logits[int(name)] = np.log(value)
        recorder.add(int(character), mx.array(logits))
    place = WrittenPlace(((0, len(text)),), (tolerance, tolerance))
    forks = recorder.forks(place, text, lambda ids: "".join(map(str, ids)), count)
    return [(fork.index, fork.token, round(fork.probability, 3)) for fork in forks]


def test_forks_are_the_likeliest_numbers_far_from_the_written_one() -> None:
    shares: list[dict[str, float]] = [
        {"4": 0.8, "7": 0.2},
        {"1": 0.6, "0": 0.3, "9": 0.1},
        {"2": 0.5, "3": 0.3, "9": 0.2},
    ]
    # 413 is near 412, and so is 409 among 40x; 419, 49x and 7xx are not.
    assert forks_of("412", shares, 3, 5) == [(0, 7, 0.2), (2, 9, 0.096), (1, 9, 0.08)]
    assert forks_of("412", shares, 3, 1) == [(0, 7, 0.2)]
    assert forks_of("412", shares, 0, 5)[:2] == [(1, 0, 0.24), (0, 7, 0.2)]


def test_forks_to_numbers_near_each_other_are_one() -> None:
    shares: list[dict[str, float]] = [{"1": 0.4, "6": 0.25, "7": 0.25, "9": 0.1}]
    assert forks_of("1", shares, 1, 5) == [(0, 6, 0.5), (0, 9, 0.1)]


def test_a_cache_is_copied_for_rows(tmp_path: Path) -> None:
    cache = models.KVCache()
    keys = mx.random.normal((1, 2, 7, 4))
    cache.append(keys, keys + 1)
    copy = cache.copy(3, 5)
    more = mx.zeros((3, 2, 1, 4))
    got, _ = copy.append(more, more)
    assert cache.offset == 7
    assert copy.offset == 6
    for row in range(3):
        assert np.array_equal(np.asarray(got[row, :, :5]), np.asarray(keys[0, :, :5]))
