"""Zoom: a second pass over a crop around the first answer, mapped back to the source.

The crop is centered on the first answer and is shifted, not cut, at the border. This is the rule of ReGround
(ScreenSpot-Pro's baselines, a fixed crop of 1024 x 1024) and of Zoom Consistency (arXiv 2604.15376, half of each side).
A tiny target gains because the crop spends the same tokens on fewer pixels.
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
"""Default of `minimum`: the least side of a crop in pixels."""


@dataclass(frozen=True)
class ZoomAnswer:
    """The answers of a coarse and a fine pass.

    Attributes:
        boxes: boxes in source pixels of the whole image, from the fine pass, or from the coarse one if it has none.
        coarse: answer on the whole image.
        fine: answer on the crop, in the crop's own pixels; None if the coarse pass has no box to zoom to.
        crop: crop (x1, y1, x2, y2) in source pixels; None if there is none.
        tokens: visual tokens of both passes.
    """

    boxes: tuple[Box, ...]
    coarse: Answer
    fine: Answer | None
    crop: tuple[int, int, int, int] | None
    tokens: int


def crop_around(
    center: tuple[float, float], size: tuple[int, int], share: float, *, minimum: int = MINIMUM_SIDE
) -> tuple[int, int, int, int]:
    """Return a crop around a point, shifted inside where it would cross the border.

    Args:
        center: (x, y) in source pixels; a point outside the image counts as the nearest one inside.
        size: (width, height) of the image in pixels.
        share: share of each side that the crop keeps, above 0 and at most 1.
        minimum: least side of the crop in pixels, as far as the image has as many; default 56.

    Returns:
        (x1, y1, x2, y2) inside the image, with sides of at least 1 pixel.

    Raises:
        InputError: `share` is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise InputError(f"share: expected above 0 and at most 1; got {share}")
    edges = []
    for point, side in zip(center, size, strict=True):
        length = min(side, max(minimum, round(side * share)))
        start = min(max(0, round(point - length / 2)), side - length)
        edges.append((start, start + length))
    (x1, x2), (y1, y2) = edges
    return x1, y1, x2, y2


def second_look(
    frame: media.Frame, first: Sequence[Box], share: float, locate: Callable[[media.Frame], Sequence[Box]]
) -> tuple[tuple[Box, ...], tuple[int, int, int, int] | None]:
    """Locate again in a crop around the first box; keep the first boxes if the crop has none.

    Args:
        frame: whole image.
        first: boxes of the first pass, in the frame's pixels.
        share: share of each side that the crop keeps, as in `crop_around`.
        locate: function from the crop to boxes in the crop's pixels.

    Returns:
        The boxes in the frame's pixels, and the crop (x1, y1, x2, y2); no boxes and None if `first` is empty.

    Raises:
        InputError: as `crop_around`.
    """
    if not first:
        return (), None
    crop = crop_around(first[0].center, frame.source_size, share)
    left, top = crop[:2]
    boxes = tuple(
        Box((box.xyxy[0] + left, box.xyxy[1] + top, box.xyxy[2] + left, box.xyxy[3] + top), box.label)
        for box in locate(frame.crop(crop))
    )
    return boxes or tuple(first), crop


def locate_with_zoom(
    engine: Engine,
    image: media.Source,
    description: str,
    *,
    budget: int | str | None = None,
    share: float = 0.5,
    **options: Any,
) -> ZoomAnswer:
    """Locate a target in the whole image, then in a crop around the first box, with one budget for each pass.

    Args:
        engine: loaded engine.
        image: any image that `mlx_saccade.media.open_image` takes.
        description: description of the target.
        budget: maximum visual tokens of each pass, as in `mlx_saccade.plan`; None (default) is the engine's.
        share: share of each side that the crop keeps; default 0.5.
        options: other arguments of `Engine.locate` for each pass, such as constrained=True.

    Returns:
        The boxes in source pixels, with both answers.

    Raises:
        InputError: as `Engine.locate`, or `share` is outside its range.
    """
    frame = engine.open(image)
    answers: list[Answer] = []

    def locate(view: media.Frame) -> tuple[Box, ...]:
        answers.append(engine.locate(view, description, budget=budget, **options))
        return answers[-1].boxes

    boxes, crop = second_look(frame, locate(frame), share, locate)
    tokens = sum(part.tokens for answer in answers for part in answer.frames)
    return ZoomAnswer(boxes, answers[0], answers[1] if crop else None, crop, tokens)
