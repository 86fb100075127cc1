"""saccade inside other runtimes, one file each, loaded when first used: `saccade.integrations.mlx_vlm.enable(...)`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saccade.integrations import mlx_vlm

__all__ = ["mlx_vlm"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"saccade.integrations.{name}")
    raise AttributeError(f"module 'saccade.integrations' has no attribute {name!r}")
