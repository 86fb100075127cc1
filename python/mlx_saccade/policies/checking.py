"""Check the values of a policy's parameters before any model is loaded."""

from __future__ import annotations

import contextlib
from typing import Any, cast

import numpy as np

from mlx_saccade import media
from mlx_saccade.engine import Engine
from mlx_saccade.engine.policy import choose

__all__ = ["check"]


class _NoEngine:
    """A stand-in for the engine that ends a policy where it first needs one."""

    def __getattr__(self, name: str) -> Any:
        raise _EngineNeeded


class _EngineNeeded(Exception):  # noqa: N818  (not an error)
    """A policy got as far as its first look."""


def check(policy: str, max_looks: int | None = None) -> None:
    """Refuse a policy that would refuse every question, as for a parameter outside its range.

    The policy is called up to its first look, because only it knows its ranges.

    Args:
        policy: a registered name, with or without parameters.
        max_looks: as `choose`.

    Raises:
        InputError: as `choose`, or of the policy.
    """
    chosen, values = choose(policy, max_looks)
    frame = media.open_image(np.zeros((720, 1280, 3), np.uint8))
    with contextlib.suppress(_EngineNeeded):
        chosen(cast(Engine, _NoEngine()), frame, ["target"], **values)
