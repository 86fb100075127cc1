"""The guard of mlx-vlm's prompt cache against answers about an earlier image of the same size."""

from __future__ import annotations

from mlx_saccade.integrations.mlx_vlm.hooks import Hooks

__all__ = ["attach"]


def attach(hooks: Hooks) -> None:
    """Hook mlx-vlm's prompt cache; called once when `enable` hooks mlx-vlm's modules."""
