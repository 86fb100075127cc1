"""Turns numbers under a key into places: one or several, flat or nested, quoted, named, with a score, as a polygon."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from mlx_saccade.grounding.candidates import Misfit, Place
from mlx_saccade.grounding.near_json import NUMBER, Group, Item, Leaf, Node

__all__ = ["Kind", "Named", "Shape", "center", "flat", "named", "numbers_in", "places", "shape_of"]

Kind = Literal["box", "sized", "point", "points", "polygon", "either"]


class Named(tuple[str, ...]):
    """Numbers in the order x1, y1, x2, y2, each of which had its own key."""

    __slots__ = ()


Shape = tuple[str, ...] | Sequence["Shape"]

_ALL_NUMBERS = re.compile(NUMBER)
_TAG = re.compile(r"<[^<>]{0,40}>")
_NUMERIC = re.compile(r"[-+0-9.eE,;:()\[\]\s]*")
_MAX_TEXT = 4000  # characters of a string that may be coordinates
_MAX_DIGITS = 24
_MAX_DEPTH = 4  # a list of polygons of points is three

# Names of the four sides, of a corner with a size, of two corners, of a point: the first row that an object has counts.
_ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("corners", ("x0", "y0", "x1", "y1")),
    ("corners", ("x1", "y1", "x2", "y2")),
    ("corners", ("left", "top", "right", "bottom")),
    ("corners", ("xmin", "ymin", "xmax", "ymax")),
    ("corners", ("minx", "miny", "maxx", "maxy")),
    ("sized", ("x", "y", "width", "height")),
    ("sized", ("x", "y", "w", "h")),
    ("sized", ("left", "top", "width", "height")),
    ("centered", ("cx", "cy", "w", "h")),
    ("centered", ("cx", "cy", "width", "height")),
    ("centered", ("centerx", "centery", "width", "height")),
    ("pairs", ("topleft", "bottomright")),
    ("pairs", ("tl", "br")),
    ("point", ("x", "y")),
    ("point", ("cx", "cy")),
    ("point", ("centerx", "centery")),
)


def numbers_in(text: str) -> tuple[str, ...]:
    """Return all numbers of a text that has nothing but numbers, brackets and tags; () for any other."""
    if len(text) > _MAX_TEXT:
        return ()
    bare = _TAG.sub(" ", text) if "<" in text else text
    return tuple(_ALL_NUMBERS.findall(bare)) if _NUMERIC.fullmatch(bare) else ()


def shape_of(node: Node, depth: int = _MAX_DEPTH) -> Shape | None:
    """Return the numbers of a value, nested as written; None where it has anything else, is cut off or too deep."""
    if depth == 0:
        return None
    if isinstance(node, Leaf):
        return None if node.kind == "number" or node.cut else numbers_in(node.text) or None
    if any(item.key is not None for item in node.items):
        return named(node.items)
    singles = [_single(item.value) for item in node.items]
    if all(single is not None for single in singles):
        return tuple(single for single in singles if single is not None) if node.closed else None
    if any(single is not None for single in singles):
        return None
    nested = [shape_of(item.value, depth - 1) for item in node.items]
    if not node.closed:
        return [shape for shape in nested if shape is not None] or None
    return None if any(shape is None for shape in nested) else [shape for shape in nested if shape is not None]


def _single(node: Node) -> str | None:
    """Return one number, also one in quotes."""
    if isinstance(node, Group) or node.cut or len(node.text) > _MAX_DIGITS:
        return None
    if node.kind == "number":
        return node.text
    return node.text.strip() if _ALL_NUMBERS.fullmatch(node.text.strip()) else None


def flat(nodes: Iterable[Node]) -> tuple[str, ...] | None:
    """Return one number a value, None where one is anything else."""
    singles = [_single(node) for node in nodes]
    return None if any(single is None for single in singles) else tuple(single for single in singles if single)


def named(items: Iterable[Item]) -> Named | None:
    """Return the place that an object's own keys name, such as x1, y1, x2, y2; None where they name none."""
    values = {_plain(item.key): item.value for item in items if item.key is not None}
    for kind, keys in _ROWS:
        if not all(key in values for key in keys):
            continue
        if kind == "pairs":
            corners = [shape_of(values[key]) for key in keys]
            if all(isinstance(corner, tuple) and len(corner) == 2 for corner in corners):
                return Named(str(number) for corner in corners if corner is not None for number in corner)
            continue
        numbers = [_single(values[key]) for key in keys]
        if any(number is None for number in numbers):
            continue
        return Named(_corners(kind, [number for number in numbers if number is not None]))
    return None


def _plain(key: str) -> str:
    return re.sub(r"[_\-\s.]", "", key.lower())


def _corners(kind: str, numbers: list[str]) -> list[str]:
    """Return corners from a corner or a center and a size; what are corners already, and points, stay."""
    if kind == "sized":
        x, y, width, height = numbers
        return [x, y, _sum(x, width), _sum(y, height)]
    if kind == "centered":
        x, y, width, height = numbers
        return [_sum(x, width, -0.5), _sum(y, height, -0.5), _sum(x, width, 0.5), _sum(y, height, 0.5)]
    return numbers


def _sum(start: str, step: str, share: float = 1) -> str:
    """Return start + share x step; whole numbers stay so, because decimals tell fractions from pixels."""
    if share == 1 and not re.search(r"[.eE]", start + step):
        return str(int(start) + int(step))
    return repr(float(start) + share * float(step))


def center(numbers: Sequence[str]) -> tuple[str, str]:
    """Return the center of a box."""
    x1, y1, x2, y2 = map(float, numbers)
    return repr((x1 + x2) / 2), repr((y1 + y2) / 2)


def places(node: Node, kind: Kind, label: str = "") -> list[Place | Misfit]:
    """Return the places of a value.

    Args:
        node: the value.
        kind: what its key announces.
        label: of all of them.
    """
    shape = shape_of(node)
    if isinstance(node, Group) and not node.closed and not isinstance(shape, tuple) and kind not in ("point", "points"):
        # Of a list that is cut off, pairs of numbers may be halves of a box.
        shape = [part for part in shape or () if isinstance(part, tuple) and len(part) >= 4]
    if shape is None:
        numbers = _loose(node)
        reason = "not all of these are numbers"
        return [Misfit(numbers, reason, node.start, node.end)] if len(numbers) >= 2 else []
    found: list[Place | Misfit] = []
    for numbers in _split(shape, kind):
        isnamed = isinstance(numbers, Named)
        if len(numbers) in (2, 4):
            found.append(Place(tuple(numbers), label, node.start, node.end, isnamed))
        else:
            reason = f"{len(numbers)} numbers are neither a point nor a box"
            found.append(Misfit(tuple(numbers), reason, node.start, node.end))
    return found


def _loose(node: Node) -> tuple[str, ...]:
    """Return the numbers of a closed list that has other things too."""
    if isinstance(node, Leaf) or not node.closed or node.opener == "{":
        return ()
    return tuple(number for item in node.items if (number := _single(item.value)) is not None)


def _split(shape: Shape, kind: Kind) -> list[tuple[str, ...]]:
    """Return the runs of numbers in a shape, each one place where it has two or four."""
    if isinstance(shape, Named):
        return [shape]
    if isinstance(shape, tuple):
        return _split_flat(tuple(str(number) for number in shape), kind)
    pairs = [part for part in shape if isinstance(part, tuple) and len(part) == 2]
    if pairs and len(pairs) == len(shape) and kind not in ("point", "points"):
        numbers = tuple(str(number) for pair in pairs for number in pair)
        if kind in ("box", "polygon") and len(pairs) > 2:
            return [_hull(numbers)]
        if len(pairs) == 2:
            return [numbers]
    return [run for part in shape for run in _split(part, kind)]


def _split_flat(numbers: tuple[str, ...], kind: Kind) -> list[tuple[str, ...]]:
    count = len(numbers)
    if count == 0:
        return []
    if kind == "sized" and count == 4:
        return [tuple(_corners("sized", list(numbers)))]
    if kind == "points" and count % 2 == 0:
        return [numbers[i : i + 2] for i in range(0, count, 2)]
    if count == 5 and _is_score(numbers[4]):
        return [numbers[:4]]
    if count >= 6 and count % 2 == 0:
        return [numbers[i : i + 2] for i in range(0, count, 2)] if kind == "point" else [_hull(numbers)]
    return [numbers]


def _is_score(number: str) -> bool:
    return 0 <= float(number) <= 1


def _hull(numbers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the box around a polygon."""
    xs, ys = sorted(numbers[0::2], key=float), sorted(numbers[1::2], key=float)
    return xs[0], ys[0], xs[-1], ys[-1]
