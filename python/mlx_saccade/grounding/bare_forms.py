"""Reads bare lists, pairs and lines of numbers: the last resort, where a text has no other form.

Bare numbers are often something else, so these say why they were set aside: colors, padding, years, sizes, code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from mlx_saccade.grounding import shapes
from mlx_saccade.grounding.candidates import Candidate, Place
from mlx_saccade.grounding.document import Document
from mlx_saccade.grounding.near_json import NUMBER, Group, Item, Leaf

__all__ = ["bare"]

Size = tuple[int, int]

_LINE = re.compile(rf"\s*({NUMBER})\s*,\s*({NUMBER})\s*,\s*({NUMBER})\s*,\s*({NUMBER})\s*[,:]?\s+([^\W\d].{{0,200}})")
# Words before numbers that are no place, with at most one more word between.
_NO_PLACE = re.compile(
    r"\b(?:colou?rs?|rgba?|hsla?|hsv|padding|margins?|inset|offsets?|size|sizes|resolution|dimensions?|shape|years?|"
    r"between|range|ratios?|scale|versions?|ids?|indices|index|tokens?|scores?|weights?|kernel|stride|spacing|"
    r"radius|gap|font|shadow|matrix|array|vector|tensor|tuple|border|gradient|transform|ip|date|dates|pages?|figures?|chapters?|values?|grid|grid_thw)\W{0,6}(?:\w{1,10}\W{1,4})?$",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"(?:\b(?:at|point|points|click|clicks|tap|coordinates?|position|location|located|center|centre|answer|is|are|"
    r"place|places|box|to)\b|位于|坐标|点击|中心|位置|在|为|是)\W{0,8}$",
    re.IGNORECASE,
)
# Words that make a pair in round brackets a place although another word stands between.
_NEAR = re.compile(r"\b(?:click|tap|coordinates?|position|location|located|point)\b|点击|坐标", re.IGNORECASE)
_NAMED = re.compile(
    rf"\bx1?\s{{0,4}}[=:]\s{{0,4}}({NUMBER})\s{{0,4}},?\s{{0,4}}y1?\s{{0,4}}[=:]\s{{0,4}}({NUMBER})"
    rf"(?:\s{{0,4}},?\s{{0,4}}x2\s{{0,4}}[=:]\s{{0,4}}({NUMBER})\s{{0,4}},?\s{{0,4}}y2\s{{0,4}}[=:]\s{{0,4}}({NUMBER}))?"
    r"(?![\w.%])"
)
# A line that names one place: "- Save: [10, 20, 30, 40]".
_NAMED_LINE = re.compile(r"[ \t]*(?:[-*•]|[0-9]{1,3}[.)])?[ \t]*([^\n:]{1,80}?)[ \t*]*:[ \t*]*")
_CODE = re.compile(r"[A-Za-z0-9_]\(?\[?$|(?:^|[^=!<>])=\s{0,3}$")
# A tag that announces a box or more; a whole one is read before, with its end.
_OPEN_TAG = re.compile(r"<\|?(?:box|bbox|bbox_2d|quad|polygon|box_start|quad_start)\|?>\W{0,4}$")
_MAX_LINES = 5000
_GENERIC = frozenset([
    "answer", "answers", "result", "results", "output", "final", "response", "value", "values", "data", "boxes",
    "list", "items",
])  # fmt: skip
_NOISE = re.compile(r"```[ \t]*[a-z]{0,12}|</?[A-Za-z_]{1,20}>|<\|[A-Za-z_]{1,20}\|>|[\s.,;:!*`\[\](){}\"']")


def bare(document: Document, sizes: tuple[Size, ...]) -> Iterator[Candidate]:
    """Yield the places of numbers that no key, tag or call announces; notes say what was set aside.

    Args:
        document: the text.
        sizes: of the image, as the source has it and as the model sees it: a pair of these is no point.
    """
    candidates: list[Candidate] = [*_lines(document)]
    yield from candidates or list(_lists(document, sizes)) or _named(document)


def _lines(document: Document) -> Iterator[Place]:
    """Yield the boxes of `x1,y1,x2,y2 name`, one a line, where all lines are so."""
    position = 0
    found: list[Place] = []
    for line in document.text.split("\n"):
        if len(found) > _MAX_LINES:
            return
        match = _LINE.fullmatch(line[:400]) if len(line) <= 400 else None
        if match is not None:
            numbers = (match[1], match[2], match[3], match[4])
            if float(match[1]) > float(match[3]) or float(match[2]) > float(match[4]):
                return
            label = document.written[position + match.start(5) : position + match.end(5)].strip()
            found.append(Place(numbers, label, position, position + len(line)))
        elif line.strip(" `\t\r"):
            return
        position += len(line) + 1
    yield from found


def _named(document: Document) -> Iterator[Place]:
    """Yield `x=10, y=20` and `x1: 10, y1: 20, x2: 30, y2: 40`."""
    if document.cut_off:  # the last number may be half of one
        return
    for match in islice(_NAMED.finditer(document.text), _MAX_LINES):
        numbers = tuple(number for number in match.groups() if number is not None)
        yield Place(numbers, "", match.start(), match.end(), named=True)


def _lists(document: Document, sizes: tuple[Size, ...]) -> Iterator[Candidate]:
    alone: bool | None = None
    for group, items in _parents(document):
        for run in _runs(document, group, items):
            places = _of_run(run, group)
            if not places:
                continue
            start = run[0].value.start
            if document.is_code(start) or _CODE.search(document.text, max(0, start - 8), start):
                continue
            if alone is None:
                alone = _is_all(document)
            reason = _no_place(document, run, places, sizes, alone=alone)
            if reason:
                document.notes.append(f"{_brief(document, run)} was set aside: {reason}")
            elif reason is None:
                name = _line_name(document, start)
                yield from (replace(place, label=place.label or name) for place in places)


def _parents(document: Document) -> Iterator[tuple[Group, list[Item]]]:
    for group in (document.root, *document.groups):
        if any(isinstance(item.value, Group) for item in group.items):
            yield group, group.items


def _runs(document: Document, parent: Group, items: list[Item]) -> Iterator[list[Item]]:
    """Yield lists of numbers, pairs that only commas separate together."""
    run: list[Item] = []
    for item in items:
        numbers = _numbers(item)
        if run and not (
            len(numbers) == 2 and _joined(document.text[run[-1].value.end : item.value.start][:20]) and item.key is None
        ):
            yield run
            run = []
        if len(numbers) == 2:
            run.append(item)
        elif numbers:
            yield [item]
    if run:
        yield run


def _joined(between: str) -> bool:
    return re.fullmatch(r"\s*,\s*", between) is not None


def _numbers(item: Item) -> tuple[str, ...]:
    value = item.value
    if isinstance(value, Leaf) or value.opener == "{" or not value.closed:
        return ()
    singles = shapes.flat(inner.value for inner in value.items if not _is_name(inner))
    return singles if singles and len(value.items) - len(singles) <= (1 if len(singles) == 4 else 0) else ()


def _is_name(item: Item) -> bool:
    return isinstance(item.value, Leaf) and item.value.kind == "string" and not shapes.numbers_in(item.value.text)


def _of_run(run: list[Item], parent: Group) -> list[Place]:
    """Return a box of four numbers or of two pairs, else a point a pair."""
    runs = [_numbers(item) for item in run]
    start, end = run[0].value.start, run[-1].value.end
    if len(run) == 2:
        return [Place(runs[0] + runs[1], "", start, end)]
    if len(runs[0]) == 2:
        return [Place(numbers, "", item.value.start, item.value.end) for item, numbers in zip(run, runs, strict=True)]
    numbers = runs[0]
    if len(numbers) == 5 and 0 <= float(numbers[4]) <= 1:
        numbers = numbers[:4]
    return [Place(numbers, _label(run[0]), start, end)] if len(numbers) == 4 else []


def _label(item: Item) -> str:
    """Return the string in a list of numbers, else the key that it stands under."""
    if isinstance(item.value, Group):
        for inner in item.value.items:
            if _is_name(inner) and isinstance(inner.value, Leaf):
                return inner.value.text
    return item.key if item.key is not None and item.key.lower() not in _GENERIC else ""


def _no_place(
    document: Document, run: list[Item], places: list[Place], sizes: tuple[Size, ...], *, alone: bool
) -> str | None:
    """Return why numbers are no place, "" without a word for it, None where they are one."""
    start = run[0].value.start
    before = document.text[max(0, start - 48) : start]
    numbers = [float(number) for place in places for number in place.numbers]
    if _NO_PLACE.search(before) or (run[0].key and _NO_PLACE.search(run[0].key.replace("_", " "))):
        return "the word before it says something else"
    if _OPEN_TAG.search(before) and (len(numbers) == 2 or "quad" in before):
        return "its tag is cut off"
    if len(numbers) == 2 and any(numbers == list(size) for size in sizes):
        return "it is the size of the image"
    if not alone and all(1900 <= number <= 2100 and number == int(number) for number in numbers):
        return "it reads as years"
    if len(run) == 1 and len(numbers) == 2 and not alone and not _PLACE.search(before):
        if _line_name(document, start):
            return None
        return None if document.text[start] == "(" and _NEAR.search(before) else ""
    return None


def _line_name(document: Document, start: int) -> str:
    """Return what stands before a colon on a line of its own, "" for prose."""
    line = document.text.rfind("\n", max(0, start - 100), start) + 1
    if line == 0 and start > 100:
        return ""
    match = _NAMED_LINE.fullmatch(document.text, line, start)
    name = document.written[match.start(1) : match.end(1)].strip(" *") if match else ""
    name = name[1:-1] if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'" else name
    return name if len(name.split()) <= 6 and not _PLACE.search(name) and name.lower() not in _GENERIC else ""


def _is_all(document: Document) -> bool:
    """Return True if a text has nothing but lists of numbers."""
    return not re.search(r"\w", re.sub(NUMBER, "", _NOISE.sub(" ", document.text)))


def _brief(document: Document, run: list[Item]) -> str:
    text = document.written[run[0].value.start : run[-1].value.end]
    return text if len(text) <= 60 else text[:57] + "..."
