"""Texts, images and videos stand where the messages have them, token for token as the reference puts them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import checkpoints
import pytest

import mlx_saccade as saccade
from mlx_saccade.engine import Engine
from mlx_saccade.engine.request import conversation
from mlx_saccade.preprocess.limits import NO_LIMITS

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
import talks  # noqa: E402

STORED = json.loads((GOLDEN / "conversations.json").read_text(encoding="utf-8"))


def filled(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages with pictures and films in their parts."""

    def part(given: dict[str, Any]) -> dict[str, Any]:
        if given["type"] == "text":
            return given
        picture = talks.image(given["size"], given["seed"])
        if given["type"] == "image":
            return {"type": "image", "image": picture}
        return {"type": "video", "video": [picture] * given["frames"], "fps": 2.0, "budget": "checkpoint"}

    return [
        {
            **message,
            "content": message["content"] if isinstance(message["content"], str) else [*map(part, message["content"])],
        }
        for message in messages
    ]


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    own = saccade.load(checkpoints.write_whole(tmp_path_factory.mktemp("order")), budget="checkpoint")
    return {"own": own, "packaged": saccade.load(budget="checkpoint")}


@pytest.mark.parametrize("number", range(talks.COUNT))
@pytest.mark.parametrize("template", ["own", "packaged"])
def test_token_ids_are_the_references(engines: dict[str, Engine], template: str, number: int) -> None:
    messages = filled(talks.interleavings()[number])
    _, ids = engines[template].runner.count(conversation(messages), NO_LIMITS)
    assert ids == STORED[template][number]
    assert engines[template].count_tokens(messages) == len(ids)


def test_the_interleavings_are_worth_their_name() -> None:
    kinds = [
        [part["type"] for part in m["content"]]
        for t in talks.interleavings()
        for m in t
        if isinstance(m["content"], list)
    ]
    flat = [tuple(sequence) for sequence in kinds]
    assert len(set(flat)) > 15
    assert any("text" in one[:1] and "image" in one for one in flat)
    assert any(one[-1] == "video" and len(one) > 1 for one in flat)


def test_an_image_after_the_words_stays_there(engines: dict[str, Engine]) -> None:
    picture = {"type": "image", "image": talks.image((56, 56), 0)}
    words = {"type": "text", "text": "words"}
    engine = engines["own"]
    orders = [
        engine.runner.count(conversation([{"role": "user", "content": content}]), NO_LIMITS)[1]
        for content in ([picture, words], [words, picture])
    ]
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]
    assert "words<|vision_start|>" in engine.prompts.decode(orders[1])
    assert "<|vision_end|>words" in engine.prompts.decode(orders[0])
