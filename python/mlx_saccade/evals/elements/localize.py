"""Localize regions: each by a zoom of its own, in which the model sees the image's own pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mlx_saccade.evals.elements.asking import Finding, Look
from mlx_saccade.evals.elements.regions import Located, Proposal, agrees, rounded
from mlx_saccade.evals.targets import Edges
from mlx_saccade.policies.tiles import centered
from mlx_saccade.policies.trail import Crop

if TYPE_CHECKING:
    from mlx_saccade.evals.elements.asking import Asker
    from mlx_saccade.media import Frame

__all__ = ["crop_around", "is_cut", "localize"]

# Least sides of a crop, in sides of the box in it; and how often a crop that cuts off a box is doubled.
_ROOM: Final = 2.0
_DOUBLINGS: Final = 4


def crop_around(asker: Asker, size: tuple[int, int], box: Edges, *, zoom: float = 1.0, room: float = _ROOM) -> Crop:
    """Return a crop of an image of `size` around a box, in which one source pixel is one model pixel if the box fits.

    Args:
        asker: says how many pixels the model sees.
        size: (width, height) of the image in pixels.
        box: what has to be in the crop.
        zoom: factor of the crop's sides, at most 1; default 1.
        room: least sides of the crop, in sides of the box; default 2.
    """
    visible = asker.seen_size(size)
    # One factor for both sides: a model sees less in a strip than in the shape of the image.
    sides = box[2] - box[0], box[3] - box[1]
    factor = max(zoom, *(room * side / pixels for side, pixels in zip(sides, visible, strict=True)))
    width, height = (max(1, round(factor * pixels)) for pixels in visible)
    return centered(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), size, (width, height))


def is_cut(finding: Finding, crop: Crop, size: tuple[int, int]) -> bool:
    """Return True if a box ends where its crop does, and the image goes on."""
    (x1, y1, x2, y2), near = finding.box, finding.near_edge
    inside = x1 - crop[0], y1 - crop[1], crop[2] - x2, crop[3] - y2
    beyond = crop[0], crop[1], size[0] - crop[2], size[1] - crop[3]
    return any(distance <= near and rest > 0 for distance, rest in zip(inside, beyond, strict=True))


def localize(asker: Asker, frame: Frame, regions: Sequence[tuple[Proposal, int]]) -> list[Located]:
    """Return each region with the box of its zoom, or the reason why there is none.

    Args:
        asker: asks the model.
        frame: the image.
        regions: proposals, and the number of crops in which each was recognized.
    """
    size = frame.source_size
    crops = [crop_around(asker, size, one.box) for one, _ in regions]
    results: list[Located | None] = [None] * len(regions)
    for turn in range(_DOUBLINGS + 1):
        open_ones = [number for number, result in enumerate(results) if result is None]
        looks = [Look(crops[number], regions[number][0].description) for number in open_ones]
        for number, finding in zip(open_ones, asker.locate_each(frame, looks), strict=True):
            crop = crops[number]
            if finding is not None and is_cut(finding, crop, size) and turn < _DOUBLINGS:
                lengths = 2 * (crop[2] - crop[0]), 2 * (crop[3] - crop[1])
                crops[number] = centered(regions[number][0].point, size, lengths)
            else:
                results[number] = _judge(*regions[number], finding, crop)
    return [result for result in results if result is not None]


def _judge(proposal: Proposal, seen_in: int, finding: Finding | None, crop: Crop) -> Located:
    reason = ""
    if finding is None:
        reason = "the zoom does not find it"
    elif not agrees(proposal.description, finding.label):
        reason = f"the zoom finds {finding.label!r} in its place"
    elif not _holds(finding, proposal.point):
        x, y = proposal.point
        reason = f"the zoom finds it elsewhere, without ({x:.0f}, {y:.0f}) in its box"
    if finding is None or reason:
        return Located(proposal.description, proposal.box, None, crop, seen_in=seen_in, reason=reason)
    return Located(proposal.description, proposal.box, rounded(finding.box), crop, finding.confidence, seen_in)


def _holds(finding: Finding, point: tuple[float, float]) -> bool:
    (x1, y1, x2, y2), (x, y), near = finding.box, point, finding.near_edge
    return x1 - near <= x <= x2 + near and y1 - near <= y <= y2 + near
