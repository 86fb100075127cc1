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
        for name, (words, is_right) in checks.items():
            value = getattr(owner, name)
            if not _passes(is_right, value):
                raise InputError(f"{name}: expected {words}; got {brief(value)}")
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


_Check = tuple[str, Callable[[Any], bool]]
"""What is expected, in words, and whether a value is it."""
_TEXT: _Check = "a text", _is_text
_COUNT: _Check = "a whole number of at least 0, or null", _is_count
_TARGET: dict[str, _Check] = {
    **dict.fromkeys(("id", "image", "description", "ui_type", "application", "group"), _TEXT),
    "image_size": ("width and height, above 0", _is_size),
    "expected": ("boxes x1, y1, x2, y2 with an area", lambda boxes: len(boxes) > 0 and all(map(_has_area, boxes))),
}
_REPLY: dict[str, _Check] = {
    "boxes": ("boxes x1, y1, x2, y2 that are not reversed", lambda boxes: all(map(_is_box, boxes))),
    "points": ("points x, y", lambda points: all(map(_is_point, points))),
    "click": ("a point x, y, or null", lambda point: point is None or _is_point(point)),
    "text": _TEXT,
    "finish": _TEXT,
    "rejected": ("texts", lambda reasons: all(map(_is_text, reasons))),
    "image_sent_size": ("width and height, above 0, or null", lambda size: size is None or _is_size(size)),
    **dict.fromkeys(("tokens", "prompt_tokens", "answer_tokens", "peak_bytes"), _COUNT),
    "confidence": ("a number, or null", lambda number: number is None or _is_number(number)),
    "seconds": (
        "seconds by stage, each at least 0",
        lambda stages: all(_is_number(one) and one >= 0 for one in stages.values()),
    ),
    "looks": ("looks with their crop and tokens", lambda looks: all(map(_is_look, looks))),
    "error": ("a text, or null", lambda error: error is None or _is_text(error)),
}
_QUESTION: dict[str, _Check] = {
    "image_id": _TEXT,
    "budget": ("a whole number or a text", lambda budget: type(budget) in (int, str)),
    "policy": _TEXT,
}
