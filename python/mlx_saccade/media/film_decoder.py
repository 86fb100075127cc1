"""Decode a film in order, with jumps to key frames, and tell which frames are damaged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

from mlx_saccade.media import film_container
from mlx_saccade.media.timeline import Timeline

__all__ = ["Decoded", "Decoder"]

# Containers whose packets state the time of decoding only, so that frames which refer to later ones get wrong times.
_UNTIMED = ("avi",)
_FEWEST_SKIPPED = 32
"""A jump pays from so many frames on: it empties the decoder's threads."""


class Decoded(NamedTuple):
    """A frame of PyAV, its time in ticks, and True if it is damaged or refers to a damaged one."""

    picture: Any
    tick: int
    is_damaged: bool


class Decoder:
    """One pass over a film, from its start or from a key frame on.

    Attributes:
        jumped: True after a jump.
        reason: of the last packet that could not be decoded, in words.
    """

    def __init__(self, timeline: Timeline, container: Any, stream: Any, name: str) -> None:
        """Take what `film_container.opened` yields, the times of the frames, and the film's name for messages."""
        self._timeline, self._container, self._stream, self._name = timeline, container, stream, name
        self._is_untimed = container.format.name in _UNTIMED
        self._at: int | None = None
        self._is_damaged = False
        self._after_loss = False
        self._lossy: set[int] = set()
        self._last = int(timeline.ticks[-1])
        self.jumped = False
        self.reason = ""

    def jump(self, tick: int) -> bool:
        """Seek to the last key frame before a time, if that skips enough frames; return True if it did."""
        timeline = self._timeline
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

    def frames(self) -> Iterator[Decoded]:
        """Yield the frames in the order in which they are shown."""
        first = self._at
        by_count = iter(self._timeline.ticks) if self._is_untimed else None
        packets = film_container.packets(self._container, self._stream, self._name)
        for packet in chain(packets, [None]):  # None empties the decoder
            for picture in self._decode(packet):
                tick = picture.pts if by_count is None else next(by_count, None)
                # What comes before the key frame of a jump may refer to frames that were skipped.
                if tick is None or (first is not None and tick <= first):
                    continue
                self._is_damaged = picture.is_corrupt or (self._is_damaged and not picture.key_frame)
                self._at = int(tick)
                yield Decoded(picture, self._at, self._is_damaged or self._at in self._lossy)
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
        except film_container.pyav(self._name).error.FFmpegError as error:
            self._is_damaged, self.reason = True, film_container.reason(error)
            return []
        return pictures
