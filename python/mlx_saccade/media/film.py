"""A film file as times and frames: which frame is shown when, and the pixels of some of them, in one pass.

Frames are matched with their packets by time. Nothing of a film stays open or in memory between two passes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mlx_saccade.errors import InputError, kind_of
from mlx_saccade.media import decode, display_matrix, film_container, sources, timeline
from mlx_saccade.media.film_decoder import Decoder
from mlx_saccade.media.orientation import upright_size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Film", "Picture"]

# Containers that seek to a key frame exactly.
_SEEKABLE = frozenset(("mov", "matroska"))
_HDR = {16: "PQ", 18: "HLG"}


class Picture(NamedTuple):
    """A decoded frame: uint8 [height, width, 3], upright, and its seconds from the first frame of the film."""

    pixels: npt.NDArray[np.uint8]
    seconds: float


class Film:
    """A film file whose frames can be decoded, again and again; nothing of it stays open or in memory.

    Attributes:
        path: of the file.
        name: short name for messages.
        timeline: times of its frames.
        size: (width, height) of the upright frames, in pixels.
        notes: what is not as the file says, in words.
        identity: of the file as it was opened: its place on the disk, size, time of change and times of its frames.
    """

    def __init__(self, path: str | os.PathLike[str], *, max_pixels: int = decode.MAX_PIXELS) -> None:
        """Count the packets of a file and decode its first frame.

        Args:
            path: also as a file URL.
            max_pixels: largest product of a frame's sides.

        Raises:
            InputError: PyAV is not installed; the file is empty, not a film, damaged or cut off, has no frames, or
                frames that are too large.
            FileNotFoundError: no such file.
        """
        if not isinstance(path, str | os.PathLike):
            raise InputError(f"video: expected the path of a film; got {kind_of(path)}. Save the film as a file")
        named = sources.named_file(os.fspath(path)) if isinstance(path, str) else os.fspath(path)
        if named is None:
            raise InputError(f"{sources.short(os.fsdecode(path))}: expected the path of a film; got a URL. Download it")
        self.path, self.name = named, sources.short(os.fsdecode(named))
        self._max_pixels = max_pixels
        with sources.open_file(self.path) as file:
            status = os.fstat(file.fileno())  # before it is read, so that a later change is one
        with self._opened() as (container, stream):
            self._is_seekable = container.format.name.partition(",")[0] in _SEEKABLE
            decode.check_size((stream.width, stream.height), self.name, max_pixels)
            self.timeline, notes = timeline.read(container, stream, self.name)
        self.identity = self._identity(status)
        self._stored_size: tuple[int, int] | None = None
        with self._opened() as (container, stream):
            first = self._first_frame(container, stream)
        self._stored_size = first.width, first.height
        decode.check_size(self._stored_size, self.name, max_pixels)
        self._turn, note = display_matrix.read(first)
        self.size = upright_size(self._stored_size, self._turn)
        if note:
            notes.append(f"{self.name}: {note}")
        if first.color_trc in _HDR:
            notes.append(f"{self.name}: its colors are HDR ({_HDR[first.color_trc]}) and were not mapped to SDR")
        self.notes = tuple(notes)

    def _identity(self, status: os.stat_result) -> bytes:
        own = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        return repr((own, film_container.pyav(self.name).__version__)).encode() + self.timeline.ticks.tobytes()

    def _opened(self) -> Any:
        return film_container.opened(self.path, self.name, self._max_pixels)

    def _first_frame(self, container: Any, stream: Any) -> Any:
        for frame in Decoder(self.timeline, container, stream, self.name).frames():
            return frame.picture
        raise InputError(f"{self.name}: its first frame cannot be decoded; save or download it again")

    def pictures(self, indices: Sequence[int]) -> Iterator[Picture]:
        """Yield the frames of some indices, decoded in one pass over the file.

        Args:
            indices: ascending; an index may be repeated.

        Raises:
            InputError: a frame cannot be decoded, has another size than the first, or the file changed.
            FileNotFoundError: the file is gone.
        """
        last: tuple[int, Picture] | None = None
        wanted = sorted(set(indices))
        decoded = self._decoded([int(self.timeline.ticks[index]) for index in wanted])
        by_index = zip(wanted, decoded, strict=True)
        for index in indices:
            if last is None or last[0] != index:
                found, frame = next(by_index)
                assert found == index
                last = index, Picture(self._upright(frame, index), self.timeline.seconds(index))
            yield last[1]

    def _upright(self, frame: Any, index: int) -> npt.NDArray[np.uint8]:
        import numpy as np

        if (frame.width, frame.height) != self._stored_size:
            at, (width, height) = self.timeline.seconds(index), self._stored_size or (0, 0)
            raise InputError(
                f"{self.name}: expected frames of {width}x{height}; got {frame.width}x{frame.height} at {at:.3f} s. "
                "Cut it there"
            )
        pixels: npt.NDArray[np.uint8] = np.ascontiguousarray(
            display_matrix.turned(frame.to_ndarray(format="rgb24"), self._turn)
        )
        pixels.flags.writeable = False
        return pixels

    def _decoded(self, ticks: Sequence[int]) -> Iterator[Any]:
        """Yield the decoded frame of each time, in order: with jumps, or without them where these miss a frame."""
        done = 0
        if self._is_seekable:
            for frame in self._pass(ticks, jumps=True):
                if frame is None:
                    break
                done += 1
                yield frame
        if done < len(ticks):
            yield from self._pass(ticks[done:], jumps=False)

    def _pass(self, ticks: Sequence[int], *, jumps: bool) -> Iterator[Any]:
        """Yield the frame of each time, decoded in order.

        Yields:
            Frames; with `jumps` None, once and last, where a frame is not there after a jump.
        """
        if not ticks:
            return
        with self._opened() as (container, stream):
            decoder = Decoder(self.timeline, container, stream, self.name)
            frames = decoder.frames()
            for tick in ticks:
                if jumps and decoder.jump(tick):
                    frames = decoder.frames()
                frame = next((one for one in frames if one.tick >= tick), None)
                if frame is not None and frame.tick == tick and not frame.is_damaged:
                    yield frame.picture
                    continue
                if jumps and decoder.jumped:
                    yield None
                    return
                raise self._lost(tick, decoder.reason)

    def _lost(self, tick: int, reason: str) -> InputError:
        seconds = float((tick - int(self.timeline.ticks[0])) * self.timeline.unit)
        why = f" ({reason})" if reason else ""
        return InputError(
            f"{self.name}: the frame at {seconds:.3f} s cannot be decoded{why}; save or download the film again, or "
            "choose a part of it with start and end"
        )
