"""From the model's text to boxes in the source image's pixels.

Models write `[{"bbox_2d": [x1, y1, x2, y2], "label": "..."}]`, but also cut it off, fence it, forget the list, write
several lists, add brackets or prose. So nothing here parses JSON as a whole: every complete box is read wherever it
stands, its label beside it. Qwen2-VL's `<|box_start|>(x1,y1),(x2,y2)<|box_end|>` is read too, and where neither form
occurs, bare lists of four numbers. No text raises, and the time is linear in its length.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlx_saccade.preprocess.plan import Plan

__all__ = ["Box", "center_inside", "read", "read_raw", "to_source"]


@dataclass(frozen=True)
class Box:
    """A box with its label.

    Attributes:
        xyxy: (x1, y1, x2, y2), x to the right, y down, edges; x1 <= x2 and y1 <= y2.
        label: what the model called it, "" if it did not.
    """

    xyxy: tuple[float, float, float, float]
    label: str = ""

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle."""
        x1, y1, x2, y2 = self.xyxy
        return (x1 + x2) / 2, (y1 + y2) / 2


def center_inside(box: Box, known: Sequence[float]) -> bool:
    """Whether the center of a box lies in a known one (x1, y1, x2, y2), edges included: ScreenSpot's measure."""
    x, y = box.center
    return known[0] <= x <= known[2] and known[1] <= y <= known[3]


# Digits are bounded, so that no number is long enough to be slow.
_NUMBER = r"([-+]?[0-9]{1,12}(?:\.[0-9]{0,20})?(?:[eE][-+]?[0-9]{1,3})?)"
_GAP = r"[\s\[\]()]{0,8}"  # also between the points of [[x1, y1], [x2, y2]]
_FOUR = rf"{_NUMBER}{_GAP},{_GAP}{_NUMBER}{_GAP},{_GAP}{_NUMBER}{_GAP},{_GAP}{_NUMBER}"
_KEYED = re.compile(rf"(?:bbox_2d|box_2d|bbox|box)[\"']?\s{{0,8}}:{_GAP}{_FOUR}\s{{0,8}}[\])]")
_TOKENS = re.compile(
    rf"\(\s{{0,8}}{_NUMBER}\s{{0,8}},\s{{0,8}}{_NUMBER}\s{{0,8}}\)\s{{0,8}},?\s{{0,8}}"
    rf"\(\s{{0,8}}{_NUMBER}\s{{0,8}},\s{{0,8}}{_NUMBER}\s{{0,8}}\)"
)
_BARE = re.compile(rf"[\[(]\s{{0,8}}{_FOUR}\s{{0,8}}[\])]")
_LABEL = re.compile(r"""["']?\blabel["']?\s{0,8}:\s{0,8}(["'])""")
_STRING = json.JSONDecoder(strict=False)
_VALUE_END = re.compile(r"\s{0,8}(?:[,}\]]|\Z)")
_REFERENCE = re.compile(r"<\|object_ref_start\|>([^<]{0,1000})<\|object_ref_end\|>")


def read(text: str, plan: Plan) -> tuple[Box, ...]:
    """The boxes of an answer in pixels of the source image; empty where it has none.

    Args:
        text: what the model wrote about one image.
        plan: what that image was resized to, and the convention of its family.

    Returns:
        Boxes in the order of the text, as `to_source` gives them.
    """
    return to_source(read_raw(text), plan)


def read_raw(text: str) -> tuple[Box, ...]:
    """The boxes of an answer as the model wrote them, corners put in order; nothing is scaled or clipped."""
    boxes = _with_neighbors(text, list(_KEYED.finditer(text)), _json_label)
    if not boxes:
        boxes = _with_neighbors(text, list(_TOKENS.finditer(text)), _reference_label)
    return boxes or _with_neighbors(text, list(_BARE.finditer(text)), _json_label)


def to_source(boxes: Sequence[Box], plan: Plan) -> tuple[Box, ...]:
    """Map boxes to the source image and clip them to it; those outside, or only touching its edge, are left out.

    Args:
        boxes: in pixels of the resized image for a family of convention "absolute", in thousandths of its sides for
            "thousandths", in 0..1 for "fractions".
        plan: of that image.
    """
    width, height = plan.source_size
    whole = {"thousandths": 1000, "fractions": 1}.get(plan.family.convention)
    mapped = []
    for box in boxes:
        if whole is not None:
            x1, y1, x2, y2 = (value * side / whole for value, side in zip(box.xyxy, (width, height) * 2, strict=True))
        else:
            x1, y1, x2, y2 = plan.to_source(box.xyxy)
        if x1 < width and y1 < height and x2 > 0 and y2 > 0:
            clipped = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
            mapped.append(Box(clipped, box.label))
    return tuple(mapped)


def _with_neighbors(text: str, found: list[re.Match[str]], label: Callable[[str, str], str]) -> tuple[Box, ...]:
    """Boxes of matches; each label is looked for between the box before and the box after."""
    boxes = []
    for number, match in enumerate(found):
        before = found[number - 1].end() if number else 0
        after = found[number + 1].start() if number + 1 < len(found) else len(text)
        values = [float(value) for value in match.groups()]
        if all(math.isfinite(value) for value in values):
            x1, y1, x2, y2 = values
            corners = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
            boxes.append(Box(corners, label(text[before : match.start()], text[match.end() : after])))
    return tuple(boxes)


def _json_label(before: str, after: str) -> str:
    """The label of the same object: after the box up to the object's end, else before it since the object's start."""
    here = _LABEL.search(after)
    end = after.find("}")
    if here and (end < 0 or here.start() < end):
        return _string(after[here.end() :], here[1])
    start = before.rfind("{")
    here = _LABEL.search(before, max(start, 0)) if start >= 0 else None
    return _string(before[here.end() :], here[1]) if here else ""


def _string(rest: str, quote: str) -> str:
    """The string that goes on until a quote that ends a JSON value, or until the text is cut off."""
    if quote == '"':
        try:
            value, stop = _STRING.raw_decode(quote + rest)
        except ValueError:
            pass
        else:
            if _VALUE_END.match(quote + rest, stop):
                return str(value)
    # Labels often hold unescaped quotes ("the "Save" button"), so a quote alone does not end one.
    end = re.search(rf"{quote}(?=\s{{0,8}}[,}}\]])", rest)
    return rest[: end.start()] if end else rest.partition("\n")[0].rstrip(quote + " ")


def _reference_label(before: str, after: str) -> str:
    """The last `<|object_ref_start|>` before the box."""
    named = _REFERENCE.findall(before)
    return named[-1].strip() if named else ""
