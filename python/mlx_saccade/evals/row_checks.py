"""Checks of a row that was read from a file: types and ranges, so that whoever scores it need not look."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError, brief

if TYPE_CHECKING:
    from mlx_saccade.evals.rows import Row

__all__ = ["check_row"]

_MAX_WHOLE = 1 << 53  # what other programs tell from the next whole number


def check_row(row: Row) -> None:
    """Check types and ranges.

    Raises:
        InputError: a value is damaged; the message names it.
    """
    for owner, checks in ((row.target, _TARGET), (row.reply, _REPLY), (row, _QUESTION)):
        for name, is_right in checks.items():
            value = getattr(owner, name)
            if not _passes(is_right, value):
                raise InputError(f"{name}: expected another type or range; got {brief(value)}")
    if row.target.share > 1:
        raise InputError(f"expected: expected a box within the image; got {brief(row.target.expected)}")


def _passes(is_right: Callable[[Any], bool], value: Any) -> bool:
    try:
        return is_right(value)
    except (TypeError, ValueError, KeyError, AttributeError):
        return False


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_WHOLE


def _is_count(value: Any) -> bool:
    return value is None or _is_whole(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) < 1e9


def _is_size(value: Any) -> bool:
    return len(value) == 2 and all(_is_whole(side) and side > 0 for side in value)


def _is_point(value: Any) -> bool:
    return len(value) == 2 and all(map(_is_number, value))


def _is_box(value: Any) -> bool:
    return len(value) == 4 and all(map(_is_number, value)) and value[0] <= value[2] and value[1] <= value[3]


def _has_area(box: Any) -> bool:
    return _is_box(box) and bool(box[0] < box[2] and box[1] < box[3])


def _is_look(value: Any) -> bool:
    return _has_area(value["crop"]) and _is_whole(value["tokens"])


_TARGET: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("id", "image", "description", "ui_type", "application", "group"), _is_text),
    "image_size": _is_size,
    "expected": lambda boxes: len(boxes) > 0 and all(map(_has_area, boxes)),
}
_REPLY: dict[str, Callable[[Any], bool]] = {
    "boxes": lambda boxes: all(map(_is_box, boxes)),
    "points": lambda points: all(map(_is_point, points)),
    "click": lambda point: point is None or _is_point(point),
    "text": _is_text,
    "finish": _is_text,
    "rejected": lambda reasons: all(map(_is_text, reasons)),
    "image_sent_size": lambda size: size is None or _is_size(size),
    **dict.fromkeys(("tokens", "prompt_tokens", "answer_tokens", "peak_bytes"), _is_count),
    "confidence": lambda number: number is None or _is_number(number),
    "seconds": lambda stages: all(_is_number(one) and one >= 0 for one in stages.values()),
    "looks": lambda looks: all(map(_is_look, looks)),
    "error": lambda error: error is None or _is_text(error),
}
_QUESTION: dict[str, Callable[[Any], bool]] = {
    "image_id": _is_text,
    "budget": lambda budget: type(budget) in (int, str),
    "policy": _is_text,
}
