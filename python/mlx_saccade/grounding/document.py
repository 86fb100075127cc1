"""An answer's text on its way through the forms: what is set aside, its groups, and which part is already read."""

from __future__ import annotations

import re
from bisect import bisect_right

from mlx_saccade.grounding import near_json, shapes
from mlx_saccade.grounding.near_json import Group, Leaf
from mlx_saccade.grounding.thinking import THOUGHT_KEYS, set_aside

__all__ = ["Document"]

_FENCE = re.compile(r"```[ \t]*([A-Za-z0-9_+\-]{0,20})")
_DATA = frozenset(
    {"", "json", "json5", "jsonc", "jsonl", "xml", "html", "text", "txt", "plaintext", "markdown", "md", "yaml"}
)

_FULL_WIDTH = str.maketrans("（）［］｛｝，：；＝０１２３４５６７８９．－、", "()[]{},:;=0123456789.-,")


class Document:
    """A text with its groups; characters that one form has read are not read by another.

    Attributes:
        written: as the model wrote it.
        text: the same with thinking blanked and full-width brackets, digits and marks made plain.
        tags: the same without the thoughts in an object's strings.
        root: the group of the whole text.
        groups: all brackets, in order.
        notes: what was set aside, in words.
        cut_off: the text ends inside a list of numbers.
    """

    def __init__(self, written: str) -> None:
        """Parse a text."""
        self.written = written
        blanked, self.notes = set_aside(written)
        self.text = blanked.translate(_FULL_WIDTH)
        self.root, self.groups, end = near_json.parse(self.text, written)
        self.tags = self._without_thoughts()
        if end < len(self.text):
            self.notes.append(f"only the first {end} characters were searched for lists and objects")
        self.cut_off = self._ends_in_a_list()
        self._code = _code_spans(self.text)
        self._read = bytearray(len(written))

    def is_free(self, start: int, end: int) -> bool:
        """Return True if no form has read any of these characters."""
        return self._read.find(1, start, end) < 0

    def is_code(self, position: int) -> bool:
        """Return True inside a fenced part in a programming language."""
        number = bisect_right(self._code, (position, len(self.text))) - 1
        return number >= 0 and position < self._code[number][1]

    def take(self, start: int, end: int) -> None:
        """Mark characters as read."""
        self._read[start:end] = b"\x01" * (end - start)

    def _ends_in_a_list(self) -> bool:
        return any(
            not group.closed and group.end == len(self.text) and _ends_in_numbers(group)
            for group in self.groups[-near_json.MAX_DEPTH :]
        )

    def _without_thoughts(self) -> str:
        parts, position = [], 0
        for group in self.groups:
            for key, value in group.items:
                if key is None or not isinstance(value, Leaf) or value.start < position:
                    continue
                if key.lower() in THOUGHT_KEYS:
                    parts += [self.text[position : value.start], " " * (value.end - value.start)]
                    position = value.end
        return "".join(parts) + self.text[position:] if parts else self.text


def _code_spans(text: str) -> list[tuple[int, int]]:
    fences = list(_FENCE.finditer(text))
    spans = []
    for opening, closing in zip(fences[0::2], [*fences[1::2], None], strict=False):
        if opening[1].lower() not in _DATA:
            spans.append((opening.start(), len(text) if closing is None else closing.start()))
    return spans


def _ends_in_numbers(group: Group) -> bool:
    last = group.items[-1].value if group.items else None
    if not isinstance(last, Leaf):
        return False
    if last.cut:
        return last.kind == "number" or bool(shapes.numbers_in(last.text))
    return last.kind == "number" and group.opener != "{"
