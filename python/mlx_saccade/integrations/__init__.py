"""Integrations with other runtimes, one package each, loaded at first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlx_saccade.integrations import mlx_vlm

__all__ = ["mlx_vlm"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"mlx_saccade.integrations.{name}")
    raise AttributeError(f"module 'mlx_saccade.integrations' has no attribute {name!r}")
