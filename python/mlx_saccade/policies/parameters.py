"""Check the parameters of policies."""

from __future__ import annotations

import math
from typing import Any

from mlx_saccade.errors import InputError, brief

__all__ = ["check_range"]


def check_range(name: str, value: Any, least: float, most: float = math.inf, *, above: bool = False) -> None:
    """Refuse a number outside its range.

    Args:
        name: of the policy and the parameter, for the message.
        value: from the caller; infinity is refused.
        least: smallest value accepted.
        most: largest value accepted.
        above: True if `least` itself is refused.

    Raises:
        InputError: not a number in the range.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if is_number and least <= value <= most and not (above and value == least):
        return
    words = f"{'above' if above else 'at least'} {least:g}{'' if most == math.inf else f', at most {most:g}'}"
    if most < math.inf and not above:
        words = f"{least:g} to {most:g}"
    raise InputError(f"{name}: expected {words}; got {brief(value)}")
