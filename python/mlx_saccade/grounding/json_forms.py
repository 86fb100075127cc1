"""Reads boxes, points and polygons under the keys of objects, with the label of the same object."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mlx_saccade.grounding import shapes
from mlx_saccade.grounding.candidates import Candidate, Misfit, Place
from mlx_saccade.grounding.document import Document
from mlx_saccade.grounding.near_json import Group, Item, Leaf
from mlx_saccade.grounding.shapes import Kind

__all__ = ["BOX_KEYS", "KINDS", "keyed", "kind_of", "label_of"]

BOX_KEYS = frozenset({"bbox_2d", "box_2d", "bboxes_2d", "bbox_2ds"})
"""Keys that announce nothing but boxes."""

KINDS: dict[str, Kind] = {
    **dict.fromkeys(BOX_KEYS, "box"),
    **dict.fromkeys(
        ("bbox", "box", "bboxes", "boxes", "rect", "rectangle", "bounds", "bbox2d", "box2d", "xyxy"), "box"
    ),
    **dict.fromkeys(("bounding_box", "bounding_boxes", "boundingbox", "boundingboxes", "bbox_xyxy"), "box"),
    **dict.fromkeys(("xywh", "bbox_xywh"), "sized"),
    **dict.fromkeys(("point_2d", "point2d", "point", "click_point", "center", "centre", "center_point"), "point"),
    **dict.fromkeys(
        ("points", "points_2d", "point_2ds", "keypoints", "path", "line", "polyline", "trajectory"), "points"
    ),
    **dict.fromkeys(
        ("polygon", "polygons", "poly", "quad", "quad_2d", "polygon_2d", "segmentation", "vertices", "corners"),
        "polygon",
    ),
    **dict.fromkeys(("coordinate", "coordinates", "coords", "coord", "position", "location", "pos"), "either"),
}
"""What the value of a key is; see `kind_of`."""

_LABELS = (
    "label", "text_content", "text", "name", "ref", "object", "element", "caption", "description", "title", "content",
    "target", "category", "class", "object_name", "element_name", "class_name", "transcription", "phrase", "word",
    "tag", "标签", "名称", "文本", "文字", "内容", "type",
)  # fmt: skip
_LISTS = ("labels", "names", "texts")
_NUMBERED = re.compile(r"[_ ]?[0-9]{1,3}$")


def kind_of(key: str | None) -> Kind | None:
    """Return what a key announces, also one in other letters or with a number behind; None for any other."""
    if key is None:
        return None
    plain = key.lower().replace(" ", "_").replace("-", "_")
    return KINDS.get(plain) or KINDS.get(_NUMBERED.sub("", plain))


def keyed(document: Document) -> Iterator[Candidate]:
    """Yield the places under known keys, and those whose numbers have a key each."""
    inner: set[int] = set()  # objects that are the value of a key that has been read
    for items in (*_in_text(document.root), *(group.items for group in document.groups)):
        if not items or all(item.key is None for item in items):
            continue
        label = label_of(items)
        found = _under_keys(items, label, inner)
        if not found and id(items) not in inner:
            numbers = shapes.named(items)
            if numbers is not None:
                found = [Place(tuple(numbers), label, items[0].value.start, items[-1].value.end, named=True)]
        yield from found


def _under_keys(items: Sequence[Item], label: str, inner: set[int]) -> list[Place | Misfit]:
    """Return the places of an object's keys; lists without a key belong to the key before them."""
    found: list[Place | Misfit] = []
    kind: Kind | None = None
    for key, value in items:
        kind = kind if key is None and isinstance(value, Group) else kind_of(key)
        if kind is not None:
            places = _labeled_members(value, kind, label) or shapes.places(value, kind, label)
            inner.update(_objects(value) if places else ())
            found += places
    names = _names(items)
    if len(names) == len(found):
        found = [
            replace(place, label=name) if isinstance(place, Place) else place
            for place, name in zip(found, names, strict=True)
        ]
    return found


def _labeled_members(value: Leaf | Group, kind: Kind, label: str) -> list[Place | Misfit]:
    """Return the places of a list of objects that each are a whole place, with their own labels."""
    members = [item.value for item in value.items] if isinstance(value, Group) and value.opener != "{" else []
    count = 2 if kind in ("point", "points") else 4
    found: list[Place | Misfit] = []
    for member in members:
        numbers = shapes.named(member.items) if isinstance(member, Group) else None
        if numbers is None or len(numbers) != count or not isinstance(member, Group):
            return []
        own = label_of(member.items) or label
        found.append(Place(tuple(numbers), own, member.start, member.end, named=True))
    return found


def _names(items: Sequence[Item]) -> list[str]:
    """Return the labels that stand in a list of their own, one a place."""
    for key, value in items:
        if key is not None and key.lower() in _LISTS and isinstance(value, Group):
            leaves = [item.value for item in value.items if isinstance(item.value, Leaf)]
            if len(leaves) == len(value.items):
                return [leaf.text for leaf in leaves]
    return []


def _objects(value: Leaf | Group) -> Iterator[int]:
    """Yield the objects that stand in a value for places: itself, or the members of its list."""
    if isinstance(value, Group):
        yield id(value.items)
        yield from (id(item.value.items) for item in value.items if isinstance(item.value, Group))


def _in_text(root: Group) -> Iterator[list[Item]]:
    """Yield what stands under keys outside all brackets, as objects: a repeated key begins the next."""
    items: list[Item] = []
    for item in root.items:
        if item.key is None or any(item.key == before.key for before in items):
            yield items
            items = []
        if item.key is not None:
            items.append(item)
    yield items


def label_of(items: Sequence[Item]) -> str:
    """Return the name that an object gives its place."""
    texts = {
        item.key.lower(): item.value.text
        for item in reversed(items)
        if item.key is not None and isinstance(item.value, Leaf) and item.value.text not in ("null", "None")
    }
    return next((texts[key] for key in _LABELS if key in texts), "")
