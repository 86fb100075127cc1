"""Find where a text has the numbers of a place, so that others can look up the tokens that wrote them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlx_saccade.grounding.near_json import NUMBER

__all__ = ["WrittenPlace", "spans_of"]

# A number that is no part of a word or of another number: the 1 of "x1" is none.
_ALONE = re.compile(rf"(?<![\w.]){NUMBER}(?![\w.])")
_MAX_SPAN = 4000  # characters of a place that are searched


@dataclass(frozen=True)
class WrittenPlace:
    """The numbers of a place as they stand in a text.

    Attributes:
        spans: (start, end) of each number's characters, in the order of the text; x and y in turn.
        tolerance: (of the first, third, ..., of the second, fourth, ... number), in the units of the numbers: a quarter
            of the sides of a box, half a visual token for a point.
    """

    spans: tuple[tuple[int, int], ...]
    tolerance: tuple[float, float]


def spans_of(text: str, start: int, end: int, numbers: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return the spans of a place's numbers.

    Args:
        text: of the answer.
        start: index of the place's first character.
        end: index behind its last.
        numbers: of the place, as written or computed from what is written.

    Returns:
        The first run of exactly these numbers. Where there is none, as for a corner with a size, all numbers of the
        place.
    """
    matches = list(_ALONE.finditer(text, start, min(end, start + _MAX_SPAN)))
    words = [match[0] for match in matches]
    count = len(numbers)
    for first in range(len(words) - count + 1):
        if words[first : first + count] == list(numbers):
            return tuple(match.span() for match in matches[first : first + count])
    return tuple(match.span() for match in matches)
