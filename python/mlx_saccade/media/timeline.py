"""The times of a film's frames, from its packets: the number of frames that a header states is not believed."""

from __future__ import annotations

from array import array
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError, quantity
from mlx_saccade.media import film_container

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["MAX_PACKETS", "Timeline", "read"]

MAX_PACKETS = 5_000_000
"""Most packets of a film, 23 hours at 60 frames a second."""

_CONTAINER_UNIT = 1_000_000  # FFmpeg's AV_TIME_BASE: ticks of a second in which a container states its duration


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

    @property
    def end(self) -> float:
        """Seconds from the first frame to the end of the last, which is shown as long as the others on average."""
        return self.seconds(len(self) - 1) + 1 / self.rate

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


def read(container: Any, stream: Any, name: str) -> tuple[Timeline, list[str]]:
    """Read all packets of a film, which takes their times and decodes nothing.

    Returns:
        The times, and notes on what is not as the file says.

    Raises:
        InputError: damaged or cut off, no frames, or too many.
    """
    ticks, keys, broken, untimed = array("q"), array("q"), array("q"), 0
    for packet in film_container.packets(container, stream, name):
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
            raise InputError(f"{name}: has more than {MAX_PACKETS:,} frames; cut it")
    if not ticks:
        raise InputError(f"{name}: has {'no times' if untimed else 'no frames'}; save it again")
    _require_all(container, stream, name, len(ticks))
    frames, starts, repeated = _in_order(ticks, keys)
    timeline = Timeline(frames, starts, stream.time_base, stream.average_rate)
    notes = [f"{name}: {quantity(repeated, 'packet')} have the time of another and were left out"] if repeated else []
    return timeline, notes + _notes_on_end(container, timeline, len(broken), name)


def _require_all(container: Any, stream: Any, name: str, count: int) -> None:
    """Refuse an MP4 whose index lists more frames than the file has."""
    listed = sum(1 for one in stream.index_entries if not one.is_discard) if _is_mp4(container) else 0
    if listed > count:
        raise InputError(
            f"{name}: is cut off: it lists {quantity(listed, 'frame')} and has {count}; save or download it again"
        )


def _notes_on_end(container: Any, timeline: Timeline, broken: int, name: str) -> list[str]:
    """Return a note on a film that ends before its header says, as one that was cut off does."""
    stated, last = (container.duration or 0) / _CONTAINER_UNIT, float(timeline.length)
    if broken:
        return [f"{name}: its last {quantity(broken, 'packet')} is cut off and was left out"]
    if not _is_mp4(container) and stated > last + 1 + stated / 20:
        return [f"{name}: it states {stated:.1f} s, and its frames end at {last:.1f} s"]
    return []


def _is_mp4(container: Any) -> bool:
    return bool(container.format.name.startswith("mov,"))


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
