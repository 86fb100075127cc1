"""Size gate: a second look, closer, only if the first one gives a small box.

This is the rule by which AdaZoom-GUI (arXiv 2603.17441) is described: a second, zoomed pass if the predicted element is
small. Its threshold and its crop are not public, and its model was trained for the task. So this is not AdaZoom-GUI.
Chosen here: an element is small if its shorter side is below one visual token of Qwen2.5-VL, 28 pixels of the model's
image. The crop keeps half of each side of the image. A place without a size, as of a model that points, counts as
small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlx_saccade import validation
from mlx_saccade.policies.candidates import Candidate
from mlx_saccade.policies.rounds import Looks, follow
from mlx_saccade.policies.tiles import holding
from mlx_saccade.policies.trail import Trail, whole
from mlx_saccade.policies.zoom import check_share, crop_around

if TYPE_CHECKING:
    from mlx_saccade import media
    from mlx_saccade.engine import Answer, Engine

__all__ = ["size_gated"]


def size_gated(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    /,
    *,
    max_looks: int = 2,
    smallest: int = 28,
    share: float = 0.5,
    **options: Any,
) -> list[Answer]:
    """Locate each description in the whole image, and in a crop around its first box if that is small.

    Args:
        engine: loaded engine.
        frame: whole image.
        descriptions: of the targets.
        max_looks: 1 leaves out the second look; more than 2 are not taken.
        smallest: least shorter side, in pixels of the model's image, of a box that needs no second look.
        share: share of each side of the image that the crop keeps, above 0 and at most 1.
        options: other arguments of `Engine.look`.

    Returns:
        Answers with the boxes of the last look that has one. Without a place in the first look there is no second.

    Raises:
        InputError: as `Engine.look`, or a parameter is outside its range.
    """
    validation.at_least(1, max_looks, "policy size-gated: max_looks")
    validation.at_least(0, smallest, "policy size-gated: smallest")
    check_share(share, "policy size-gated: share")
    ways = [_gate(Trail(words, frame.source_size), max_looks, smallest, share) for words in descriptions]
    return follow(engine, frame, descriptions, ways, options)


def _gate(trail: Trail, max_looks: int, smallest: int, share: float) -> Looks[Answer]:
    (first,) = yield from trail.look([whole(trail.size)])
    if first is None:
        return trail.answer(None)
    is_small = first.side is None or first.side < smallest
    trail.judge(first.look, _verdict(first, is_small=is_small))
    crop = holding(crop_around(first.box.center, trail.size, share), first.box.xyxy, trail.size)
    if not is_small or max_looks == 1 or crop == whole(trail.size):
        return trail.answer_of(first)
    return (yield from trail.look_closer(crop, first))


def _verdict(place: Candidate, *, is_small: bool) -> str:
    if place.side is None:
        return "a point, whose size is unknown"
    return f"{'small' if is_small else 'large enough'}: {place.side:.0f} model pixels"
