"""Propose regions: what the model recognizes in the whole image and in tiles of it.

A model cannot name tiny elements from the whole frame, so each is shown at several scales.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlx_saccade.evals.elements.regions import Proposal, Settings, agrees, is_same, phrase
from mlx_saccade.evals.targets import Edges
from mlx_saccade.policies.tiles import cut
from mlx_saccade.policies.trail import Crop

if TYPE_CHECKING:
    from mlx_saccade.evals.elements.asking import Asker
    from mlx_saccade.media import Frame

__all__ = ["crops_of", "merge", "propose"]

Cell = tuple[int, int]


def crops_of(size: tuple[int, int], settings: Settings) -> list[Crop]:
    """Return the crops of an image of `size` (width, height) that the model is shown, the coarsest first."""
    crops = [crop for side in settings.grids for crop in cut(size, (side, side), settings.overlap)]
    return list(dict.fromkeys(crops))


def propose(asker: Asker, frame: Frame, crop: Crop, settings: Settings) -> list[Proposal]:
    """Return what the model recognizes in one crop."""
    if asker.proposer == "list":
        return [
            Proposal(one.label, one.box, _middle(one.box), crop)
            for one in asker.list_elements(frame, crop)
            if one.box[0] < one.box[2] and one.box[1] < one.box[3]
        ]
    return _from_points(asker, frame, crop, settings.stride)


def _from_points(asker: Asker, frame: Frame, crop: Crop, stride: int) -> list[Proposal]:
    """Ask a grid of points, and take neighbors of one name as one region."""
    sides = crop[2] - crop[0], crop[3] - crop[1]
    columns, rows = (max(1, round(side / stride)) for side in asker.seen_size(sides))
    width, height = sides[0] / columns, sides[1] / rows

    def center(cell: Cell) -> tuple[float, float]:
        return crop[0] + (cell[0] + 0.5) * width, crop[1] + (cell[1] + 0.5) * height

    cells = [(column, row) for row in range(rows) for column in range(columns)]
    names = dict(zip(cells, asker.name_points(frame, crop, [center(cell) for cell in cells]), strict=True))
    proposals = []
    for group in _groups({cell: name for cell, name in names.items() if name}):
        left, right = min(x for x, _ in group), max(x for x, _ in group) + 1
        top, bottom = min(y for _, y in group), max(y for _, y in group) + 1
        box = (crop[0] + left * width, crop[1] + top * height, crop[0] + right * width, crop[1] + bottom * height)
        proposals.append(Proposal(names[group[0]], box, center(_innermost(group)), crop))
    return _placed(asker, frame, crop, proposals)


def _placed(asker: Asker, frame: Frame, crop: Crop, proposals: Sequence[Proposal]) -> list[Proposal]:
    """Return the proposals that the model also finds in the same crop, with the boxes that it gives.

    At the edge of an element a single point may have its neighbor's name, and that is not found there. Of several
    regions of one name the model finds one; the others are kept too if that one is among them.
    """
    names = list(dict.fromkeys(one.description for one in proposals))
    boxes = {
        name: finding.box
        for name, finding in zip(names, asker.locate_all(frame, crop, names), strict=True)
        if finding is not None and agrees(name, finding.label)
    }
    hit = [one.description in boxes and _holds(boxes[one.description], one.point) for one in proposals]
    real = {one.description for one, is_hit in zip(proposals, hit, strict=True) if is_hit}
    return [
        replace(one, box=boxes[one.description]) if is_hit else one
        for one, is_hit in zip(proposals, hit, strict=True)
        if one.description in real
    ]


def _groups(names: dict[Cell, str]) -> Iterable[list[Cell]]:
    """Yield the cells of each region of one name; cells are neighbors if they share a side."""
    left = dict(names)
    while left:
        cell, name = left.popitem()
        group, reached = [], [cell]
        while reached:
            x, y = cell = reached.pop()
            group.append(cell)
            for near in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
                if left.get(near) == name:
                    del left[near]
                    reached.append(near)
        yield sorted(group)


def _innermost(group: Sequence[Cell]) -> Cell:
    """Return the cell of a group that is nearest to its mean."""
    x, y = (sum(cell[axis] for cell in group) / len(group) for axis in (0, 1))
    return min(group, key=lambda cell: ((cell[0] - x) ** 2 + (cell[1] - y) ** 2, cell))


def merge(proposals: Sequence[Proposal]) -> list[tuple[Proposal, int]]:
    """Return one proposal of each region, with the number of crops in which it was recognized.

    Proposals of one description are of one region if one's box is mostly inside the other's; the largest is kept, as
    tiles cut off what is larger than they are. Order: the first proposal of each.
    """
    regions: list[list[Proposal]] = []
    for proposal in proposals:
        for region in regions:
            if phrase(region[0].description) == phrase(proposal.description) and any(
                is_same(one.box, proposal.box) for one in region
            ):
                region.append(proposal)
                break
        else:
            regions.append([proposal])
    return [(max(region, key=lambda one: _area(one.box)), len({one.crop for one in region})) for region in regions]


def _holds(box: Edges, point: tuple[float, float]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _middle(box: Edges) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _area(box: Edges) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
