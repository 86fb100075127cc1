"""Parses whatever in a text looks like JSON, a Python value or a call into groups of values.

Models cut JSON off, forget commas and quotes, and mix it with prose, so nothing is malformed here: every bracket opens
a group, and what cannot be read inside one is a word. The time is linear in the length of the text.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

__all__ = ["MAX_DEPTH", "NUMBER", "Group", "Item", "Leaf", "Node", "parse"]

NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"

# Groups deeper than this are no answer; the open ones are given up, so that stray brackets do not hide what follows.
MAX_DEPTH = 64
# More brackets, keys and values than this are no answer: 32,000 tokens of one have fewer. What comes after is not read.
_MAX_STEPS = 64_000
_CLOSERS = {"]": "[(", ")": "([", "}": "{"}

# Keys that are read outside any bracket too; the second group are names, which need quotes or a line of their own.
_TEXT_KEYS = "bbox_2d|box_2d|bboxes|bbox|boxes|box|point_2d|points|point|coordinates|coordinate|polygon"
_TEXT_NAMES = "label|text_content"
_IN_TEXT = re.compile(
    rf"(?P<open>[\[({{])|(?<![A-Za-z0-9_])(?P<quote>[\"']?)(?P<key>{_TEXT_KEYS}|{_TEXT_NAMES})(?P=quote)\s{{0,8}}[:=]\s{{0,8}}"
)
_TOKEN = re.compile(
    rf"""(?P<space>[\s,;]+|<\|[A-Za-z_]{{1,30}}\|>)
    |(?P<open>[\[({{])
    |(?P<close>[\])}}])
    |(?P<tag><(?P<name>point|box|bbox)>[^<>]{{0,200}}</(?P=name)>)
    |(?P<key>"[^"\\\n]{{1,64}}"\s{{0,8}}:|'[^'\\\n]{{1,64}}'\s{{0,8}}:|[A-Za-z_][A-Za-z0-9_.\-]{{0,40}}\s{{0,8}}[:=])
    |(?P<number>{NUMBER})(?:px)?(?![A-Za-z0-9_.%])
    |(?P<string>["'])
    |(?P<word>[^\s,;\[\](){{}}"']+)""",
    re.VERBOSE,
)
_QUOTES = re.compile(r"\\.|[\"']", re.DOTALL)
# What follows a quote that ends a value; the last is the next key where a comma is missing.
_AFTER_VALUE = re.compile(r"\s{0,8}(?:[,;}\])]|\Z|[\"'][A-Za-z_][A-Za-z0-9_ ]{0,40}[\"']\s{0,8}:)")
_UNQUOTED = re.compile(r"[^,;\n{}\[\]()\"']+")


@dataclass(eq=False)
class Leaf:
    """A number, string or word.

    Attributes:
        kind: a "word" has no quotes.
        text: the decoded content of a string, anything else as written.
        start: index of its first character.
        end: index behind its last character.
        cut: the text ends before it is known to be whole.
    """

    kind: Literal["number", "string", "word"]
    text: str
    start: int
    end: int
    cut: bool = False


@dataclass(eq=False)
class Group:
    """What stands between brackets, or the whole text.

    Attributes:
        opener: the bracket, "" for the whole text.
        start: index of the bracket.
        end: index behind the closing bracket.
        closed: False where the text ends first.
        items: values with their keys, in order.
    """

    opener: str
    start: int
    end: int
    closed: bool = False
    items: list[Item] = field(default_factory=list)


Node = Leaf | Group


class Item(NamedTuple):
    """A value and its key, None where it has none."""

    key: str | None
    value: Node


def parse(text: str, written: str) -> tuple[Group, list[Group], int]:
    """Parse a text.

    Args:
        text: to parse.
        written: the same before characters were replaced one by one; strings are taken from it.

    Returns:
        The group of the whole text, all others in the order of their opening brackets, and the index to which the text
        was read.
    """
    parser = _Parser(text, written)
    parser.run()
    return parser.root, parser.groups, parser.end


class _Parser:
    def __init__(self, text: str, written: str) -> None:
        self.text, self.written = text, written
        self.root = Group("", 0, len(text))
        self.groups: list[Group] = []
        self.stack = [self.root]
        self.depths = {"[": 0, "(": 0, "{": 0}
        self.key: str | None = None
        self.after_word = False
        self.end = 0
        self.quotes: _Quotes | None = None

    def run(self) -> None:
        position, end = 0, len(self.text)
        for _ in range(_MAX_STEPS):
            if position >= end:
                break
            position = self.in_group(position) if len(self.stack) > 1 else self.in_text(position)
        self.end = position
        for group in self.stack[1:]:
            group.end = end

    def in_text(self, position: int) -> int:
        """Go to the next bracket or known key outside all brackets."""
        match = _IN_TEXT.search(self.text, position)
        if match is None:
            return len(self.text)
        if match["open"]:
            return self.open(match.start())
        position = match.end()
        following = self.text[position : position + 1]
        if following and following in "[({":
            self.key = match["key"]
            return self.open(position)
        if following and following in "\"'":
            self.key = match["key"]
            return self.string(position)
        line = self.text.rfind("\n", max(0, match.start() - 40), match.start()) + 1
        if re.fullmatch(_TEXT_NAMES, match["key"]) and not self.text[line : match.start()].strip(" \t-*"):
            rest = _UNQUOTED.match(self.text, position)
            if rest:
                self.key = match["key"]
                self.add(Leaf("word", self.written[position : rest.end()].strip(), position, rest.end()))
                return rest.end()
        return position

    def in_group(self, position: int) -> int:
        """Read one token inside brackets."""
        match = _TOKEN.match(self.text, position)
        if match is None:  # never: a word takes what nothing else does
            return position + 1
        kind, end = match.lastgroup, match.end()
        if kind == "space":
            if "," in match[0] or ";" in match[0]:
                self.key = None
            if not match[0].isspace() or "\n" in match[0]:
                self.after_word = False
        elif kind == "open":
            return self.open(position)
        elif kind == "close":
            self.close(match[0], end)
        elif kind == "tag":
            self.add(Leaf("string", self.written[position:end], position, end))
        elif kind == "number":
            self.add(Leaf("number", match["number"], position, end, cut=end == len(self.text)))
        elif kind == "key" and self.key is None and not (self.after_word and match[0][0] in "\"'"):
            self.key, self.after_word = match[0][:-1].strip().strip("\"'"), False
        elif self.text[position] in "\"'":
            if self.key is None and self.after_word:  # an apostrophe, or a quoted word in prose
                return position + 1
            return self.string(position)
        else:
            return self.word(position, end)
        return end

    def word(self, position: int, end: int) -> int:
        """Read a word; the value of a key goes on to the next comma, bracket or line."""
        if self.key is not None:
            rest = _UNQUOTED.match(self.text, position)
            end = max(end, rest.end()) if rest else end
        self.add(Leaf("word", self.written[position:end].strip(), position, end, cut=end == len(self.text)))
        self.after_word = True
        return end

    def string(self, position: int) -> int:
        """Read a string; one without an end goes to the end of its line."""
        if self.quotes is None:
            self.quotes = _Quotes(self.text)
        keyed = self.key is not None
        end = whole = self.quotes.end_of(position, generous=keyed)
        if end is None:
            if not keyed:
                self.after_word = True
                return position + 1
            newline = self.text.find("\n", position)
            end = newline if newline >= 0 else len(self.text)
            content = self.written[position + 1 : end].rstrip(self.text[position] + " ")
        else:
            content = _decoded(self.written[position + 1 : end], self.text[position])
            end += 1
        self.add(Leaf("string", content, position, end, cut=whole is None and end == len(self.text)))
        return end

    def add(self, node: Node) -> None:
        self.stack[-1].items.append(Item(self.key, node))
        self.key, self.after_word = None, False

    def open(self, position: int) -> int:
        if len(self.stack) > MAX_DEPTH:
            for group in self.stack[1:]:
                group.end = position
            del self.stack[1:]
            self.depths = dict.fromkeys(self.depths, 0)
            self.key = None
        group = Group(self.text[position], position, position)
        self.add(group)
        self.groups.append(group)
        self.stack.append(group)
        self.depths[group.opener] += 1
        return position + 1

    def close(self, closer: str, end: int) -> None:
        """Close the innermost group that a bracket fits, and those inside it; ignore one that fits none."""
        self.key, self.after_word = None, False
        if not any(self.depths[opener] for opener in _CLOSERS[closer]):
            return
        while len(self.stack) > 1:
            group = self.stack.pop()
            self.depths[group.opener] -= 1
            group.end, group.closed = end, True
            if group.opener in _CLOSERS[closer]:
                return


class _Quotes:
    """Where strings end; quotes inside them are often not escaped, so a quote alone does not end one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.places: dict[str, list[int]] = {'"': [], "'": []}
        for match in _QUOTES.finditer(text):
            if match[0] in self.places:
                self.places[match[0]].append(match.start())
        self.ends = {quote: list(self._ends(places)) for quote, places in self.places.items()}

    def _ends(self, places: list[int]) -> Iterator[int]:
        return (place for place in places if _AFTER_VALUE.match(self.text, place + 1))

    def end_of(self, start: int, *, generous: bool) -> int | None:
        """Return the index of the quote that ends a string; None where nothing does.

        Args:
            start: index of the quote that opens it.
            generous: let it hold quotes that are not escaped, within its line.
        """
        places, ends = self.places[self.text[start]], self.ends[self.text[start]]
        number, after = bisect_left(places, start + 1), bisect_left(ends, start + 1)
        if after == len(ends):
            return None
        if places[number] == ends[after]:
            return ends[after] if generous or self.text.find("\n", start, ends[after]) < 0 else None
        return ends[after] if generous and self.text.find("\n", start, ends[after]) < 0 else None


def _decoded(content: str, quote: str) -> str:
    """Return a string's content with its escapes resolved where all of them are JSON's."""
    if "\\" not in content:
        return content
    quoted = content if quote == '"' else content.replace("\\'", "'").replace('"', '\\"')
    try:
        value = json.loads(f'"{quoted}"', strict=False)
    except ValueError:
        return content
    # Halves of a surrogate pair cannot be written anywhere.
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
