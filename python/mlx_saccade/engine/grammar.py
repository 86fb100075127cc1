"""Let a model write one box, or none, and nothing else, by a grammar.

    [{"bbox_2d": [x1, y1, x2, y2], "label": "..."}]     or     []

The numbers are whole and inside the image, the label is a JSON string. It is an automaton over bytes; a token may come
next where all of its bytes may, so tokens that reach across commas, quotes or half characters need no special case.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.errors import InputError

__all__ = ["BoxGrammar", "Constraint", "Vocabulary"]

# The text between the numbers and after them; a number follows each of the first four.
_FIXED = (b'[{"bbox_2d": [', b", ", b", ", b", ", b'], "label": "', b'"}]')
_LABEL = len(_FIXED) - 1
_ESCAPED = frozenset(b'"\\/nrt')
# First bytes of characters of two to four bytes, and what may come second (RFC 3629, section 4).
_SECOND = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}

State = tuple[int, ...]
"""(kind, ...), as the constants below say."""

# Behind the kind: part and place in it; part before it and value, -1 without a digit; nothing; nothing; the range of
# the next byte and how many are left; nothing.
_TEXT, _NUMBER, _STRING, _ESCAPE, _CHARACTER, _END = range(6)


class BoxGrammar:
    """The automaton that accepts one box, or an empty list."""

    def __init__(self, limits: tuple[int, int]) -> None:
        """Allow x and y up to these limits, the limits included."""
        self.limits = limits
        self.start: State = (_TEXT, 0, 0)

    def step(self, state: State, byte: int) -> State | None:
        """Return the state after one more byte; None if the byte may not come."""
        kind = state[0]
        if kind == _TEXT:
            return self._text(state[1], state[2], byte)
        if kind == _NUMBER:
            return self._number(state[1], state[2], byte)
        if kind == _STRING:
            return _string(byte)
        if kind == _ESCAPE:
            return (_STRING,) if byte in _ESCAPED else None
        if kind == _CHARACTER and state[1] <= byte <= state[2]:
            return (_STRING,) if state[3] == 1 else (_CHARACTER, 0x80, 0xBF, state[3] - 1)
        return None

    def _text(self, part: int, place: int, byte: int) -> State | None:
        if (part, place, byte) == (0, 1, ord("]")):
            return (_END,)
        text = _FIXED[part]
        if byte != text[place]:
            return None
        if place + 1 < len(text):
            return (_TEXT, part, place + 1)
        if part < _LABEL - 1:
            return (_NUMBER, part, -1)
        return (_STRING,) if part < _LABEL else (_END,)

    def _number(self, part: int, value: int, byte: int) -> State | None:
        if ord("0") <= byte <= ord("9"):
            more = max(value, 0) * 10 + byte - ord("0")
            # No leading zero, so that the digits are JSON; every beginning of a number is itself within the limit.
            return (_NUMBER, part, more) if value != 0 and more <= self.limits[part % 2] else None
        return self._text(part + 1, 0, byte) if value >= 0 else None


def _string(byte: int) -> State | None:
    if byte == ord('"'):
        return (_TEXT, _LABEL, 1)
    if byte == ord("\\"):
        return (_ESCAPE,)
    if 0x20 <= byte < 0x80:
        return (_STRING,)
    if 0xC2 <= byte <= 0xF4:
        low, high = _SECOND.get(byte, (0x80, 0xBF))
        return (_CHARACTER, low, high, 1 + (byte >= 0xE0) + (byte >= 0xF0))
    return None


class Vocabulary:
    """The bytes of a tokenizer's tokens, in order."""

    def __init__(self, tokens: Sequence[bytes | None], ends: Sequence[int]) -> None:
        """Sort them.

        Args:
            tokens: by id; None, or empty, for one that may not be written.
            ends: ids that end an answer.
        """
        listed = sorted((text, number) for number, text in enumerate(tokens) if text)
        self.ends = np.array(sorted(ends), np.int64)
        plain = [entry for entry in listed if _is_plain(entry[0])]
        # Inside a label nearly all tokens may come; those that cannot leave it are not walked one by one.
        self.plain = np.array([number for _, number in plain], np.int64)
        self.all, self.odd = _Sorted(listed), _Sorted([entry for entry in listed if not _is_plain(entry[0])])


def _is_plain(text: bytes) -> bool:
    """Return True for whole characters of a JSON string that need no escape."""
    if any(byte < 0x20 or byte in b'"\\' for byte in text):
        return False
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _Sorted:
    """Tokens in the order of their bytes, so that those with one beginning stand together."""

    def __init__(self, entries: Sequence[tuple[bytes, int]]) -> None:
        self.texts, self.ids = [text for text, _ in entries], [number for _, number in entries]

    def allowed(self, grammar: BoxGrammar, state: State) -> list[int]:
        """Return ids of the tokens all of whose bytes may come after a state."""
        ids: list[int] = []
        todo = [(0, len(self.texts), 0, state)]
        while todo:
            start, stop, depth, here = todo.pop()
            while start < stop and len(self.texts[start]) == depth:
                ids.append(self.ids[start])
                start += 1
            while start < stop:
                prefix, byte = self.texts[start][:depth], self.texts[start][depth]
                end = stop if byte == 0xFF else bisect_left(self.texts, prefix + bytes([byte + 1]), start, stop)
                after = grammar.step(here, byte)
                if after is not None:
                    todo.append((start, end, depth + 1, after))
                start = end
        return ids


class Constraint:
    """The tokens that may come next in one answer."""

    def __init__(self, grammar: BoxGrammar, vocabulary: Vocabulary, tokens: Sequence[bytes | None]) -> None:
        """Start an answer; `tokens` are the bytes of all tokens by id."""
        self._grammar, self._vocabulary, self._tokens = grammar, vocabulary, tokens
        self._state, self._read = grammar.start, 0
        self._known: dict[State, NDArray[np.int64]] = {}

    def __call__(self, answer: Sequence[int]) -> NDArray[np.int64]:
        """Return ids that may follow the answer so far, which grows from call to call.

        Raises:
            InputError: the tokenizer cannot write what must come next.
        """
        for token in answer[self._read :]:
            for byte in self._tokens[token] or b"":
                after = self._grammar.step(self._state, byte)
                assert after is not None, "a token that was not allowed"
                self._state = after
        self._read = len(answer)
        if self._state not in self._known:
            self._known[self._state] = self._allowed(self._state)
        return self._known[self._state]

    def _allowed(self, state: State) -> NDArray[np.int64]:
        words = self._vocabulary
        if state == (_END,):
            return words.ends
        if state == (_STRING,):
            return np.concatenate([words.plain, np.array(words.odd.allowed(self._grammar, state), np.int64)])
        ids = np.array(words.all.allowed(self._grammar, state), np.int64)
        if not len(ids):
            raise InputError("constrained: the tokenizer has no token for what a box needs next; leave it out")
        return ids
