"""Check the parameters of policies."""

from __future__ import annotations

from typing import Any

from mlx_saccade.errors import InputError, brief

__all__ = ["check_range"]


def check_range(name: str, value: Any, least: float, most: float = float("inf"), *, above: bool = False) -> None:
    """Refuse a number outside its range.

    Args:
        name: of the policy and the parameter, for the message.
        value: from the caller.
        least: smallest value accepted.
        most: largest value accepted.
        above: True if `least` itself is refused.

    Raises:
        InputError: not a number in the range.
    """
    fits = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
    if fits and not (above and value == least):
        return
    start = "above" if above else "at least"
    words = f"{least:g} to {most:g}" if most < float("inf") and not above else f"a number {start} {least:g}"
    if above and most < float("inf"):
        words += f", at most {most:g}"
    raise InputError(f"{name}: expected {words}; got {brief(value)}")
