"""The packaged checkpoint gives the same tokens here and in the reference (tests/golden/make.py --packaged)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.checkpoint import hub
from mlx_saccade.engine import Engine

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from cases import LOCATE, PACKAGED_TOKENS, digest  # noqa: E402

STORED = json.loads((GOLDEN / "model_packaged.json").read_text())


@pytest.fixture(scope="module")
def loaded() -> Engine:
    return saccade.load(compute_dtype="float32")


@pytest.fixture(scope="module")
def screen() -> np.ndarray:
    folder = hub.find(None)
    assert digest(folder / "model.safetensors") == STORED["weights"], "run tests/golden/make.py --packaged"
    return media.open_image(folder.parent / "demo" / "screen.png").pixels


def by_name(row: dict[str, Any]) -> str:
    return f"{row['description'].replace(' ', '-')}-{row['grid'][1]}x{row['grid'][2]}"


@pytest.mark.parametrize("row", STORED["answers"], ids=by_name)
def test_the_same_tokens_as_the_reference(
    loaded: Engine, screen: np.ndarray, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
) -> None:
    prompts: list[list[int]] = []
    tokens: list[int] = []
    prompt, stream = loaded.model.prompt, loaded.model.stream

    def record_prompt(ids: list[int], **inputs: Any) -> Any:
        prompts.append(ids)
        return prompt(ids, **inputs)

    def record_tokens(*arguments: Any) -> Iterator[int]:
        for token in stream(*arguments):
            tokens.append(token)
            yield token

    monkeypatch.setattr(loaded.model, "prompt", record_prompt)
    monkeypatch.setattr(loaded.model, "stream", record_tokens)
    left, top, right, bottom = row["crop"]
    piece = np.ascontiguousarray(screen[top:bottom, left:right])
    answer = loaded.locate(piece, row["description"], budget="checkpoint", max_tokens=PACKAGED_TOKENS)
    assert list(answer.frames[0].grid_thw) == row["grid"]
    assert prompts == [row["prompt"]]
    assert tokens == row["tokens"]
    assert answer.usage["prompt"] == len(row["prompt"])
    assert LOCATE.format(row["description"]) in loaded.prompts.decode(row["prompt"])
