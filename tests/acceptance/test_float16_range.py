"""A tower whose stream outgrows float16 gives the same answer there, and what is no number is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

from mlx_saccade import models
from mlx_saccade.errors import InputError
from mlx_saccade.models import cpu_decode

GRID = [(1, 12, 10)]
NEW_TOKENS = 8
LAST = "visual.blocks.3.mlp"
WORDS = [int(token) for token in np.random.RandomState(3).randint(0, 900, 6)]
IDS = np.array([*WORDS[:3], 1002, *[1004] * 30, 1003, *WORDS[3:]])
PIXELS = np.random.RandomState(4).standard_normal((120, 1176)).astype(np.float32)


def folder(place: Path) -> Path:
    """The random checkpoint, its last block's output 300,000 times as large with weights that float16 still holds."""
    tensors = checkpoints.weights(checkpoints.CONFIG)
    for name, factor in (
        (f"{LAST}.down_proj.weight", 1e4),
        (f"{LAST}.up_proj.weight", 30),
        (f"{LAST}.up_proj.bias", 30),
    ):
        tensors[name] = tensors[name] * np.float32(factor)
        assert np.abs(tensors[name]).max() < 65504
    return checkpoints.write(place, tensors=tensors)


def stages(model: models.Model) -> tuple[list[np.ndarray], np.ndarray]:
    """The stream after each block, and the tower's output."""
    seen: list[mx.array] = []

    def recorded(block: Any) -> Any:
        def run(*arguments: Any) -> mx.array:
            seen.append(block(*arguments))
            return seen[-1]

        return run

    model.visual.blocks = [recorded(block) for block in model.visual.blocks]
    features = model.image_features(PIXELS, GRID)
    return [np.array(array.astype(mx.float32)) for array in seen], np.array(features.astype(mx.float32))


def cosines(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return (found * wanted).sum(-1) / (np.linalg.norm(found, axis=-1) * np.linalg.norm(wanted, axis=-1))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_large_activations_stay_numbers_and_keep_their_direction(tmp_path: Path, dtype: str) -> None:
    large = folder(tmp_path)
    streams, wanted = stages(models.load(large, compute_dtype="float32"))
    assert 1e5 < np.abs(streams[-1]).max() < 1e6
    halves, found = stages(models.load(large, compute_dtype=dtype))
    assert all(np.isfinite(stream).all() for stream in [*halves, found])
    assert cosines(found, wanted).min() >= 0.999


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_answer_is_the_same(tmp_path: Path, dtype: str) -> None:
    large = folder(tmp_path)
    whole, half = (
        models.load(large, compute_dtype=name).generate(IDS, NEW_TOKENS, pixel_values=PIXELS, image_grid_thw=GRID)
        for name in ("float32", dtype)
    )
    assert half == whole


def test_a_tower_that_breaks_names_its_block(tmp_path: Path) -> None:
    tensors = checkpoints.weights(checkpoints.CONFIG)
    tensors["visual.blocks.2.mlp.up_proj.bias"][7] = np.nan
    model = models.load(checkpoints.write(tmp_path, tensors=tensors))
    with pytest.raises(InputError, match=r"block 2 of the vision tower: expected finite .* in float32\. .*NaN"):
        model.image_features(PIXELS, GRID)


def test_a_float16_language_model_that_overflows_names_its_layer(tmp_path: Path) -> None:
    tensors = checkpoints.weights(checkpoints.CONFIG)
    tensors["model.layers.1.mlp.down_proj.weight"] *= 6e4
    place = checkpoints.write(tmp_path, tensors=tensors)
    assert models.load(place, compute_dtype="float32").generate(IDS[:3], 2)
    with pytest.raises(InputError, match=r"layer 1 of the language model: .* in float16\. .*compute_dtype='bfloat16'"):
        models.load(place, compute_dtype="float16").generate(IDS[:3], 2)


def test_numbers_that_go_wrong_on_the_way_are_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.load(checkpoints.write(tmp_path))
    right = model.decode
    monkeypatch.setattr(cpu_decode, "applies", lambda *which: False)
    monkeypatch.setattr(models.Model, "decode", lambda self, *given: right(*given) * mx.array(np.nan))
    with pytest.raises(InputError, match="of the language model, or its head"):
        model.generate(IDS[:3], 5)


@pytest.mark.parametrize("by_numpy", [True, False])
def test_a_token_whose_vector_is_no_numbers_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_numpy: bool
) -> None:
    if not by_numpy:
        monkeypatch.setattr(cpu_decode, "applies", lambda *which: False)
    model = models.load(checkpoints.write(tmp_path))
    _, second = model.generate(IDS[:3], 2)
    model.model.embed_tokens.weight[second] = np.nan
    with pytest.raises(InputError, match="the embeddings of the language model"):
        model.generate(IDS[:3], 5)
