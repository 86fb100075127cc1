"""Hold a video as a model reads it: frames in order, and their rate."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from numbers import Real
from typing import Any

from mlx_saccade.errors import InputError, brief, kind_of
from mlx_saccade.media import arrays
from mlx_saccade.media.image import ImageOptions, Source

__all__ = ["Video"]


class Video:
    """A list of frames with a rate; the frames are opened one at a time, when they are needed."""

    def __init__(self, frames: Any, fps: float | None, *, image_options: ImageOptions | None = None) -> None:
        """Take the frames.

        Args:
            frames: a list of what `open_image` takes, all of one size, or an array [frames, height, width] or
                [frames, height, width, channels].
            fps: frames that make a second of the film, as they are given here: above 0.
            image_options: how they are decoded; None: the defaults of `open_image`.

        Raises:
            InputError: no frames, frames of several sizes, something else than frames, or no rate.
            FileNotFoundError: a frame's file is missing.
        """
        if isinstance(frames, str | bytes | os.PathLike):
            raise InputError(
                f"video: expected frames; got {brief(frames)}. Video files are not read yet: give a list of frames, "
                "and fps, their rate"
            )
        self.fps = _rate(fps)
        self.image_options = image_options or ImageOptions()
        self.frames = _frames(frames)
        for frame in self.frames:
            self.image_options.require_format(frame)
        sizes = [self.image_options.size(frame) for frame in self.frames]
        self.size = sizes[0]
        for number, size in enumerate(sizes):
            if size != self.size:
                raise InputError(
                    f"video: frame {number} is {size[0]}x{size[1]}, the first is {self.size[0]}x{self.size[1]}; "
                    "give frames of one size"
                )

    def groups(self, length: int) -> list[list[Source]]:
        """Return the frames in groups of `length`; the last frame is repeated to fill the last group."""
        filled = [*self.frames, *[self.frames[-1]] * (-len(self.frames) % length)]
        return [filled[start : start + length] for start in range(0, len(filled), length)]


def _rate(fps: Any) -> float:
    if fps is None:
        raise InputError("video: no rate; say with fps how many of these frames make a second")
    if isinstance(fps, bool) or not isinstance(fps, Real) or not fps <= sys.float_info.max or fps <= 0:
        raise InputError(f"video: fps is {brief(fps)}; give the frames a second, a finite number above 0")
    return float(fps)


def _frames(frames: Any) -> Sequence[Source]:
    if arrays.is_array(frames):
        frames = arrays.as_numpy(frames)
        if frames.ndim not in (3, 4):
            raise InputError(
                f"video: an array of shape {frames.shape} is none; give [frames, height, width, channels] "
                "or [frames, height, width]"
            )
        frames = list(frames)
    if not isinstance(frames, list | tuple):
        raise InputError(f"video: {kind_of(frames)} holds no frames; give a list of images or an array")
    if not frames:
        raise InputError("video: there is no frame; give at least one")
    return list(frames)
