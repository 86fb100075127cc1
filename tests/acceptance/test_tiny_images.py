"""Tiny images have the reference's size, at least a token, and finite features; empty ones are refused."""

from __future__ import annotations

from pathlib import Path

import checkpoints
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import models
from mlx_saccade.errors import InputError

GOLDEN = Path(__file__).parents[1] / "golden" / "acceptance.npz"


@pytest.fixture(scope="module")
def sizes() -> np.ndarray:
    """(height, width, resized height, resized width) of every size, by transformers."""
    with np.load(GOLDEN) as stored:
        return stored["small"]


def test_every_tiny_size_is_the_references(sizes: np.ndarray) -> None:
    assert len(sizes) > 4000
    assert sizes[:, 2:].min() >= 28
    for height, width, high, wide in sizes.tolist():
        assert saccade.smart_resize(height, width, 28, 3136, 12845056) == (high, wide)
        plan = saccade.plan((width, height), budget="checkpoint")
        assert plan.resized_size == (wide, high)
        assert plan.tokens == high * wide // 784 >= 1


def test_wider_than_200_times_the_height_is_said() -> None:
    for width, height in ((257, 1), (1, 257), (1000, 4), (4, 1000)):
        with pytest.raises(InputError, match="200"):
            saccade.plan((width, height), budget="checkpoint")


def test_every_grid_of_them_is_seen_finitely(sizes: np.ndarray, tmp_path: Path) -> None:
    model = models.load(checkpoints.write(tmp_path))
    random = np.random.RandomState(0)
    for high, wide in {(high, wide) for *_, high, wide in sizes.tolist()}:
        source = next((h, w) for h, w, *resized in sizes.tolist() if resized == [high, wide])
        image = random.randint(0, 256, (*source, 3)).astype(np.uint8)
        plan = saccade.plan(source[::-1], budget="checkpoint")
        features = np.asarray(model.image_features(saccade.patchify(image, plan), [plan.grid_thw]))
        assert features.shape == (plan.tokens, 128)
        assert np.isfinite(features).all()


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (0, 0, 3)])
def test_no_area_is_refused_and_the_next_image_answered(shape: tuple[int, ...], tmp_path: Path) -> None:
    engine = saccade.load(checkpoints.write_whole(tmp_path))
    with pytest.raises(InputError):
        engine.ask(np.zeros(shape, np.uint8), "what is it?")
    assert engine.ask(np.zeros((1, 1, 3), np.uint8), "what is it?", max_tokens=2).frames[0].tokens >= 1
