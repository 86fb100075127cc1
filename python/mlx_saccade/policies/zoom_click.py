"""ZoomClick: agreement of the whole image and its quadrants before the zoom, then crops that shrink by half.

The source is arXiv 2512.05941 with its code (github.com/Princeton-AI2-Lab/ZoomClick), whose values are the defaults:
depth 3, ratio 0.5, least side of a crop 768 pixels, agreement within 50 pixels, crops truncated at the border ("clip").

1. The first look is at the whole image, and four more are at its quadrants. If the place of a quadrant is within the
   distance of that of the whole image, it replaces it, being finer. Otherwise the whole image's place stays.
2. Each further level looks at a crop around the last place. Its sides are half of those of the crop before, and at
   least 768 pixels. The narrowing ends when a crop cannot shrink. The last place is the answer.

Pixels are those of the source, as published. Four things are this package's. A quadrant's box that its edge cuts off
does not replace the whole image's. A crop grows where it would cut the last box off, since the rule is for models that
point. Where the whole image gives no place, the surest quadrant's is taken. A crop without a place ends the narrowing,
and the place before it stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlx_saccade import validation
from mlx_saccade.policies.candidates import Candidate
from mlx_saccade.policies.parameters import check_range
from mlx_saccade.policies.rounds import Looks, follow
from mlx_saccade.policies.tiles import cut, holding
from mlx_saccade.policies.trail import Crop, Trail, whole

if TYPE_CHECKING:
    from mlx_saccade import media
    from mlx_saccade.engine import Answer, Engine

__all__ = ["zoom_click"]

_FIRST = 5  # looks of the first level: the whole image and its quadrants


def zoom_click(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    /,
    *,
    max_looks: int = 16,
    depth: int = 3,
    ratio: float = 0.5,
    min_crop: int = 768,
    agreement: float = 50.0,
    **options: Any,
) -> list[Answer]:
    """Locate each description in the whole image and its quadrants, then in ever smaller crops.

    Args:
        engine: loaded engine.
        frame: whole image.
        descriptions: of the targets.
        max_looks: maximum looks for each description; below 5 the quadrants are left out, and 1 is the flat look.
        depth: levels, the first included; 3 take 7 looks.
        ratio: share of each side of a crop that the next one keeps, above 0 and below 1.
        min_crop: least side of a crop in pixels of the image.
        agreement: distance in pixels of the image within which a quadrant's place replaces the whole image's.
        options: other arguments of `Engine.look`.

    Returns:
        Answers with the boxes of the last look that has one; without a box if none of the first level has one.

    Raises:
        InputError: as `Engine.look`, or a parameter is outside its range.
    """
    validation.at_least(1, max_looks, "policy zoom-click: max_looks")
    validation.at_least(1, depth, "policy zoom-click: depth")
    validation.at_least(1, min_crop, "policy zoom-click: min_crop")
    check_range("policy zoom-click: ratio", ratio, 0, 0.99, above=True)
    check_range("policy zoom-click: agreement", agreement, 0)
    ways = [
        _narrow(Trail(words, frame.source_size), max_looks, depth, ratio, min_crop, agreement) for words in descriptions
    ]
    return follow(engine, frame, descriptions, ways, options)


def _narrow(trail: Trail, max_looks: int, depth: int, ratio: float, min_crop: int, agreement: float) -> Looks[Answer]:
    crop = whole(trail.size)
    quadrants = cut(trail.size, (2, 2), 0) if max_looks >= _FIRST else []
    direct, *others = yield from trail.look([crop, *quadrants])
    best = _agree(trail, direct, [one for one in others if one is not None], agreement)
    for _ in range(min(depth - 1, max_looks - len(trail.looks))):
        closer = None if best is None else _closer(crop, best, trail.size, ratio, min_crop)
        if best is None or closer is None:
            break
        crop = closer
        (place,) = yield from trail.look([crop])
        if place is None:
            trail.keep(best)
            break
        best = place
    return trail.answer_of(best)


def _agree(trail: Trail, direct: Candidate | None, others: Sequence[Candidate], agreement: float) -> Candidate | None:
    """Return the place of the first level: a quadrant's if it agrees with the whole image's, else that one."""
    if direct is None:
        return max(others, key=lambda one: (not one.is_cut, one.confidence), default=None)
    for one in others:
        apart = math.dist(one.box.center, direct.box.center)
        agrees = apart < agreement
        cut_off = ", but is cut off" if agrees and one.is_cut else ""
        trail.judge(one.look, f"{apart:.0f} px from look 1: {'agrees' if agrees else 'does not agree'}{cut_off}")
    near = [one for one in others if math.dist(one.box.center, direct.box.center) < agreement and not one.is_cut]
    return min(near, key=lambda one: math.dist(one.box.center, direct.box.center), default=direct)


def _closer(crop: Crop, best: Candidate, size: tuple[int, int], ratio: float, min_crop: int) -> Crop | None:
    """Return the next crop, around the last place and truncated at the border; None if it cannot shrink."""
    sides = crop[2] - crop[0], crop[3] - crop[1]
    lengths = [min(side, max(round(side * ratio), min_crop)) for side in sides]
    if tuple(lengths) == sides:
        return None
    corner = [round(middle - length / 2) for middle, length in zip(best.box.center, lengths, strict=True)]
    x1, y1 = (max(0, start) for start in corner)
    x2, y2 = (min(side, start + length) for side, start, length in zip(size, corner, lengths, strict=True))
    return holding((x1, y1, x2, y2), best.box.xyxy, size)
