"""Engines of the tests that compare tokens and their probabilities."""

from __future__ import annotations

import checkpoints
import pytest

import mlx_saccade as saccade
from mlx_saccade.engine import Engine


@pytest.fixture(scope="module")
def packaged() -> Engine:
    return saccade.load(compute_dtype="float32")


@pytest.fixture(scope="module")
def random(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A checkpoint whose tokenizer writes digits one by one."""
    return saccade.load(checkpoints.write_whole(tmp_path_factory.mktemp("whole")))
