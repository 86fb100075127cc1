"""Open film files: which frames a model is shown, and when each is shown, without holding the film in memory."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, overload

from mlx_saccade import families
from mlx_saccade.errors import InputError, brief, quantity
from mlx_saccade.families import Family
from mlx_saccade.files import is_image_name
from mlx_saccade.media import decode, other_files, sources
from mlx_saccade.media.film import Film, Picture
from mlx_saccade.media.frame import Frame
from mlx_saccade.media.image import ImageOptions
from mlx_saccade.media.sampling import sample_frames
from mlx_saccade.media.video import Video

__all__ = ["DEFAULT_FPS", "FilmFrames", "VideoFile", "is_film", "open_frame", "open_video"]

DEFAULT_FPS = 2.0
"""Frames that `open_video` takes of each second where neither the caller nor the family says which."""

_RATE_MARGIN = 0.1
"""Share by which the rate of a header may differ from the mean of the frames' times without a note."""


@dataclass(frozen=True)
class VideoFile:
    """A film file, and which frames of it to take once the family of the model is known; fields as `open_video`."""

    path: str | os.PathLike[str]
    fps: float | None = None
    num_frames: int | None = None
    min_frames: int | None = None
    max_frames: int | None = None
    start: float | None = None
    end: float | None = None

    def open(self, family: str | Family) -> Video:
        """Return the video; errors as `open_video`."""
        return open_video(family=family, **asdict(self))


class FilmFrames(Sequence[Frame]):
    """Frames of a film, decoded in one pass as they are iterated; nothing of them is kept."""

    def __init__(self, film: Film, indices: Sequence[int]) -> None:
        """Take a film and the frames of it, in order."""
        self.film, self._indices = film, tuple(indices)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._indices)

    def __iter__(self) -> Iterator[Frame]:
        """Decode the frames in order; errors as `Film.pictures`."""
        return (_frame(self.film, picture) for picture in self.film.pictures(self._indices))

    @overload
    def __getitem__(self, place: int) -> Frame: ...

    @overload
    def __getitem__(self, place: slice) -> FilmFrames: ...

    def __getitem__(self, place: int | slice) -> Frame | FilmFrames:
        """Decode one frame, or return a part of the frames."""
        if isinstance(place, slice):
            if (place.step or 1) < 0:
                raise InputError(f"frames: expected a step above 0; got {place.step}. Frames come in order")
            return FilmFrames(self.film, self._indices[place])
        return next(iter(FilmFrames(self.film, [self._indices[place]])))


class _FilmVideo(Video):
    """Frames of a film file."""

    def __init__(self, film: Film, indices: Sequence[int], fps: float, notes: Sequence[str]) -> None:
        self.frames, self.fps, self.size = FilmFrames(film, indices), fps, film.size
        self.image_options = ImageOptions()
        self.indices = list(indices)
        self.seconds = [film.timeline.seconds(index) for index in indices]
        self.notes = (*film.notes, *notes)
        self.identity = film.identity + repr(self.indices).encode()


def open_video(
    path: str | os.PathLike[str],
    *,
    family: str | Family,
    fps: float | None = None,
    num_frames: int | None = None,
    min_frames: int | None = None,
    max_frames: int | None = None,
    start: float | None = None,
    end: float | None = None,
    max_pixels: int = decode.MAX_PIXELS,
) -> Video:
    """Open a film file as the frames of it that a model is shown; they are decoded as they are iterated.

    All packets are read, which gives the number of frames and their times, and the first frame is decoded. Reading
    needs PyAV, the extra `video`. Frames are upright and as large as in the film; HDR is not mapped.

    Args:
        path: of a regular file, or a file URL.
        family: name of the model's family, or a `Family`; each has its rule, as `sample_frames`.
        fps: frames to take of each second; None (default) is the family's own sampling where it has one, else 2.
        num_frames: number of frames to take, in place of `fps`.
        min_frames: least number of frames that `fps` gives, as `sample_frames`.
        max_frames: largest number of frames that `fps` gives, as `sample_frames`.
        start: seconds from the first frame, before which no frame is taken; None (default) is the film's beginning.
        end: seconds from the first frame, after which no frame is taken; None (default) is the film's end.
        max_pixels: largest product of a frame's sides.

    Returns:
        The video. `indices` and `seconds` count from the film's first frame, also with a `start`. `fps` is the number
        of frames taken, over all frames, times the film's average rate. Seconds are index / rate, as in transformers,
        and in a film of variable rate the times at which its frames are shown. A single frame is repeated, with a
        note: the models read frames in pairs.

    Raises:
        InputError: PyAV is missing; the file is empty, not a film, damaged, cut off, or without moving pictures; or
            the frames to take are not in the film.
        FileNotFoundError: no such file.

    Example:
        video = media.open_video("clip.mp4", family="qwen2.5-vl", fps=1)
        for frame, seconds in zip(video.frames, video.seconds):
            print(seconds, frame.pixels.shape)
    """
    film = Film(path, max_pixels=max_pixels)
    first, last = _range(film, start, end)
    total = last - first + 1
    notes = [] if num_frames is not None else _rate_notes(film)
    if total == 1:
        indices = [first, first]
        notes.append(f"{film.name}: there is one frame, which is repeated")
    else:
        own = families.get(family).video
        if fps is None and num_frames is None and own.fps is None and own.num_frames is None:
            fps = DEFAULT_FPS
        try:
            chosen = sample_frames(
                total,
                film.timeline.rate,
                family=family,
                fps=fps,
                num_frames=num_frames,
                min_frames=min_frames,
                max_frames=max_frames,
            )
        except InputError as error:
            raise InputError(f"{film.name}: {error}") from None
        indices = [first + index for index in chosen]
        if len(indices) == 1:
            indices *= 2
            notes.append(f"{film.name}: one frame is taken, which is repeated")
    return _FilmVideo(film, indices, len(indices) / total * film.timeline.rate, notes)


def open_frame(path: str | os.PathLike[str], at: float, *, max_pixels: int = decode.MAX_PIXELS) -> Frame:
    """Return the frame of a film file that is shown at a time.

    Args:
        path: as `open_video`.
        at: seconds from the film's first frame.
        max_pixels: as `open_video`.

    Returns:
        The last frame that begins by then; its origin has the file's name and the frame's own time.

    Raises:
        InputError: as `open_video`, or the film ends before that time.
        FileNotFoundError: no such file.
    """
    film = Film(path, max_pixels=max_pixels)
    seconds = _seconds(at, "at")
    if seconds > film.timeline.end:
        length = film.timeline.end
        raise InputError(
            f"{film.name}: at: expected a time in its {length:.3f} s; got {seconds:g}. Give an earlier one"
        )
    return FilmFrames(film, [film.timeline.index_at(seconds)])[0]


def is_film(source: Any, *, gif: bool = False) -> bool:
    """Return True for the path of a file that begins as a film does; other sources, and missing files, are none.

    A file with the name of an image is not opened: it will be, once, as an image.

    Args:
        source: of any type.
        gif: True counts a GIF as a film, which is an image elsewhere.
    """
    if not isinstance(source, str | os.PathLike):
        return False
    try:
        path = sources.named_file(source) if isinstance(source, str) else source
        if path is None or (is_image_name(path) and not (gif and os.fsdecode(path).lower().endswith(".gif"))):
            return False
        with sources.open_file(path) as file:
            head = file.read(other_files.HEAD_OF_FILM)
        return other_files.film_name(head) is not None or (gif and head.startswith(b"GIF8"))
    except (InputError, OSError):
        return False


def _rate_notes(film: Film) -> list[str]:
    """Return a note on a header that states another rate than the film's frames have on average."""
    timeline = film.timeline
    if timeline.is_constant or not timeline.length:
        return []
    mean = (len(timeline) - 1) / float(timeline.length)
    if abs(timeline.rate - mean) <= _RATE_MARGIN * mean:
        return []
    return [
        f"{film.name}: its header states {timeline.rate:.3g} frames a second, and on average it has {mean:.3g}; frames "
        "are taken by the header's rate, as in transformers. num_frames takes another number"
    ]


def _frame(film: Film, picture: Picture) -> Frame:
    return Frame(picture.pixels, film.size, f"{film.name} at {picture.seconds:.3f} s", film.notes)


def _range(film: Film, start: float | None, end: float | None) -> tuple[int, int]:
    """Return the first and last frame that are shown from `start` to `end`, both included."""
    timeline = film.timeline
    first, last = 0, len(timeline) - 1
    if start is not None:
        begin = _seconds(start, "start")
        first = timeline.index_at(begin)
        first += timeline.seconds(first) < begin
    if end is not None:
        last = timeline.index_at(_seconds(end, "end"))
    if first > last and end is None:
        latest = timeline.seconds(len(timeline) - 1)
        raise InputError(
            f"{film.name}: start: expected at most {latest:.3f}, where the film's last frame begins; got {start:g}. "
            "Give an earlier one"
        )
    if first > last:
        length = f"{timeline.end:.3f} s, {quantity(len(timeline), 'frame')}"
        raise InputError(
            f"{film.name}: expected start before end, both in the film of {length}; got start {start} and end {end}. "
            "Give a part with at least one frame"
        )
    return first, last


def _seconds(value: Any, name: str) -> float:
    try:
        seconds = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InputError(f"{name}: expected seconds from the film's first frame, at least 0; got {brief(value)}")
    return seconds
