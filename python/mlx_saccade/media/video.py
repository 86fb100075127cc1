"""Hold a video as a model reads it: frames in order, their rate, and the times at which they are shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from numbers import Real
from typing import Any

from mlx_saccade.errors import InputError, brief, kind_of, quantity
from mlx_saccade.media import arrays
from mlx_saccade.media.image import ImageOptions, Source

__all__ = ["Video"]


class Video:
    """A list of frames with a rate; the frames are opened one at a time, when they are needed.

    `mlx_saccade.media.open_video` makes one of a file.

    Attributes:
        frames: what `open_image` takes, all of one size. Of a file they are decoded as they are iterated, and nothing
            of them is kept.
        fps: frames that make a second of the film.
        size: (width, height) of the upright frames, in pixels.
        image_options: how the frames are decoded.
        indices: number of each frame in the film, from 0; here one after another.
        seconds: time of each frame, from the film's first frame.
        notes: what of the film was set aside, in words.
        identity: of the film's file and the frames taken, equal for the same ones; None if there is no such file.
    """

    frames: Sequence[Source]
    fps: float
    size: tuple[int, int]
    image_options: ImageOptions
    indices: list[int]
    seconds: list[float]
    notes: tuple[str, ...] = ()
    identity: bytes | None = None

    def __init__(self, frames: Any, fps: float | str | None, *, image_options: ImageOptions | None = None) -> None:
        """Take the frames.

        Args:
            frames: a list of what `open_image` takes, all of one size, or an array [frames, height, width] or
                [frames, height, width, channels].
            fps: frames that make a second of the film, as they are given here: above 0; also as text, which Qwen's
                examples have.
            image_options: how they are decoded; None: the defaults of `open_image`.

        Raises:
            InputError: no frames, frames of several sizes, something else than frames, or no rate.
            FileNotFoundError: a frame's file is missing.
        """
        if isinstance(frames, str | bytes | os.PathLike):
            raise InputError(
                f"video: expected frames; got {brief(frames)}. Open a film with media.open_video, or give a list of "
                "frames, and fps, their rate"
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
        self.indices = list(range(len(self.frames)))
        self.seconds = [index / self.fps for index in self.indices]

    def __repr__(self) -> str:
        """Return the number, size and times of the frames in short."""
        frames = f"{quantity(len(self), 'frame')} of {self.size[0]}x{self.size[1]}"
        return f"Video({frames}, {self.seconds[0]:.1f} to {self.seconds[-1]:.1f} s, {self.fps:.4g} a second)"

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    def groups(self, length: int) -> Iterator[list[Source]]:
        """Yield the frames in groups of `length`; the last frame is repeated to fill the last group."""
        frames = iter(self.frames)
        while group := list(islice(frames, length)):
            yield group + [group[-1]] * (length - len(group))

    def times(self, length: int) -> list[float]:
        """Return the time of each group of `length` frames, in seconds from the film's first frame.

        It is the mean of the first and last frame's, as in transformers 5.24.0; the last frame is repeated to fill
        the last group.
        """
        last = len(self.seconds) - 1
        return [
            (self.seconds[start] + self.seconds[min(start + length - 1, last)]) / 2
            for start in range(0, last + 1, length)
        ]

    @property
    def end(self) -> float:
        """Seconds from the film's first frame to the end of the last of these frames."""
        return self.seconds[-1] + 1 / self.fps

    def film_seconds(self, seconds: float) -> float:
        """Return the time in the film that a model means which counts seconds from the first of these frames.

        Such a model (Qwen2.5-VL) takes frame k to be at k / `fps`, whatever the film's own times are.
        """
        place = seconds * self.fps
        before = min(int(place), len(self.seconds) - 1)
        after = min(before + 1, len(self.seconds) - 1)
        if before == after:
            return self.seconds[-1] + (place - before) / self.fps
        return self.seconds[before] + (place - before) * (self.seconds[after] - self.seconds[before])


def _rate(fps: Any) -> float:
    if fps is None:
        raise InputError("video: no rate; say with fps how many of these frames make a second")
    try:
        rate = float(fps) if isinstance(fps, str) else fps
    except ValueError:
        rate = None
    if isinstance(rate, bool) or not isinstance(rate, Real) or not rate <= sys.float_info.max or rate <= 0:
        raise InputError(f"video: fps is {brief(fps)}; give the frames a second, a finite number above 0")
    return float(rate)


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
