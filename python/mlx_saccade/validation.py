"""Whole numbers as callers give them: of any integer type, NumPy's too; a truth value is none."""

from __future__ import annotations

import operator
import re
from typing import Any

from mlx_saccade.errors import InputError, brief

__all__ = ["at_least", "integer", "parse"]


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


# Amounts of memory as users write them: "512MB", "1.5 GiB", 2000000.
_UNITS = {"": 1, "B": 1}
_UNITS |= {f"{letter}B": 1000**power for power, letter in enumerate("KMGT", start=1)}
_UNITS |= {f"{letter}IB": 1024**power for power, letter in enumerate("KMGT", start=1)}
_FORM = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]*)", re.ASCII)
_MOST = 2**60


def parse(value: Any, name: str) -> int:
    """Bytes of an amount.

    Args:
        value: bytes as a whole number, or a string with a unit: B, KB, MB, GB, TB are powers of 1,000 and KiB, MiB,
            GiB, TiB powers of 1,024, in either case; a number alone is bytes. 0 is an amount.
        name: of the option, for the message.

    Returns:
        Bytes, 0 to 2^60; fractions of a byte are dropped.

    Raises:
        InputError: no such amount.
    """
    number: int | None = None
    if isinstance(value, str):
        match = _FORM.fullmatch(value.strip())
        unit = match and _UNITS.get(match[2].upper())
        if match and unit:
            whole, _, part = match[1].partition(".")
            number = int(whole) * unit + int(part or "0") * unit // 10 ** len(part)
    else:
        number = integer(value)
    if number is None or not 0 <= number <= _MOST:
        raise InputError(
            f"{name} {brief(value)} is not usable: "
            "an amount of memory is a number of bytes, or such as '512MB' or '1.5GiB'"
        )
    return number
