"""Compute the resized size of a film's frames, by the rule of its family.

Qwen2-VL and Qwen2.5-VL resize each frame as an image. Qwen3-VL limits frames x height x width together.
"""

from __future__ import annotations

import math

from mlx_saccade import families, validation
from mlx_saccade.errors import InputError, brief
from mlx_saccade.families import Family
from mlx_saccade.preprocess.plan import MAX_PIXELS, MAX_RATIO, smart_resize

__all__ = ["smart_resize_video"]

_FRAME_TOKENS = 768  # qwen-vl-utils' most for a frame
_CONTEXT_TOKENS = 128_000  # its length of a prompt, of which a film may take 0.9


def smart_resize_video(
    frames: int,
    height: int,
    width: int,
    *,
    family: str | Family,
    min_pixels: int,
    max_pixels: int,
    cap_per_frame: bool = False,
) -> tuple[int, int]:
    """Compute the resized size of each frame of a film, equal to the video processors of transformers 5.24.0.

    The order is height first, as in `smart_resize`. Both sides are multiples of the family's factor.

    Args:
        frames: number of frames that the model is shown, at least 1; at least 2 for Qwen3-VL.
        height: height of a frame in pixels.
        width: width of a frame in pixels.
        family: name of the family, or a `Family`.
        min_pixels: lower limit in pixels: of height x width for Qwen2-VL and Qwen2.5-VL, of frames x height x width
            for Qwen3-VL.
        max_pixels: upper limit in pixels, of the same.
        cap_per_frame: bound each frame as qwen-vl-utils does, by 768 tokens for Qwen3-VL and by an even share of
            115,200 tokens for the others; default False.

    Returns:
        (height, width) in pixels.

    Raises:
        InputError: a value is not a whole number of at least 1, the ratio of the sides is over 200, a film for Qwen3-VL
            has 1 frame, or the family is Gemma 4, whose frames are images of their own.
    """
    family = families.get(family)
    if family.budgets:
        raise InputError(
            f"family: expected one of Qwen's; got {family.name}, whose frames are images with a budget. Plan a frame"
        )
    arguments = {
        "frames": frames, "height": height, "width": width, "min_pixels": min_pixels, "max_pixels": max_pixels
    }  # fmt: skip
    whole = (validation.at_least(1, value, name, most=MAX_PIXELS) for name, value in arguments.items())
    frames, height, width, min_pixels, max_pixels = whole
    if not isinstance(cap_per_frame, bool):
        raise InputError(f"cap_per_frame: expected True or False; got {brief(cap_per_frame)}")
    if not family.video.whole:
        if cap_per_frame:
            max_pixels = _share(frames, family, min_pixels, max_pixels)
        return smart_resize(height, width, family.factor, min_pixels, max_pixels)
    if frames < family.temporal_patch_size:
        raise InputError(
            f"frames: expected at least {family.temporal_patch_size} for {family.name}; got {frames}. Repeat the "
            "frame, or give it as an image"
        )
    if cap_per_frame:
        cap = min(_FRAME_TOKENS * family.factor**2, max_pixels // frames)
        max_pixels = max(cap, int(min_pixels * 1.05)) * frames
    return _whole_film(frames, height, width, family, min_pixels, max_pixels)


def _share(frames: int, family: Family, min_pixels: int, max_pixels: int) -> int:
    """Return the upper limit of a frame as an even share of the film's tokens, at least 1.05 times the lower limit."""
    film = int(_CONTEXT_TOKENS * family.factor**2 * 0.9) * family.temporal_patch_size
    return max(min(max_pixels, film // frames), int(min_pixels * 1.05))


def _whole_film(
    frames: int, height: int, width: int, family: Family, min_pixels: int, max_pixels: int
) -> tuple[int, int]:
    """Resize within limits on all frames together.

    The frames are rounded to whole patches, half to even, for the test against the limits, and count as they are for
    the scale.
    """
    factor, length = family.factor, family.temporal_patch_size
    if min(height, width) < factor:
        enlargement = max(factor / height, factor / width)
        height, width = int(height * enlargement), int(width * enlargement)
    ratio = max(height, width) / min(height, width)
    if ratio > MAX_RATIO:
        raise InputError(
            f"height, width: expected a ratio of at most {MAX_RATIO} between the sides; got {ratio:.6g}. Crop the film"
        )
    sides = (height, width)
    high, wide = (round(side / factor) * factor for side in sides)
    pixels = round(frames / length) * length * high * wide
    if pixels > max_pixels:
        shrink = math.sqrt(frames * height * width / max_pixels)
        high, wide = (max(factor, math.floor(side / shrink / factor) * factor) for side in sides)
    elif pixels < min_pixels:
        enlargement = math.sqrt(min_pixels / (frames * height * width))
        high, wide = (math.ceil(side * enlargement / factor) * factor for side in sides)
    return high, wide
