"""Text as it comes: never half a character, never a part of a stop string.

A token of a byte-level tokenizer may hold a part of a character. Decoded too early it shows as U+FFFD at the end of
the text, so such an end is held back until the next tokens complete it or the answer ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlx_saccade.errors import InputError, brief

__all__ = ["StreamDetokenizer", "stop_strings"]

_BROKEN = "\ufffd"
# So many tokens are decoded together before those whose text is whole are left behind; else a long answer would take
# the square of its length.
_OPEN = 16


def stop_strings(value: Any) -> tuple[str, ...]:
    """One string, or several, at which an answer ends.

    Raises:
        InputError: anything else, or an empty string.
    """
    if value is None:
        return ()
    stops = (value,) if isinstance(value, str) else value
    if not isinstance(stops, list | tuple) or not all(isinstance(stop, str) and stop for stop in stops):
        raise InputError(f"stop is {brief(value)}; give a string or a list of strings, none of them empty")
    return tuple(stops)


class StreamDetokenizer:
    """The text of one answer, handed out piece by piece."""

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: Sequence[str] = ()) -> None:
        """Start an answer.

        Args:
            decode: text of token ids. More ids may change no more than trailing U+FFFD of it, and after a text that has
                none at its end the next ids decode alone as they do together, as with any byte-level tokenizer.
            stop: strings at which the answer ends; they are no part of it.
        """
        self._decode, self._stop = decode, stop
        self._ids: list[int] = []
        self._settled = self._given = ""
        self.stopped: str | None = None

    @property
    def text(self) -> str:
        """All that was handed out."""
        return self._given

    def add(self, token: int) -> str:
        """The text that is certain with this token, "" if none is; nothing comes after a stop string was found."""
        self._ids.append(token)
        text = self._decode(self._ids)
        if len(self._ids) >= _OPEN and not text.endswith(_BROKEN):
            self._settled, self._ids, text = self._settled + text, [], ""
        return self._advance((self._settled + text).rstrip(_BROKEN), final=False)

    def finish(self) -> str:
        """What was held back, when no token follows."""
        return self._advance(self._settled + self._decode(self._ids), final=True)

    def _advance(self, text: str, *, final: bool) -> str:
        if self.stopped is not None:
            return ""
        start = len(self._given)
        found = self._first_stop(text, start)
        if found is not None:
            place, self.stopped = found
            until = place
        else:
            until = len(text) if final else len(text) - self._held(text[start:])
        piece = text[start:until]
        self._given += piece
        return piece

    def _first_stop(self, text: str, start: int) -> tuple[int, str] | None:
        """(place, stop string) of the one that begins first, of those the longest."""
        places = [(text.find(stop, start), -len(stop), stop) for stop in self._stop]
        begun = [place for place in places if place[0] >= 0]
        if not begun:
            return None
        place, _, stop = min(begun)
        return place, stop

    def _held(self, text: str) -> int:
        """Characters at the end that may be the beginning of a stop string."""
        longest = max((len(stop) for stop in self._stop), default=1) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self._stop):
                return length
        return 0
