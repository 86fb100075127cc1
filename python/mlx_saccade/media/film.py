"""Read a film file with PyAV (the extra `video`): count its packets, know their times, decode the frames at some.

The header's number of frames is not believed: packets are counted, and frames are matched with them by their time. A
file that cannot be trusted is bounded in packets and in pixels of a frame, and may refer to no other file.
"""

from __future__ import annotations

import importlib
import os
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from mlx_saccade.errors import InputError, quantity
from mlx_saccade.media import decode, display_matrix, other_files, sources
from mlx_saccade.media.orientation import upright_size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["MAX_PACKETS", "Film", "Picture", "Timeline"]

MAX_PACKETS = 5_000_000
"""Most packets of a film, 23 hours at 60 frames a second."""

# Names of FFmpeg's demuxers: none that reads a playlist, a list of other files, or a still image.
_CONTAINERS = "mov,matroska,webm,mpegts,mpeg,avi,flv,ogg,asf,gif,apng"
_KNOWN = "MP4, QuickTime, Matroska, WebM, MPEG-TS, MPEG-PS, AVI, Flash, Ogg, ASF and GIF"
_BUFFER = 1 << 18
# Containers that seek to a key frame exactly.
_SEEKABLE = frozenset(("mov", "matroska"))
# Its packets state the time of decoding only, so that frames which refer to later ones get wrong times.
_UNTIMED = frozenset(("avi",))
_FEWEST_SKIPPED = 32
"""A jump pays from so many frames on: it empties the decoder's threads."""
_CONTAINER_UNIT = 1_000_000  # FFmpeg's AV_TIME_BASE: ticks of a second in which a container states its duration
_HDR = {16: "PQ", 18: "HLG"}


class Picture(NamedTuple):
    """A decoded frame: uint8 [height, width, 3], upright, and its seconds from the first frame of the film."""

    pixels: npt.NDArray[np.uint8]
    seconds: float


class Timeline:
    """The presentation times of all frames of a film, in order, from the packets that hold them."""

    def __init__(
        self, ticks: npt.NDArray[np.int64], keys: npt.NDArray[np.int64], unit: Fraction, rate: Fraction | None
    ) -> None:
        """Take the times.

        Args:
            ticks: int64 [frames], time of each frame in units of `unit`, ascending, each once, at least one.
            keys: int64, times of the frames from which decoding can start, ascending.
            unit: seconds of a tick.
            rate: average frames a second as the header states it; None: computed from the times.
        """
        self.ticks, self.keys, self.unit = ticks, keys, unit
        span = self.length
        if not rate:
            rate = Fraction(len(ticks) - 1) / span if span else Fraction(1)
        self.rate = float(rate)
        self.is_constant = self._is_constant()

    def _is_constant(self) -> bool:
        """Return True if each frame stands within a tick of index / rate, as a container rounds it."""
        import numpy as np

        error = np.arange(len(self.ticks)) / (self.rate * float(self.unit))
        error -= self.ticks - self.ticks[0]
        return bool(np.abs(error, out=error).max() <= 1.01)

    @property
    def length(self) -> Fraction:
        """Seconds from the first frame to the last."""
        return int(self.ticks[-1] - self.ticks[0]) * self.unit

    def __len__(self) -> int:
        return len(self.ticks)

    def seconds(self, index: int) -> float:
        """Return the seconds from the first frame to frame `index`; index / rate, as transformers, where that fits."""
        if self.is_constant:
            return index / self.rate
        return float(int(self.ticks[index] - self.ticks[0]) * self.unit)

    def index_at(self, seconds: float) -> int:
        """Return the frame that is shown at a time: the last that begins by then, or the first frame."""
        low, high = 0, len(self) - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.seconds(middle) <= seconds else (low, middle - 1)
        return low


class Film:
    """A film file whose frames can be decoded, again and again; nothing of it stays open or in memory.

    Attributes:
        path: of the file.
        name: short name for messages.
        timeline: times of its frames.
        size: (width, height) of the upright frames, in pixels.
        is_untimed: True if frames come in order and their own times mean nothing.
        notes: what is not as the file says, in words.
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
        named = sources.named_file(os.fspath(path)) if isinstance(path, str) else os.fspath(path)
        if named is None:
            raise InputError(f"{sources.short(os.fsdecode(path))}: expected the path of a film; got a URL. Download it")
        self.path, self.name = named, sources.short(os.fsdecode(named))
        self._max_pixels = max_pixels
        notes: list[str] = []
        with self._opened() as (container, stream):
            self._kind = container.format.name.partition(",")[0]
            self.is_untimed = self._kind in _UNTIMED
            decode.check_size((stream.width, stream.height), self.name, max_pixels)
            self.timeline = self._count(container, stream, notes)
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

    # Opening and counting.

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        """Open the file and yield (container, video stream); the stream decodes with several threads."""
        av = _pyav(self.name)
        with sources.open_file(self.path) as file:
            if not file.read(1):
                raise InputError(f"{self.name}: is empty; give a film")
            file.seek(0)
            options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "none"}
            try:
                container = av.open(file, "r", options=options, buffer_size=_BUFFER, metadata_errors="replace")
            except (av.error.FFmpegError, OSError, ValueError) as error:
                raise InputError(f"{self.name}: {_unreadable(file, error)}") from None
            with container:
                stream = self._stream(container)
                stream.thread_type = "AUTO"
                # For sizes that change in the middle; a decoder rounds sides up to blocks.
                stream.codec_context.options = {"max_pixels": str(2 * self._max_pixels + _BUFFER)}
                yield container, stream

    def _stream(self, container: Any) -> Any:
        """Return the first stream of moving pictures; covers of music are none."""
        av = _pyav(self.name)
        streams = [one for one in container.streams.video if not one.disposition & av.stream.Disposition.attached_pic]
        if not streams:
            kinds = sorted({one.type for one in container.streams}) or ["nothing"]
            raise InputError(f"{self.name}: expected a film; got a file of {' and '.join(kinds)}. It has no pictures")
        if streams[0].codec_context is None:
            raise InputError(f"{self.name}: this PyAV does not decode its pictures; convert it to H.264")
        return streams[0]

    def _count(self, container: Any, stream: Any, notes: list[str]) -> Timeline:
        """Read all packets, which takes their times and decodes nothing."""
        ticks, keys, broken, untimed = array("q"), array("q"), array("q"), 0
        for packet in self.packets(container, stream):
            time = packet.pts if packet.pts is not None else packet.dts
            if time is None:
                untimed += 1
                continue
            if packet.is_keyframe:
                keys.append(time)
            if packet.is_corrupt:
                broken.append(time)  # left out at the end of a file that was cut off, else a frame like others
            elif not packet.is_discard:
                ticks.extend(broken)
                ticks.append(time)
                del broken[:]
            if len(ticks) + untimed > MAX_PACKETS:
                raise InputError(f"{self.name}: has more than {MAX_PACKETS:,} frames; cut it")
        if not ticks:
            raise InputError(f"{self.name}: has {'no times' if untimed else 'no frames'}; save it again")
        listed = sum(1 for one in stream.index_entries if not one.is_discard) if self._kind == "mov" else 0
        if listed > len(ticks):
            raise InputError(
                f"{self.name}: is cut off: it lists {quantity(listed, 'frame')} and has {len(ticks)}; save or download "
                "it again"
            )
        frames, starts, repeated = _in_order(ticks, keys)
        if repeated:
            notes.append(f"{self.name}: {quantity(repeated, 'packet')} have the time of another and were left out")
        timeline = Timeline(frames, starts, stream.time_base, stream.average_rate)
        self._note_end(container, timeline, len(broken), notes)
        return timeline

    def _note_end(self, container: Any, timeline: Timeline, broken: int, notes: list[str]) -> None:
        """Note that a film ends before its header says, as one that was cut off does."""
        stated, last = (container.duration or 0) / _CONTAINER_UNIT, float(timeline.length)
        if broken:
            notes.append(f"{self.name}: its last {quantity(broken, 'packet')} is cut off and was left out")
        elif self._kind != "mov" and stated > last + 1 + stated / 20:
            notes.append(f"{self.name}: it states {stated:.1f} s, and its frames end at {last:.1f} s")

    def packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield the packets of the stream, without the empty one at the end."""
        av = _pyav(self.name)
        try:
            for packet in container.demux(stream):
                if packet.size:
                    yield packet
        except IndexError:  # PyAV's own, after the last packet, where a stream began in the middle of the file
            return
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(f"{self.name}: is damaged ({_reason(error)}); save or download it again") from None

    def _first_frame(self, container: Any, stream: Any) -> Any:
        for frame in _Decoder(self, container, stream).frames():
            return frame.picture
        raise InputError(f"{self.name}: its first frame cannot be decoded; save or download it again")

    # Decoding.

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
        if self._kind in _SEEKABLE:
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
            decoder = _Decoder(self, container, stream)
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


class _Decoded(NamedTuple):
    """A frame of PyAV, its time in ticks, and True if it is damaged or refers to a damaged one."""

    picture: Any
    tick: int
    is_damaged: bool


class _Decoder:
    """One pass over a film, from its start or from a key frame on."""

    def __init__(self, film: Film, container: Any, stream: Any) -> None:
        self._film, self._container, self._stream = film, container, stream
        self._at: int | None = None
        self._is_damaged = False
        self._after_loss = False
        self._lossy: set[int] = set()
        self._last = int(film.timeline.ticks[-1])
        self.jumped = False
        self.reason = ""

    def jump(self, tick: int) -> bool:
        """Seek to the last key frame before a time, if that skips enough frames; return True if it did."""
        timeline = self._film.timeline
        place = int(timeline.keys.searchsorted(tick, "right")) - 1
        if place < 0:
            return False
        key = int(timeline.keys[place])
        at = 0 if self._at is None else timeline.ticks.searchsorted(self._at, "right")
        if timeline.ticks.searchsorted(key) - at < _FEWEST_SKIPPED:
            return False
        self._container.seek(key, stream=self._stream)
        self._at, self._is_damaged, self._after_loss, self.jumped = key - 1, False, False, True
        return True

    def frames(self) -> Iterator[_Decoded]:
        """Yield the frames in the order in which they are shown."""
        first = self._at
        by_count = iter(self._film.timeline.ticks) if self._film.is_untimed else None
        packets = self._film.packets(self._container, self._stream)
        for packet in chain(packets, [None]):  # None empties the decoder
            for picture in self._decode(packet):
                tick = picture.pts if by_count is None else next(by_count, None)
                # What comes before the key frame of a jump may refer to frames that were skipped.
                if tick is None or (first is not None and tick <= first):
                    continue
                self._is_damaged = picture.is_corrupt or (self._is_damaged and not picture.key_frame)
                self._at = int(tick)
                yield _Decoded(picture, self._at, self._is_damaged or self._at in self._lossy)
                self._lossy.discard(self._at)

    def _decode(self, packet: Any) -> list[Any]:
        """Return the pictures that a packet completes; frames after a damaged one are damaged until a key frame.

        What a container has lost is known of its packets, which come some frames before their pictures.
        """
        if packet is not None:
            self._after_loss = packet.is_corrupt or (self._after_loss and not packet.is_keyframe)
            if self._after_loss and packet.pts is not None:
                self._lossy.add(packet.pts)
            if packet.is_corrupt and packet.pts is not None and packet.pts > self._last:
                return []  # cut off with the file
        try:
            pictures: list[Any] = self._stream.decode(packet)
        except _pyav(self._film.name).error.FFmpegError as error:
            self._is_damaged, self.reason = True, _reason(error)
            return []
        return pictures


def _pyav(name: str) -> Any:
    """Return the module `av`, or say how to get it."""
    try:
        return importlib.import_module("av")
    except ImportError:
        raise InputError(
            f"{name}: reading a film needs PyAV, which is not installed: pip install 'mlx-saccade[video]'"
        ) from None


def _in_order(ticks: array[int], keys: array[int]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Return the times of frames and of key frames, each once and ascending, and how many frames repeat a time.

    Frames before the first key frame cannot be decoded, as where a recording of a broadcast begins.
    """
    import numpy as np

    frames, starts = (np.unique(np.frombuffer(one, np.int64)) for one in (ticks, keys))
    repeated = len(ticks) - len(frames)
    if len(starts) and (shown := frames[frames.searchsorted(starts[0]) :]).size:
        frames = shown
    return frames, starts, repeated


def _unreadable(file: BinaryIO, error: BaseException) -> str:
    """Return why a file is not opened as a film, and what to do."""
    file.seek(0)
    head = file.read(other_files.HEAD)
    kind = other_files.film_name(head)
    if kind is not None and "QuickTime" in kind and not _has_index(file):
        return f"is {kind} without its index, as one that was cut off while it was saved; save or download it again"
    if kind is not None:
        return f"is {kind} that is damaged ({_reason(error)}); save or download it again"
    other = other_files.name_of(head)
    if other is not None:
        return f"is {other}"
    return f"is not a film; supported: {_KNOWN}"


def _has_index(file: BinaryIO) -> bool:
    """Return True if an MP4 or QuickTime file has the box that lists its frames."""
    at = 0
    while True:
        file.seek(at)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if len(head) < 8 or head[4:8] == b"moov":
            return len(head) >= 8
        size = int.from_bytes(head[8:], "big") if size == 1 else size
        if size < 8:  # 0: to the end of the file
            return False
        at += size


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())[:120] or type(error).__name__
