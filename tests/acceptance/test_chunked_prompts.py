"""A prompt read in chunks of any size is the prompt read at once, and no request leaves a trace in the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

from mlx_saccade import models
from mlx_saccade.models import generation
from mlx_saccade.preprocess import positions

TOLERANCE = 1e-4
NEW_TOKENS = 32
START, END, IMAGE = 1002, 1003, 1004
GRIDS = [(1, 12, 10), (1, 4, 26), (1, 8, 8)]  # 30, 26 and 16 tokens
RANDOM = np.random.RandomState(9)


def words(count: int) -> list[int]:
    return [int(token) for token in RANDOM.randint(0, 900, count)]


def request(grids: list[tuple[int, int, int]], before: int, after: int) -> dict[str, Any]:
    """Words, images one after another, words."""
    ids = words(before)
    for _, rows, columns in grids:
        ids += [START, *[IMAGE] * (rows * columns // 4), END]
    count = sum(rows * columns for _, rows, columns in grids)
    pixels = RANDOM.standard_normal((count, 1176)).astype(np.float32) if grids else None
    return {"input_ids": np.array(ids + words(after)), "pixel_values": pixels, "image_grid_thw": grids or None}


THREE = request(GRIDS, 230, 240)  # 548 tokens: the second image lies across 256 + ..., chunks of 512 end in the words
TEXT = request([], 40, 0)
OTHER = request([(1, 6, 6)], 12, 12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write(tmp_path_factory.mktemp("random"))


@pytest.fixture(scope="module")
def model(folder: Path) -> models.Model:
    return models.load(folder)


@pytest.fixture(scope="module")
def at_once(model: models.Model) -> Iterator[tuple[np.ndarray, list[int]]]:
    """Logits after the last token, and the answer, of the prompt in one chunk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation, "PREFILL_CHUNK", 10**6)
        yield logits(model, THREE), answer(model, THREE)


def logits(model: models.Model, asked: dict[str, Any]) -> np.ndarray:
    prompt = model.prompt(**asked)
    return np.array(model.prefill(prompt, model.model.make_cache())[0])


def answer(model: models.Model, asked: dict[str, Any]) -> list[int]:
    found = model.generate(max_new_tokens=NEW_TOKENS, **asked)
    assert isinstance(found, list)
    return found


def mrope() -> np.ndarray:
    """What the reference gives (tests/golden checks that it does): [3, L]."""
    found, _ = positions.mrope_positions(
        THREE["input_ids"], image_grids=GRIDS, image_token_id=IMAGE, video_token_id=1005, vision_start_token_id=START
    )
    return np.asarray(found)


def test_chunks_end_before_inside_and_after_images() -> None:
    shown = THREE["input_ids"] == IMAGE
    assert len(shown) > 512
    assert shown[256]
    assert not shown[64]
    assert not shown[511]


@pytest.mark.parametrize("chunk", [1, 7, 64, 256, 511, 512, 2048])
def test_every_chunk_size_reads_the_same(
    model: models.Model, at_once: tuple[np.ndarray, list[int]], monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(generation, "PREFILL_CHUNK", chunk)
    seen: list[np.ndarray] = []
    read = type(model.model).__call__

    def recorded(self: Any, embeddings: mx.array, position_ids: mx.array, cache: Any, **named: Any) -> mx.array:
        seen.append(np.array(position_ids[:, 0]))
        return read(self, embeddings, position_ids, cache, **named)

    with monkeypatch.context() as patch:
        patch.setattr(type(model.model), "__call__", recorded)
        found = logits(model, THREE)
    assert np.abs(found - at_once[0]).max() <= TOLERANCE
    assert [part.shape[1] for part in seen[:-1]] == [chunk] * (len(seen) - 1)
    assert (np.concatenate(seen, axis=1) == mrope()).all()
    if chunk in (64, 511):
        assert answer(model, THREE) == at_once[1]


def test_requests_leave_no_trace(folder: Path, model: models.Model) -> None:
    fresh = [answer(models.load(folder), asked) for asked in (TEXT, OTHER, THREE)]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 1)):
        for number in order:
            assert answer(model, (TEXT, OTHER, THREE)[number]) == fresh[number]


def test_interleaved_requests_are_apart(folder: Path, model: models.Model) -> None:
    asked = (TEXT, OTHER, THREE)
    streams = []
    for one in asked:
        prompt, cache = model.prompt(**one), model.model.make_cache()
        streams.append(model.stream(prompt, cache, model.prefill(prompt, cache), NEW_TOKENS))
    made: list[list[int]] = [[] for _ in asked]
    for _ in range(NEW_TOKENS):
        for stream, tokens in zip(streams, made, strict=True):
            tokens += [token for token in [next(stream, None)] if token is not None]
    assert made == [answer(models.load(folder), one) for one in asked]


@pytest.mark.parametrize("known", [100, 245, 261, 262, 263, 300, 547])
def test_going_on_from_a_beginning_equals_reading_it_all(
    model: models.Model, at_once: tuple[np.ndarray, list[int]], known: int
) -> None:
    """Before, inside, at the end of and after an image."""
    prompt, cache = model.prompt(**THREE), model.model.make_cache()
    model.prefill(
        replace(prompt, embeddings=prompt.embeddings[:, :known], position_ids=prompt.position_ids[:, :, :known]), cache
    )
    found = np.array(model.prefill(prompt.after(known), cache)[0])
    assert np.abs(found - at_once[0]).max() <= TOLERANCE
