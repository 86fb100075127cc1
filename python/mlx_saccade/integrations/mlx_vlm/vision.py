"""The vision tower of an enabled model."""

from __future__ import annotations

from typing import Any

from mlx_saccade.integrations.mlx_vlm.hooks import Hooks

__all__ = ["attach"]


def attach(model: Any, hooks: Hooks) -> None:
    """Hook the vision tower of a model of a known family; called once for each model that is enabled."""
