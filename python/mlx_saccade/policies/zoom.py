"""Coarse, then zoom: a second look at a crop around the first answer, mapped back to the source.

Two passes with a crop that keeps its center on the first answer and is shifted, not cut, at the border: the rule of
ReGround (ScreenSpot-Pro's baselines, a fixed 1024 x 1024 crop) and of Zoom Consistency (arXiv 2604.15376, half of each
side). A tiny target gains because the crop spends the same tokens on fewer pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlx_saccade import media
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import Box

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer, Engine

__all__ = ["ZoomAnswer", "crop_around", "locate_with_zoom", "second_look"]

MINIMUM_SIDE = 56


@dataclass(frozen=True)
class ZoomAnswer:
    """Two looks and what they found.

    Attributes:
        boxes: in source pixels of the whole image; the second look's, or the first's where the second found none.
        coarse: the answer on the whole image.
        fine: the answer on the crop, in the crop's own pixels; None where the first look found nothing to zoom to.
        crop: (x1, y1, x2, y2) in source pixels; None likewise.
        tokens: visual tokens of both looks.
    """

    boxes: tuple[Box, ...]
    coarse: Answer
    fine: Answer | None
    crop: tuple[int, int, int, int] | None
    tokens: int


def crop_around(
    center: tuple[float, float], size: tuple[int, int], share: float, *, minimum: int = MINIMUM_SIDE
) -> tuple[int, int, int, int]:
    """A window of the image around a point, shifted inside where it would cross the border.

    Args:
        center: (x, y) in source pixels; a point outside the image counts as the nearest one inside.
        size: (width, height) of the image in pixels.
        share: of each side that the window keeps, above 0 and at most 1.
        minimum: pixels that each side of the window keeps at least, where the image has as many.

    Returns:
        (x1, y1, x2, y2), edges inside the image, x2 - x1 and y2 - y1 at least 1.

    Raises:
        InputError: `share` is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise InputError(f"zoom share {share}: has to be above 0 and at most 1")
    edges = []
    for point, side in zip(center, size, strict=True):
        length = min(side, max(minimum, round(side * share)))
        start = min(max(0, round(point - length / 2)), side - length)
        edges.append((start, start + length))
    (x1, x2), (y1, y2) = edges
    return x1, y1, x2, y2


def second_look(
    frame: media.Frame, first: Sequence[Box], share: float, look: Callable[[media.Frame], Sequence[Box]]
) -> tuple[tuple[Box, ...], tuple[int, int, int, int] | None]:
    """Look again at a crop around the first of the boxes found; the first look stands where the second finds nothing.

    Args:
        frame: the whole image.
        first: boxes of the first look, in the frame's pixels.
        share: of each side that the crop keeps, as `crop_around`.
        look: from the crop to the boxes found on it, in the crop's pixels.

    Returns:
        The boxes in the frame's pixels, and the crop (x1, y1, x2, y2); no boxes and None where `first` is empty.

    Raises:
        InputError: as `crop_around`.
    """
    if not first:
        return (), None
    crop = crop_around(first[0].center, frame.source_size, share)
    left, top = crop[:2]
    found = tuple(
        Box((box.xyxy[0] + left, box.xyxy[1] + top, box.xyxy[2] + left, box.xyxy[3] + top), box.label)
        for box in look(frame.crop(crop))
    )
    return found or tuple(first), crop


def locate_with_zoom(
    engine: Engine,
    image: media.Source,
    description: str,
    *,
    budget: int | str | None = None,
    share: float = 0.5,
    **how: Any,
) -> ZoomAnswer:
    """Look at the whole image, then at a crop around the first box, with the same budget for each look.

    Args:
        engine: a loaded engine.
        image: anything that `mlx_saccade.media.open_image` takes.
        description: what to find.
        budget: of each look, as in `mlx_saccade.plan`.
        share: of each side that the crop keeps.
        how: of each look, what else `Engine.locate` takes, such as constrained=True.

    Returns:
        The boxes in source pixels, with both answers.

    Raises:
        InputError: as `Engine.locate`, and for a `share` outside its range.
    """
    frame = engine.open(image)
    looks: list[Answer] = []

    def look(shown: media.Frame) -> tuple[Box, ...]:
        looks.append(engine.locate(shown, description, budget=budget, **how))
        return looks[-1].boxes

    boxes, crop = second_look(frame, look(frame), share, look)
    tokens = sum(used.tokens for answer in looks for used in answer.frames)
    return ZoomAnswer(boxes, looks[0], looks[1] if crop else None, crop, tokens)
