"""Fixtures of the tests that run commands in this process."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

import mlx_saccade as saccade
import mlx_saccade.engine


@pytest.fixture(scope="module")
def loaded_once() -> Iterator[None]:
    """Let commands of a module share their engines: equal options give the same one."""
    assert saccade.load  # resolved now, or it would stay the cached one after these tests
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saccade.engine, "load", functools.cache(saccade.engine.load))
        patch.setattr(saccade.engine.Engine, "close", lambda self: None)
        yield
