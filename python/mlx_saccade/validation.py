"""Checks of whole numbers, coordinates and amounts of memory, as callers and the command line give them.

A whole number may have any integer type, NumPy's too. Booleans, floats and text are refused.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Sequence
from typing import Any

from mlx_saccade.errors import InputError, brief

__all__ = ["at_least", "check_unicode", "coordinates", "integer", "parse_bytes"]

_UNITS = {"": 1, "B": 1}
_UNITS |= {f"{letter}B": 1000**power for power, letter in enumerate("KMGT", start=1)}
_UNITS |= {f"{letter}IB": 1024**power for power, letter in enumerate("KMGT", start=1)}
_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]*)", re.ASCII)
_MAX_BYTES = 2**60


def integer(value: Any) -> int | None:
    """Convert a value of any integer type to Python's int; return None for booleans, floats and text."""
    # By name: numpy.bool_ is called bool in NumPy 2, has an index in NumPy 1, and is not worth importing NumPy for.
    if type(value).__name__ in ("bool", "bool_"):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def at_least(least: int, value: Any, name: str, *, most: int | None = None, otherwise: str = "") -> int:
    """Check a whole number against its range.

    Args:
        least: smallest value accepted.
        value: value from the caller.
        name: name of the value, for the message.
        most: largest value accepted; None (default) is no limit.
        otherwise: what else is accepted, for the message, such as ", or None".

    Returns:
        The value as Python's int.

    Raises:
        InputError: the value is not a whole number, or is outside the range.
    """
    number = integer(value)
    if number is None or number < least:
        raise InputError(f"{name}: expected a whole number of at least {least}{otherwise}; got {brief(value)}")
    if most is not None and number > most:
        raise InputError(f"{name}: expected a whole number of at most {most}{otherwise}; got {brief(value)}")
    return number


def check_unicode(text: str, name: str) -> None:
    """Refuse a text with half a character, as Python makes it of bytes that are not UTF-8.

    Raises:
        InputError: the text has a lone surrogate.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{name}: expected valid Unicode; got a lone surrogate at position {error.start} of {brief(text)}. "
            "Decode its bytes as UTF-8"
        ) from None


def coordinates(xy: Sequence[float]) -> tuple[float, ...]:
    """Return a point (x, y) or a box (x1, y1, x2, y2) as floats.

    Raises:
        InputError: `xy` is neither two nor four finite numbers.
    """
    try:
        values = tuple(float(value) for value in xy)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"xy: expected a point (x, y) or a box (x1, y1, x2, y2); got {brief(xy)}") from None
    if len(values) not in (2, 4) or not all(map(math.isfinite, values)):
        raise InputError(f"xy: expected a point (x, y) or a box (x1, y1, x2, y2) of finite numbers; got {brief(xy)}")
    return values


def parse_bytes(value: Any, name: str) -> int:
    """Convert an amount of memory to bytes.

    Args:
        value: bytes as a whole number, or text with a unit: B, KB, MB, GB and TB are powers of 1,000, KiB, MiB, GiB
            and TiB powers of 1,024, in either case; text without a unit is bytes. 0 is accepted.
        name: name of the option, for the message.

    Returns:
        Bytes, 0 to 2^60; fractions of a byte are dropped.

    Raises:
        InputError: the value is not such an amount.
    """
    number = _bytes_of_text(value) if isinstance(value, str) else integer(value)
    if number is None or not 0 <= number <= _MAX_BYTES:
        raise InputError(
            f"{name}: expected an amount of memory: a number of bytes, or such as '512MB' or '1.5GiB'; "
            f"got {brief(value)}"
        )
    return number


def _bytes_of_text(text: str) -> int | None:
    match = _AMOUNT.fullmatch(text.strip())
    unit = None if match is None else _UNITS.get(match[2].upper())
    if match is None or unit is None:
        return None
    whole, fraction = (match[1] + ".").split(".")[:2]
    scale: int = 10 ** len(fraction)
    return int(whole) * unit + int(fraction or "0") * unit // scale
