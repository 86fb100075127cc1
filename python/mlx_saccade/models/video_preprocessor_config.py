"""The limits and the sampling of a checkpoint's videos: video_preprocessor_config.json, read and checked.

transformers 5 may write the same values as `video_processor` of processor_config.json, and reads those first. A missing
value takes the default of the reference's class (transformers 5.24.0, video_processing_qwen2_vl.py and
video_processing_qwen3_vl.py). Where there is neither, the values are the family's: a cap of the checkpoint's images
that is lower applies to each frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlx_saccade import families, validation
from mlx_saccade.checkpoint.files import optional_json
from mlx_saccade.errors import InputError, brief
from mlx_saccade.families import VideoDefaults
from mlx_saccade.models.config import VisionConfig
from mlx_saccade.models.preprocessor_config import (
    Preprocessor,
    check_shapes,
    check_steps,
    read_limits,
    three,
    without_nulls,
)

__all__ = ["read"]

_FILE = "video_preprocessor_config.json"
_MOST_FRAMES = 10**6


@dataclass(frozen=True)
class _Class:
    """The defaults of a video processor's class.

    Attributes:
        limits: (min_pixels, max_pixels).
        patch_size: in pixels.
        samples: `do_sample_frames`.
        cap_tokens: `max_video_tokens`.
        top_level_limits: True if min_pixels and max_pixels are read beside `size`.
    """

    limits: tuple[int, int]
    patch_size: int
    samples: bool
    cap_tokens: int
    top_level_limits: bool


_QWEN2 = _Class((128 * 28**2, 768 * 28**2), 14, False, 128_000, True)
_CLASSES = {
    "qwen2-vl": _QWEN2,
    "qwen2.5-vl": _QWEN2,
    "qwen3-vl": _Class((128 * 32**2, 768 * 32**2), 16, True, 768, False),
}


def read(
    folder: Path, vision: VisionConfig, family: str, images: Preprocessor
) -> tuple[VideoDefaults, tuple[str, ...]]:
    """Read and check the file of a checkpoint folder.

    Args:
        folder: the checkpoint.
        vision: shape of the tower that reads the pixels.
        family: name of the family.
        images: values of the checkpoint's images, from `preprocessor_config.read`.

    Returns:
        The limits and the sampling of the checkpoint, and notes on values that it leaves out.

    Raises:
        InputError: a value that is malformed, not implemented, or contradicts the tower or the images; the message
            names file and key.
    """
    located, published, own = _find(folder), families.get(family).video, _CLASSES[family]
    if located is None:
        return _without_file(folder, family, images)
    raw, path = located
    check_steps(raw, path)
    check_shapes(raw, path, vision, own.patch_size)
    _check_normalization(raw, path, images)
    notes = []
    if not own.top_level_limits:
        ignored = [key for key in ("min_pixels", "max_pixels") if key in raw]
        notes = [f"{path}: {key} is not read; size is, as in transformers" for key in ignored]
        raw = {key: value for key, value in raw.items() if key not in ignored}
    limits, note = read_limits(raw, path, own.limits)
    if limits is None:
        limits = own.limits
        note = f"{path}: no size. The limits of a video are {limits[0]:,} and {limits[1]:,} pixels, as in transformers"
    values = _sampling(raw, path, published, own) | {"cap_per_frame": _cap(raw, path, own)}
    video = replace(published, min_pixels=limits[0], max_pixels=limits[1], **values)
    return video, (*notes, note) if note else tuple(notes)


def _find(folder: Path) -> tuple[Mapping[str, Any], Path] | None:
    """Return the values of the file that has them, without those that are null, and its path."""
    whole = folder / "processor_config.json"
    nested = (optional_json(whole) or {}).get("video_processor")
    if nested is not None and not isinstance(nested, dict):
        raise InputError(f"{whole}: video_processor: expected an object; got {brief(nested)}")
    own = folder / _FILE
    raw, path = (nested, whole) if nested is not None else (optional_json(own), own)
    return None if raw is None else (without_nulls(raw), path)


def _without_file(folder: Path, family: str, images: Preprocessor) -> tuple[VideoDefaults, tuple[str, ...]]:
    video = families.get(family).video
    if video.whole:
        return video, (f"{folder / _FILE}: no such file. Limits and sampling of videos are those of {family}",)
    if images.pixel_limits is not None and images.pixel_limits[1] < video.max_pixels:
        video = replace(video, min_pixels=images.pixel_limits[0], max_pixels=images.pixel_limits[1])
    return video, ()


def _check_normalization(raw: Mapping[str, Any], path: Path, images: Preprocessor) -> None:
    """Refuse another normalization than that of images, which the tower's weights hold."""
    for key, expected in (("image_mean", images.mean), ("image_std", images.std)):
        if key in raw and three(path, key, raw[key]) != expected:
            raise InputError(
                f"{path}: {key}: expected that of images, {list(expected)}; got {raw[key]!r}, which is not implemented"
            )


def _sampling(raw: Mapping[str, Any], path: Path, published: VideoDefaults, own: _Class) -> dict[str, Any]:
    """Return fps, num_frames, min_frames and max_frames; the first two are None if every frame is taken."""
    counts: dict[str, Any] = {
        key: validation.at_least(1, raw.get(key, default), f"{path}: {key}", most=_MOST_FRAMES)
        for key, default in (("min_frames", published.min_frames), ("max_frames", published.max_frames))
    }
    samples = raw.get("do_sample_frames", own.samples)
    if not isinstance(samples, bool):
        raise InputError(f"{path}: do_sample_frames: expected true or false; got {samples!r}")
    if not samples:
        return {"fps": None, "num_frames": None, **counts}
    number = raw.get("num_frames")
    if number is not None:
        validation.at_least(1, number, f"{path}: num_frames", most=_MOST_FRAMES)
        if "fps" in raw:
            raise InputError(f"{path}: num_frames: expected either fps or num_frames; got both. Remove one")
        return {"fps": None, "num_frames": number, **counts}
    fps = raw.get("fps", published.fps)
    if fps is not None and (isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps < math.inf):
        raise InputError(f"{path}: fps: expected frames per second, above 0; got {fps!r}")
    return {"fps": None if fps is None else float(fps), "num_frames": None, **counts}


def _cap(raw: Mapping[str, Any], path: Path, own: _Class) -> bool:
    cap, tokens = raw.get("cap_pixels_per_frame", False), raw.get("max_video_tokens", own.cap_tokens)
    if not isinstance(cap, bool):
        raise InputError(f"{path}: cap_pixels_per_frame: expected true or false; got {cap!r}")
    if cap and tokens != own.cap_tokens:
        raise InputError(
            f"{path}: max_video_tokens: expected {own.cap_tokens}; got {tokens!r}, which is not implemented"
        )
    return cap
