"""Fixtures of mlx-vlm's stand-ins."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import pytest
from mlx_vlm_modules import StandInModel, StandInProcessor, stand_in_modules

from mlx_saccade.integrations import mlx_vlm as fast


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """Put the stand-in in mlx-vlm's place, and return its package."""
    for name in [name for name in sys.modules if name == "mlx_vlm" or name.startswith("mlx_vlm.")]:
        monkeypatch.delitem(sys.modules, name)
    modules = stand_in_modules()
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    yield modules["mlx_vlm"]
    fast.disable()


@pytest.fixture
def processor() -> StandInProcessor:
    """Return a processor that nobody has enabled."""
    return StandInProcessor()


@pytest.fixture
def model() -> StandInModel:
    """Return a model of a known family."""
    return StandInModel()
