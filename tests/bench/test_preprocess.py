"""The benchmark of preprocessing: that it compares outputs. Its times are not tested."""

from __future__ import annotations

import numpy as np
import pytest

from mlx_saccade.bench import preprocess


def test_both_sides_give_the_same_patches() -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (300, 400, 3), dtype=np.uint8)
    results = preprocess.compare(pixels, (16, 100), rounds=1)
    assert [result.tokens for result in results] == [12, 88]
    assert all(result.equal for result in results)


def test_a_difference_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (300, 400, 3), dtype=np.uint8)
    true = preprocess.pillow_patches
    monkeypatch.setattr(preprocess, "pillow_patches", lambda *words: true(*words) ^ 1)
    assert not preprocess.compare(pixels, (16,), rounds=1)[0].equal
