"""Reads boxes, points and polygons in tags, and the names that stand in tags before them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from mlx_saccade.grounding import shapes
from mlx_saccade.grounding.candidates import Candidate, Misfit, Place
from mlx_saccade.grounding.document import Document
from mlx_saccade.grounding.near_json import NUMBER, Group, Leaf, parse
from mlx_saccade.grounding.shapes import Kind

__all__ = ["attributes", "tags"]

_MAX_TAGS = 10_000  # as `near_json` stops somewhere
_REFERENCE = (
    r"<ref>(?P<ref>[^<]{0,1000})</ref>"
    r"|<\|(?:object_ref_start|ref)\|>(?P<object>[^<]{0,1000})<\|(?:object_ref_end|/ref)\|>"
)
_TOKENS = (
    r"<\|(?P<token>box|quad|point)_start\|>(?P<tokens>[^<]{0,4000})<\|(?P=token)_end\|>"
    r"|<\|(?P<det>det)\|>(?P<detected>[^<]{0,4000})<\|/det\|>"
    r"|<(?P<tag>bbox_2d|bbox|box|bounding_box|quad|polygon|points|point_2d|point|click|coordinate|coordinates)\b(?P<named>[^<>]{0,4000})>"
    r"(?P<inside>[^<]{0,4000})(?:</[^<>]{0,20}>)?"
)
_EVENT = re.compile(rf"{_REFERENCE}|{_TOKENS}", re.IGNORECASE)
_DATA = re.compile(
    r"\bdata-(?P<kind>bbox|box|point|polygon)\s{0,4}=\s{0,4}(?P<quote>[\"'])(?P<value>[^\"'<>]{0,400})(?P=quote)"
    r"[^<>]{0,400}>(?P<inside>[^<]{0,1000})",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(
    rf"\b([A-Za-z]{{1,10}}[0-9]{{0,3}})\s{{0,4}}=\s{{0,4}}[\"']?\s{{0,4}}({NUMBER})(?![A-Za-z0-9_.%])"
)
_NAME = re.compile(r"\b(?:alt|label|name)\s{0,4}=\s{0,4}(?:\"([^\"]{0,1000})\"|'([^']{0,1000})')", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,;]*(?:and)?[\s,;]*")
_KINDS: dict[str, Kind] = {
    "quad": "polygon",
    "polygon": "polygon",
    "point": "points",
    "click": "points",
    "coordinate": "either",
    "coordinates": "either",
    "point_2d": "points",
    "points": "points",
}


class _Tag(NamedTuple):
    """A tag with places.

    Attributes:
        kind: what it announces.
        attributes: inside its angle brackets.
        content: of the element.
        start: index of its first character.
        end: index behind its last character.
    """

    kind: Kind
    attributes: str
    content: str
    start: int
    end: int


def tags(document: Document) -> Iterator[Candidate]:
    """Yield the places in tags; a name before boxes holds for all in the same tag that follow it at once."""
    name, used, end = "", "", 0
    for match in islice(_EVENT.finditer(document.tags), _MAX_TAGS):
        reference = match["ref"] if match["ref"] is not None else match["object"]
        if reference is not None:
            group = "ref" if match["ref"] is not None else "object"
            name, used = document.written[match.start(group) : match.end(group)].strip(), ""
            continue
        tag = match["token"] or match["det"] or match["tag"]
        if used and (tag != used or not _BETWEEN.fullmatch(document.text, end, match.start())):
            name = ""
        places = list(_places(document, match, name))
        yield from places
        used, end = tag if places else used, match.end()


def _places(document: Document, match: re.Match[str], name: str) -> Iterator[Place | Misfit]:
    tokens = match["tokens"] if match["tokens"] is not None else match["detected"]
    if tokens is not None:
        kind = _KINDS.get((match["token"] or match["det"]).lower(), "box")
        tag = _Tag(kind, "", tokens, match.start(), match.end())
    else:
        kind = _KINDS.get(match["tag"].lower(), "box")
        tag = _Tag(kind, match["named"], match["inside"], match.start(), match.end())
    own = _NAME.search(document.written, match.start(), match.end()) if tag.attributes else None
    label = (own[1] or own[2] or "") if own else ""
    content = tag.content
    if tokens is None and match.end("inside") == len(document.text) and shapes.numbers_in(content):
        return  # the last number may be cut off
    if tokens is None and not shapes.numbers_in(content):
        content = tag.attributes
        label = label or document.written[match.start("inside") : match.end("inside")].strip()
    numbers = _attribute_places(tag)
    if numbers:
        yield from (Place(run, label or name, tag.start, tag.end, named=True) for run in numbers)
        return
    for place in _content_places(content, kind, label or name):
        yield replace(place, start=tag.start, end=tag.end)


def _attribute_places(tag: _Tag) -> list[tuple[str, ...]]:
    """Return the places of x1="..." y1="..." and their like."""
    values = {key.lower(): number for key, number in _ATTRIBUTE.findall(tag.attributes)}
    if tag.kind == "points":
        ends = ["", *(str(number) for number in range(100))]
        return [(values["x" + end], values["y" + end]) for end in ends if {"x" + end, "y" + end} <= values.keys()]
    items = parse("{" + ",".join(f"{key}:{number}" for key, number in values.items()) + "}", tag.attributes)[1][0].items
    corners = shapes.named(items)
    return [tuple(corners)] if corners else []


def _content_places(content: str, kind: Kind, label: str) -> list[Place | Misfit]:
    """Return the places of numbers with or without brackets; between box tokens, four after four."""
    numbers = shapes.numbers_in(content)
    if kind != "box":
        leaf = Leaf("string", content, 0, len(content))
        return shapes.places(
            leaf, "polygon" if kind == "polygon" else "points" if len(numbers) % 2 == 0 else kind, label
        )
    groups = [item.value for item in parse(content, content)[0].items if isinstance(item.value, Group)]
    scored = [place for group in groups for place in shapes.places(group, "box", label)]
    if groups and not all(isinstance(place, Place) and len(place.numbers) == 2 for place in scored):
        return scored
    if len(numbers) == 5:
        return shapes.places(Leaf("string", content, 0, len(content)), "box", label)
    if len(numbers) % 4 == 0 or len(numbers) == 2:
        return [Place(numbers[i : i + 4], label) for i in range(0, len(numbers), 4)]
    return [Misfit(numbers, f"{len(numbers)} numbers are neither a point nor a box")] if numbers else []


def attributes(document: Document) -> Iterator[Candidate]:
    """Yield the places in attributes such as `data-bbox`, with the text of their elements."""
    for match in islice(_DATA.finditer(document.tags), _MAX_TAGS):
        label = document.written[match.start("inside") : match.end("inside")].strip()
        leaf = Leaf("string", match["value"], match.start(), match.end("value") + 1)
        yield from shapes.places(leaf, _KINDS.get(match["kind"].lower(), "box"), label)
