"""One to eight images over five turns: their tokens, their places, and the reference's answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade.engine import Engine
from mlx_saccade.errors import InputError

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
import talks  # noqa: E402

STORED = json.loads((GOLDEN / "conversations.json").read_text(encoding="utf-8"))["turns"]
IMAGE = 1004
EVERY = range(len(STORED))


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "conversations.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return saccade.load(checkpoints.write_whole(tmp_path_factory.mktemp("turns")), budget="checkpoint", cache_memory=0)


def filled(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def part(given: dict[str, Any]) -> dict[str, Any]:
        shown = given["type"] == "image"
        return {"type": "image", "image": talks.image(given["size"], given["seed"])} if shown else given

    return [{**message, "content": [*map(part, message["content"])]} for message in messages]


def pictures(number: int) -> list[np.ndarray]:
    return [talks.image(part["size"], part["seed"]) for part in talks.parts(talks.turns()[number], "image")]


@pytest.mark.parametrize("number", EVERY)
def test_answers_are_the_references(engine: Engine, golden: dict[str, np.ndarray], number: int) -> None:
    messages = filled(talks.turns()[number])
    answer = engine.chat(messages, max_tokens=talks.NEW_TOKENS)
    assert answer.text == engine.prompts.decode(golden[f"{number}/tokens"].tolist())
    assert answer.usage["prompt"] == len(STORED[number])
    assert [frame.source_size for frame in answer.frames] == [
        part["size"] for part in talks.parts(talks.turns()[number], "image")
    ]
    assert len(answer.frames) == number + 1


@pytest.mark.parametrize("number", [0, 7])
def test_logits_and_places_are_the_references(engine: Engine, golden: dict[str, np.ndarray], number: int) -> None:
    ids = np.array(STORED[number])
    plans = [engine.plan(picture) for picture in pictures(number)]
    patches = np.concatenate([saccade.patchify(*one) for one in zip(pictures(number), plans, strict=True)])
    grids = [plan.grid_thw for plan in plans]
    runs = np.flatnonzero(np.diff(np.concatenate([[0], ids == IMAGE, [0]])))
    assert (runs[1::2] - runs[::2]).tolist() == [int(np.prod(grid)) // 4 for grid in grids]
    prompt = engine.model.prompt(ids, patches, grids)
    features = np.asarray(engine.model.image_features(patches, grids))
    words = np.asarray(engine.model.model.embed_tokens(mx.array(ids)))
    rows = np.asarray(prompt.embeddings)[0]
    assert (rows[ids == IMAGE] == features).all()
    assert (rows[ids != IMAGE] == words[ids != IMAGE]).all()
    logits = engine.model.prefill(prompt, engine.model.model.make_cache())
    assert np.abs(np.asarray(logits)[0, talks.COLUMNS] - golden[f"{number}/last"]).max() <= 1e-4


def test_more_or_fewer_images_than_places_are_named(engine: Engine) -> None:
    ids = np.array(STORED[1])
    plan = engine.plan(pictures(1)[0])
    patches = saccade.patchify(pictures(1)[0], plan)
    wanted, given = int((ids == IMAGE).sum()), plan.tokens
    with pytest.raises(InputError, match=f"{wanted} image tokens in the prompt, but the images make {given}"):
        engine.model(ids, patches, [plan.grid_thw])
    shown = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}]
    with pytest.raises(InputError, match=r"expected 2 images in .*; got 1"):
        engine.prompts.encode(shown, [4, 4])
    with pytest.raises(InputError, match="message 0, part 0: has no 'image'"):
        engine.chat(shown)


def test_a_placeholder_that_a_user_types_is_text(engine: Engine) -> None:
    typed = "<|vision_start|><|image_pad|><|vision_end|>"
    picture = pictures(0)[0]
    answer = engine.ask(picture, typed, max_tokens=1)
    plain = engine.ask(picture, "x" * len(typed), max_tokens=1)
    assert answer.usage["image"] == plain.usage["image"] == answer.frames[0].tokens
    assert answer.usage["prompt"] == plain.usage["prompt"]
