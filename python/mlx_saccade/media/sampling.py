"""Choose the frames of a film that a model is shown, by the rule of its family.

The rules are those of transformers 5.24.0 (video_processing_qwen2_vl.py, video_processing_qwen3_vl.py and
video_processing_gemma4.py), except that the first computes its indices in float32, and in some films takes one frame
more, after the last.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from mlx_saccade import families, validation
from mlx_saccade.errors import InputError, brief, quantity
from mlx_saccade.families import Family

__all__ = ["sample_frames"]

_MOST_FRAMES = 10**9  # a year at 30 frames a second
_MOST_TAKEN = 10**6


def sample_frames(
    total: int,
    rate: float | None,
    *,
    family: str | Family,
    fps: float | None = None,
    num_frames: int | None = None,
    min_frames: int | None = None,
    max_frames: int | None = None,
) -> list[int]:
    """Return the indices of the frames of a film that a model is shown, in order.

    Qwen2-VL and Qwen2.5-VL take an even number n of frames, index i * total // n. Qwen3-VL takes them evenly from the
    first frame to the last. Gemma 4 takes 32 frames, index i * total // 32. The source of the rules is transformers
    5.24.0.

    Args:
        total: number of frames in the film, at least 1.
        rate: average frames per second of the film; None only where no frames are taken by the second.
        family: name of the family, or a `Family`.
        fps: frames to take per second; None (default) is 2 for Qwen3-VL. Qwen2-VL and Qwen2.5-VL then take every
            frame, and Gemma 4 takes 32.
        num_frames: number of frames to take, in place of `fps`; Qwen2-VL and Qwen2.5-VL round it to an even number.
            `min_frames` and `max_frames` do not apply to it.
        min_frames: least number of frames that `fps` gives; None (default) is 4, in a shorter film all its frames.
            Gemma 4's is 1.
        max_frames: largest number of frames that `fps` gives; None (default) is 768. Gemma 4 has no limit.

    Returns:
        Indices from 0 to total - 1. A `num_frames` above the total repeats frames for Qwen3-VL.

    Raises:
        InputError: both `fps` and `num_frames` are given, a value is out of range, `min_frames` is above
            `max_frames`, or the film is too short: for Qwen2-VL and Qwen2.5-VL of 1 frame, for these and Gemma 4
            below `num_frames`.
    """
    family = families.get(family)
    total = validation.at_least(1, total, "total", most=_MOST_FRAMES)
    if fps is not None and num_frames is not None:
        raise InputError("num_frames: expected either fps or num_frames; got both. Give one of them")
    limits = _limits(family, min_frames, max_frames)
    if fps is None and num_frames is None:
        fps, num_frames = family.video.fps, family.video.num_frames
    if num_frames is not None:
        count = validation.at_least(1, num_frames, "num_frames", most=_MOST_TAKEN)
        return (
            _ends(total, count) if family.video.sampling == "ends" else _shares(total, _filled(count, family), family)
        )
    if fps is None and min_frames is None and max_frames is None:
        return _every(total)
    per_second = _rate(rate, "rate")
    wanted = float(total) if fps is None else total / per_second * _rate(fps, "fps")
    if family.video.sampling == "ends":
        return _ends(total, min(max(int(min(wanted, _MOST_TAKEN)), limits[0]), limits[1], total))
    length = family.temporal_patch_size
    most = min(limits[1], total) // length * length
    return _shares(total, int(min(max(wanted, limits[0]), most)) // length * length, family)


def _limits(family: Family, least: Any, most: Any) -> tuple[int, int]:
    """Return (min_frames, max_frames), the family's where the caller gives none."""
    values = [
        own if value is None else validation.at_least(1, value, name, most=_MOST_TAKEN)
        for name, value, own in (
            ("min_frames", least, family.video.min_frames),
            ("max_frames", most, family.video.max_frames),
        )
    ]
    if values[0] > values[1] and None not in (least, most):
        raise InputError(f"min_frames: expected at most max_frames, {values[1]}; got {values[0]}. Lower it")
    return values[0], values[1]


def _every(total: int) -> list[int]:
    if total > _MOST_TAKEN:
        raise InputError(f"total: expected at most {_MOST_TAKEN} frames if each is taken; got {total}. Give fps")
    return list(range(total))


def _rate(value: Any, name: str) -> float:
    try:
        rate = float(value) if isinstance(value, Real) and not isinstance(value, bool) else 0.0
    except OverflowError:  # an integer beyond all floats
        rate = 0.0
    if not 0 < rate < math.inf:
        raise InputError(f"{name}: expected frames per second, a finite number above 0; got {brief(value)}")
    return rate


def _filled(count: int, family: Family) -> int:
    """Round a number of frames to whole patches, half to even."""
    return round(count / family.temporal_patch_size) * family.temporal_patch_size


def _shares(total: int, count: int, family: Family) -> list[int]:
    length = family.temporal_patch_size
    if count < 1 and total >= length:
        raise InputError(
            f"num_frames, max_frames: expected at least {length} for {family.name}, which reads {length} frames at a "
            "time; got fewer. Raise it, or give one frame as an image (--at, media.open_frame)"
        )
    if count < 1:
        raise InputError(
            f"total: expected a film and a number of frames of at least 2; got {count} of {quantity(total, 'frame')}. "
            "Take more frames, or give the frame as an image"
        )
    if count > total:
        raise InputError(
            f"num_frames: expected at most the film's {quantity(total, 'frame')}; got {count} in whole patches. Take "
            "fewer"
        )
    return [index * total // count for index in range(count)]


def _ends(total: int, count: int) -> list[int]:
    """Return indices from 0 to total - 1, each rounded half to even in double precision."""
    if count == 1:
        return [0]
    step = (total - 1) / (count - 1)
    return [*(round(index * step) for index in range(count - 1)), total - 1]
