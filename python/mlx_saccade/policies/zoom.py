"""Zoom: a second pass over a crop around the first answer, mapped back to the source.

The crop is centered on the first answer and is shifted, not cut, at the border. This is the rule of ReGround
(ScreenSpot-Pro's baselines, a fixed crop of 1024 x 1024) and of Zoom Consistency (arXiv 2604.15376, half of each side).
It grows where it would cut the first box off. A tiny target gains because the crop spends the same tokens on fewer
pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from mlx_saccade import media
from mlx_saccade.engine import request
from mlx_saccade.errors import InputError, brief
from mlx_saccade.grounding import Box
from mlx_saccade.policies.tiles import centered, holding, not_too_long
from mlx_saccade.policies.trail import Crop, Trail, whole

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer, Engine
    from mlx_saccade.media.pixel_formats import PixelFormat

__all__ = ["ZoomAnswer", "check_share", "crop_around", "locate_with_zoom", "second_look", "zoom"]

_Number = TypeVar("_Number", int, float)

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
    crop: Crop | None
    tokens: int

    @property
    def found(self) -> bool:
        """True if there is a box."""
        return bool(self.boxes)

    @property
    def usage(self) -> dict[str, int]:
        """Token counts of both passes together, as `Answer.usage`."""
        return _sum(self.coarse.usage, {} if self.fine is None else self.fine.usage)

    @property
    def timings(self) -> dict[str, float]:
        """Seconds of both passes together, as `Answer.timings`."""
        return _sum(self.coarse.timings, {} if self.fine is None else self.fine.timings)

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts, strings and numbers for JSON."""
        return {
            "found": self.found,
            "boxes": [box.as_dict() for box in self.boxes],
            "crop": None if self.crop is None else list(self.crop),
            "tokens": self.tokens,
            "usage": self.usage,
            "timings": self.timings,
            "coarse": self.coarse.as_dict(),
            "fine": None if self.fine is None else self.fine.as_dict(),
        }


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
    check_share(share)
    width, height = (max(minimum, round(side * share)) for side in size)
    return centered(center, size, (width, height))


def check_share(share: float, name: str = "share") -> None:
    """Refuse a share of a side that is not above 0 and at most 1.

    Raises:
        InputError: it is not, or is no number.
    """
    if not isinstance(share, int | float) or not 0 < share <= 1:
        raise InputError(f"{name}: expected above 0 and at most 1; got {brief(share)}")


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
    boxes = tuple(box.moved(*crop[:2]) for box in locate(frame.crop(crop)))
    return boxes or tuple(first), crop


def zoom(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    /,
    *,
    max_looks: int = 2,
    share: float = 0.5,
    **options: Any,
) -> list[Answer]:
    """Locate each description in the whole image, then in a crop around its first box.

    Args:
        engine: loaded engine.
        frame: whole image.
        descriptions: of the targets.
        max_looks: 1 leaves out the second look; more than 2 are not taken.
        share: share of each side that the crop keeps; default 0.5.
        options: other arguments of `Engine.look`.

    Returns:
        Answers with the boxes of the crop, or of the whole image if the crop has none.

    Raises:
        InputError: as `Engine.look`, or `share` is outside its range.
    """
    check_share(share, "policy zoom: share")
    answers, around = [], whole(frame.source_size)
    passes = _two_passes(engine, frame, descriptions, share, max_looks, options)
    for words, (coarse, fine, crop) in zip(descriptions, passes, strict=True):
        trail = Trail(words, frame.source_size)
        trail.add(coarse, around)
        if fine is not None and crop is not None:
            trail.add(fine, crop, "no box; the first box is kept" if fine.click is None else None)
        answers.append(trail.answer(1 if fine is not None and fine.click is not None else 0))
    return answers


@overload
def locate_with_zoom(
    engine: Engine,
    image: media.Source,
    description: str,
    *,
    budget: int | str | None = None,
    share: float = 0.5,
    pixel_format: PixelFormat | None = None,
    **options: Any,
) -> ZoomAnswer: ...


@overload
def locate_with_zoom(
    engine: Engine,
    image: media.Source,
    description: Sequence[str],
    *,
    budget: int | str | None = None,
    share: float = 0.5,
    pixel_format: PixelFormat | None = None,
    **options: Any,
) -> list[ZoomAnswer]: ...


def locate_with_zoom(
    engine: Engine,
    image: media.Source,
    description: str | Sequence[str],
    *,
    budget: int | str | None = None,
    share: float = 0.5,
    pixel_format: PixelFormat | None = None,
    **options: Any,
) -> ZoomAnswer | list[ZoomAnswer]:
    """Locate a target in the whole image, then in a crop around the first box, with one budget for each pass.

    Args:
        engine: loaded engine.
        image: any image that `mlx_saccade.media.open_image` takes.
        description: description of the target, or a list of those, for which the image is encoded once.
        budget: maximum visual tokens of each pass, as in `mlx_saccade.plan`; None (default) is the engine's.
        share: share of each side that the crop keeps; default 0.5.
        pixel_format: order of an array's channels, as in `Engine.locate`.
        options: other arguments of `Engine.locate` for each pass, such as constrained=True.

    Returns:
        The boxes in source pixels, with both answers; one for each description.

    Raises:
        InputError: as `Engine.locate`, or `share` is outside its range.
    """
    descriptions = request.descriptions(description)
    frame = engine.open(image, pixel_format=pixel_format)
    answers = []
    for coarse, fine, crop in _two_passes(engine, frame, descriptions, share, 2, {"budget": budget, **options}):
        best = coarse if fine is None or not fine.found else fine
        tokens = sum(part.tokens for one in (coarse, fine) if one is not None for part in one.frames)
        inside = None if fine is None or crop is None else fine.moved(-crop[0], -crop[1])
        answers.append(ZoomAnswer(best.boxes, coarse, inside, crop, tokens))
    return answers[0] if isinstance(description, str) else answers


def _two_passes(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    share: float,
    max_looks: int,
    options: Mapping[str, Any],
) -> Iterator[tuple[Answer, Answer | None, Crop | None]]:
    """Yield each description's first answer, and the second with its crop, all in pixels of the whole image."""
    check_share(share)
    size = frame.source_size
    first = engine.look(frame, [(whole(size), words) for words in descriptions], **options)
    crops = [_crop(answer, size, share) if max_looks > 1 else None for answer in first]
    views = [(crop, words) for crop, words in zip(crops, descriptions, strict=True) if crop is not None]
    second = iter(engine.look(frame, views, **options) if views else ())
    for answer, crop in zip(first, crops, strict=True):
        yield answer, None if crop is None else next(second), crop


def _crop(answer: Answer, size: tuple[int, int], share: float) -> Crop | None:
    """Return the crop around an answer's place, grown where it would cut the first box off; None without a place."""
    if answer.click is None:
        return None
    crop = crop_around(answer.click, size, share)
    return not_too_long(holding(crop, answer.boxes[0].xyxy, size) if answer.boxes else crop, size)


def _sum(first: Mapping[str, _Number], second: Mapping[str, _Number]) -> dict[str, _Number]:
    return {name: value + second[name] if name in second else value for name, value in first.items()}
