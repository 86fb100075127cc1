"""An asker that answers from the truth of a generated screen, for the tests of `elements`."""

from __future__ import annotations

from collections.abc import Sequence

from mlx_saccade import media
from mlx_saccade.evals.elements.asking import Finding, Look, Proposer
from mlx_saccade.evals.elements.regions import part_inside
from mlx_saccade.evals.targets import Edges
from mlx_saccade.media import Frame
from mlx_saccade.policies.trail import Crop
from mlx_saccade.scenes import Element, Scene, describe


class TruthAsker:
    """Sees every element that is mostly in a crop, and names it by color and kind alone, as the packaged model does.

    Attributes:
        looks: number of questions that were answered.
        least: share of an element above which it is seen.
    """

    names_boxes = True
    least = 0.5

    def __init__(self, scene: Scene, proposer: Proposer = "points", seen: tuple[int, int] = (320, 180)) -> None:
        self.scene, self.proposer, self.seen, self.looks = scene, proposer, seen, 0

    def seen_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return min(size[0], self.seen[0]), min(size[1], self.seen[1])

    def name_points(self, frame: Frame, crop: Crop, points: Sequence[tuple[float, float]]) -> list[str]:
        self.looks += len(points)
        return [name(self.scene.at(x, y)) for x, y in points]

    def list_elements(self, frame: Frame, crop: Crop) -> list[Finding]:
        self.looks += 1
        return [
            Finding(clip(one.box, crop), name(one))
            for one in self.scene.elements
            if part_inside(one.box, crop) > self.least
        ]

    def locate_all(self, frame: Frame, crop: Crop, descriptions: Sequence[str]) -> list[Finding | None]:
        return self.locate_each(frame, [Look(crop, words) for words in descriptions])

    def locate_each(self, frame: Frame, looks: Sequence[Look]) -> list[Finding | None]:
        return [self.locate(look) for look in looks]

    def locate(self, look: Look) -> Finding | None:
        self.looks += 1
        for one in self.scene.elements:
            erased = look.erased is not None and part_inside(one.box, look.erased) > 0.8
            if name(one) == look.description and part_inside(one.box, look.crop) > self.least and not erased:
                return Finding(clip(one.box, look.crop), look.description, 0.9, 0.5)
        return None

    def name_boxes(self, frame: Frame, boxes: Sequence[tuple[Crop, Edges]]) -> list[str]:
        self.looks += len(boxes)
        return [name(max(self.scene.elements, key=lambda one: overlap(one, box), default=None)) for _, box in boxes]


def name(element: Element | None) -> str:
    return "" if element is None else describe(element.color, element.kind)


def overlap(element: Element, box: Edges) -> float:
    return part_inside(element.box, box) * part_inside(box, element.box)


def clip(box: Edges, crop: Crop) -> Edges:
    return max(box[0], crop[0]), max(box[1], crop[1]), min(box[2], crop[2]), min(box[3], crop[3])


def frame_of(scene: Scene) -> Frame:
    return media.open_image(scene.image)
