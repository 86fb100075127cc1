"""Turn tokens into text as they come: never half a character, never a part of a stop string.

A token of a byte-level tokenizer may hold a part of a character. Decoded too early it shows as U+FFFD at the end of
the text, so such an end is withheld until the next tokens complete it or the answer ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlx_saccade.errors import InputError, brief

__all__ = ["StreamDetokenizer", "stop_strings"]

_BROKEN = "\ufffd"
# Tokens that are decoded together until their text is whole; without a limit a long answer takes the square of its
# length.
_OPEN = 16


def stop_strings(value: Any) -> tuple[str, ...]:
    """Return the stop strings of the option `stop`: None, one string or several.

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
    """The text of one answer, returned part by part."""

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: Sequence[str] = ()) -> None:
        """Start an answer.

        Args:
            decode: text of token ids. More ids may change only trailing U+FFFD of it. After a text without U+FFFD at
                its end the next ids decode alone as they do together, as with any byte-level tokenizer.
            stop: strings at which the answer ends; they are not part of it.
        """
        self._decode, self._stop = decode, stop
        self._ids: list[int] = []
        self._settled = self._returned = ""
        self.stopped: str | None = None

    @property
    def text(self) -> str:
        """Return all text returned so far."""
        return self._returned

    def add(self, token: int) -> str:
        """Return the text that is certain with this token, or ""; nothing follows a stop string."""
        self._ids.append(token)
        text = self._decode(self._ids)
        if len(self._ids) >= _OPEN and not text.endswith(_BROKEN):
            self._settled, self._ids, text = self._settled + text, [], ""
        return self._advance((self._settled + text).rstrip(_BROKEN), final=False)

    def finish(self) -> str:
        """Return the withheld text, after the last token."""
        return self._advance(self._settled + self._decode(self._ids), final=True)

    def _advance(self, text: str, *, final: bool) -> str:
        if self.stopped is not None:
            return ""
        start = len(self._returned)
        stop = self._first_stop(text, start)
        if stop is not None:
            end, self.stopped = stop
        else:
            end = len(text) if final else len(text) - self._withheld(text[start:])
        part = text[start:end]
        self._returned += part
        return part

    def _first_stop(self, text: str, start: int) -> tuple[int, str] | None:
        """Return (place, stop string) of the one that begins first, of those the longest."""
        places = [(text.find(stop, start), -len(stop), stop) for stop in self._stop]
        begun = [place for place in places if place[0] >= 0]
        if not begun:
            return None
        place, _, stop = min(begun)
        return place, stop

    def _withheld(self, text: str) -> int:
        """Return how many characters at the end may be the beginning of a stop string."""
        longest = max((len(stop) for stop in self._stop), default=1) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self._stop):
                return length
        return 0
