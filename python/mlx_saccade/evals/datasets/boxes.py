"""Read boxes by a stated convention, and give them as edges in pixels, inside their image."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from mlx_saccade.errors import InputError, brief

if TYPE_CHECKING:
    from mlx_saccade.evals.targets import Edges

__all__ = [
    "BOX_FORMATS",
    "BoxFormat",
    "Numbers",
    "box_format",
    "cut",
    "doubt_of",
    "fault_of",
    "four_numbers",
    "in_words",
    "plain",
    "to_edges",
]

BoxFormat = Literal["xyxy", "xywh", "xyxy-normalized", "xywh-normalized"]
"""Order and unit of the four numbers of a box: pixels, or "normalized" to 0..1 of the image's width and height."""
BOX_FORMATS: Final[tuple[BoxFormat, ...]] = get_args(BoxFormat)
Numbers = tuple[float, float, float, float]
"""The four numbers of a box as they are written, in any convention."""
_NUMBER: Final = re.compile(r"[-+]?(\d{1,40}(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?", re.ASCII)
_SEPARATORS: Final = re.compile(r"[\s,;]+")


def box_format(value: Any) -> BoxFormat:
    """Check a box format.

    Raises:
        InputError: the value is not one of `BOX_FORMATS`.
    """
    if value not in BOX_FORMATS:
        raise InputError(f"boxes: expected one of {', '.join(BOX_FORMATS)}; got {brief(value)}")
    return value  # type: ignore[no-any-return]


def in_words(convention: BoxFormat) -> str:
    """Return a box format in words: "x1, y1, x2, y2 in pixels"."""
    order = "x1, y1, x2, y2" if convention.startswith("xyxy") else "x, y, width, height"
    return f"{order} {'from 0 to 1' if convention.endswith('-normalized') else 'in pixels'}"


def four_numbers(value: Any) -> Numbers | None:
    """Return the four numbers of a box, a list or a text such as "[1, 2, 3, 4]"; None if they are not four numbers.

    NaN and infinities are numbers here. A number may be a text, as in a CSV file.
    """
    if isinstance(value, str):
        value = _SEPARATORS.split(value.strip().strip("[]()").strip())
    if not isinstance(value, Sequence) or len(value) != 4:
        return None
    numbers = [_number(one) for one in value]
    return None if None in numbers else tuple(numbers)  # type: ignore[return-value]


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        text = value.strip()
        return float(text) if _NUMBER.fullmatch(text) or text.lower() in ("nan", "inf", "-inf") else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def to_edges(numbers: Sequence[float], convention: BoxFormat, size: tuple[int, int]) -> Edges:
    """Return the edges (x1, y1, x2, y2) in pixels of a box of an image of `size` (width, height)."""
    x, y, right, bottom = numbers
    if convention.startswith("xywh"):
        right, bottom = x + right, y + bottom
    if convention.endswith("-normalized"):
        return x * size[0], y * size[1], right * size[0], bottom * size[1]
    return x, y, right, bottom


def fault_of(edges: Edges, size: tuple[int, int]) -> str:
    """Return why nobody can be asked for a box, as the kind of box that it is; "" for a usable one."""
    if not all(map(math.isfinite, edges)):
        return "a box that is not finite"
    x1, y1, x2, y2 = edges
    if x1 > x2 or y1 > y2:
        return "a reversed box"
    if x1 == x2 or y1 == y2:
        return "an empty box"
    inside = cut(edges, size)
    width, height = max(0.0, inside[2] - inside[0]), max(0.0, inside[3] - inside[1])
    # Annotators' boxes leave the image by a pixel or two. One that is mostly elsewhere is of another image or unit.
    return "" if 2 * width * height >= (x2 - x1) * (y2 - y1) else "a box outside its image"


def doubt_of(edges: Edges, size: tuple[int, int]) -> str:
    """Return `fault_of`, and also doubt a box below a pixel both ways, such as shares of the image among pixels."""
    fault = fault_of(edges, size)
    if not fault and edges[2] - edges[0] < 1 and edges[3] - edges[1] < 1:
        return "a box of less than a pixel"
    return fault


def cut(edges: Edges, size: tuple[int, int]) -> Edges:
    """Return the part of a box that is inside an image of `size` (width, height)."""
    x1, y1, x2, y2 = edges
    return max(x1, 0.0), max(y1, 0.0), min(x2, float(size[0])), min(y2, float(size[1]))


def plain(number: float) -> float:
    """Return a whole number as an integer, to be shown as it was written."""
    return int(number) if number.is_integer() and abs(number) < 1e15 else number
