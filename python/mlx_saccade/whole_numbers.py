"""Whole numbers as callers give them: of any integer type, NumPy's too; a truth value is none."""

from __future__ import annotations

import operator
from typing import Any

from mlx_saccade.errors import InputError, brief

__all__ = ["at_least", "integer"]


def integer(value: Any) -> int | None:
    """The number as Python's own; None of what is no whole number: truth values, floats, text."""
    # By name: numpy.bool_ is called bool in NumPy 2, has an index in NumPy 1, and is not worth importing NumPy for.
    if type(value).__name__ in ("bool", "bool_"):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def at_least(least: int, value: Any, name: str, *, most: int | None = None, otherwise: str = "") -> int:
    """A whole number of at least `least`.

    Args:
        least: that is taken.
        value: what the caller gave.
        name: what the message calls it.
        most: that is taken; None: any.
        otherwise: what else may be given, for the end of the message.

    Raises:
        InputError: anything else.
    """
    number = integer(value)
    if number is None or number < least:
        raise InputError(f"{name} is {brief(value)}; give a whole number of at least {least}{otherwise}")
    if most is not None and number > most:
        raise InputError(f"{name} is {brief(value)}; give a whole number of at most {most}{otherwise}")
    return number
