"""Define what the stages pass on: proposals, regions, located regions and verdicts, and the overlap of boxes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mlx_saccade.evals.targets import Edges
from mlx_saccade.policies.candidates import agreement
from mlx_saccade.policies.trail import Crop

__all__ = [
    "SAME",
    "Located",
    "Proposal",
    "Settings",
    "agrees",
    "crop_of",
    "edges",
    "is_same",
    "part_inside",
    "phrase",
    "rounded",
]

SAME = 0.5
"""Least intersection over union of two boxes of one element."""
_PART = 0.7


@dataclass(frozen=True)
class Settings:
    """The arguments on which the set depends.

    Attributes:
        proposer: "points" or "list", as `mlx_saccade.evals.elements.asking`.
        budget: maximum visual tokens of each crop, in words; None for the default.
        grids: sides of the grids of crops that are shown: (1, 2) is the whole image and 2 x 2 tiles.
        overlap: share of a tile's side that its neighbor covers too.
        stride: model pixels between two points of the proposer "points".
        least_iou: least intersection over union with which a crop verifies a box.
    """

    proposer: str
    budget: str | None = None
    grids: tuple[int, ...] = (1, 2)
    overlap: float = 0.2
    stride: int = 36
    least_iou: float = SAME


@dataclass(frozen=True)
class Proposal:
    """A region that the model recognized in one crop.

    Attributes:
        description: the model's words.
        box: rough box, in pixels of the image.
        point: (x, y) inside it.
        crop: part of the image that the model saw.
    """

    description: str
    box: Edges
    point: tuple[float, float]
    crop: Crop

    @classmethod
    def of_dict(cls, line: dict[str, Any]) -> Proposal:
        """Return the proposal of a line of JSON; raises TypeError, KeyError or ValueError if it is damaged."""
        x, y = line["point"]
        return cls(str(line["description"]), edges(line["box"]), (float(x), float(y)), crop_of(line["crop"]))


@dataclass(frozen=True)
class Located:
    """A proposal after its zoom.

    Attributes:
        description: the model's words.
        rough: the proposal's box.
        box: in pixels of the image; None if the zoom did not find it.
        crop: the last part of the image that was looked at.
        confidence: as `mlx_saccade.engine.Answer.confidence`; None where there is none.
        seen_in: number of crops in which it was proposed.
        reason: why there is no box, or "".
    """

    description: str
    rough: Edges
    box: Edges | None
    crop: Crop
    confidence: float | None = None
    seen_in: int = 1
    reason: str = ""

    @classmethod
    def of_dict(cls, line: dict[str, Any]) -> Located:
        """Return the region of a line of JSON; raises TypeError, KeyError or ValueError if it is damaged."""
        box = None if line["box"] is None else edges(line["box"])
        return cls(**{**line, "rough": edges(line["rough"]), "box": box, "crop": crop_of(line["crop"])})


def edges(values: Any) -> Edges:
    """Return a box of four numbers; raises TypeError or ValueError for other values."""
    x1, y1, x2, y2 = map(float, values)
    return x1, y1, x2, y2


def crop_of(values: Any) -> Crop:
    """Return a crop of four whole numbers; raises TypeError or ValueError for other values."""
    x1, y1, x2, y2 = map(int, values)
    return x1, y1, x2, y2


def rounded(box: Edges) -> Edges:
    """Return a box in hundredths of a pixel, as the set holds it."""
    x1, y1, x2, y2 = (round(value, 2) for value in box)
    return x1, y1, x2, y2


def phrase(description: str) -> str:
    """Return a description as descriptions are compared: its words in lower case, without punctuation."""
    return " ".join(re.findall(r"\w+", description.lower()))


def agrees(description: str, label: str) -> bool:
    """Return True unless a label has words that the description has not."""
    return agreement(description, label) == 1


def part_inside(inner: Edges, outer: Edges) -> float:
    """Return the share of a box's area that is inside another."""
    width = min(inner[2], outer[2]) - max(inner[0], outer[0])
    height = min(inner[3], outer[3]) - max(inner[1], outer[1])
    area = (inner[2] - inner[0]) * (inner[3] - inner[1])
    return width * height / area if width > 0 and height > 0 and area > 0 else 0.0


def is_same(one: Edges, other: Edges) -> bool:
    """Return True if two boxes of one description are of one element: one may be a part of the other, cut by a crop."""
    return max(part_inside(one, other), part_inside(other, one)) >= _PART
