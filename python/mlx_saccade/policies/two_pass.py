"""Two passes: the whole image, then a crop of a fixed size around the first place.

This is ReGround of ScreenSpot-Pro's baselines (github.com/likaixin2000/ScreenSpot-Pro-GUI-Grounding, `models/methods`):
1024 x 1024 pixels of the source, centered on the first place, shifted inside at the border.

Two things are this package's. The crop grows where it would cut the first box off, since that rule is for models that
point. A crop that is the whole image is not looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlx_saccade import validation
from mlx_saccade.policies.rounds import Looks, follow
from mlx_saccade.policies.tiles import centered, holding
from mlx_saccade.policies.trail import Trail, whole

if TYPE_CHECKING:
    from mlx_saccade import media
    from mlx_saccade.engine import Answer, Engine

__all__ = ["two_pass"]


def two_pass(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    /,
    *,
    max_looks: int = 2,
    side: int = 1024,
    **options: Any,
) -> list[Answer]:
    """Locate each description in the whole image, then in a crop of a fixed size around its first place.

    Args:
        engine: loaded engine.
        frame: whole image.
        descriptions: of the targets.
        max_looks: 1 leaves out the second look; more than 2 are not taken.
        side: of the crop in pixels of the image.
        options: other arguments of `Engine.look`.

    Returns:
        Answers with the boxes of the crop, or of the whole image if the crop has none. Without a place in the first
        look there is no second.

    Raises:
        InputError: as `Engine.look`, or a parameter is outside its range.
    """
    validation.at_least(1, max_looks, "policy two-pass: max_looks")
    validation.at_least(1, side, "policy two-pass: side")
    trails = [Trail(words, frame.source_size) for words in descriptions]
    return follow(engine, frame, descriptions, [_look_twice(trail, max_looks, side) for trail in trails], options)


def _look_twice(trail: Trail, max_looks: int, side: int) -> Looks[Answer]:
    (first,) = yield from trail.look([whole(trail.size)])
    if first is None or max_looks == 1:
        return trail.answer_of(first)
    crop = holding(centered(first.box.center, trail.size, (side, side)), first.box.xyxy, trail.size)
    if crop == whole(trail.size):
        return trail.answer_of(first)
    return (yield from trail.look_closer(crop, first))
