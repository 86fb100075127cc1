"""Reads boxes, points and polygons under the keys of objects, with the label of the same object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlx_saccade.grounding import shapes
from mlx_saccade.grounding.candidates import Candidate, Misfit, Place
from mlx_saccade.grounding.document import Document
from mlx_saccade.grounding.near_json import Group, Item, Leaf
from mlx_saccade.grounding.shapes import Kind

__all__ = ["BOX_KEYS", "KINDS", "keyed", "label_of"]

BOX_KEYS = frozenset({"bbox_2d", "box_2d", "bboxes_2d", "bbox_2ds"})
"""Keys that announce nothing but boxes."""

KINDS: dict[str, Kind] = {
    **dict.fromkeys(BOX_KEYS, "box"),
    **dict.fromkeys(
        ("bbox", "box", "bboxes", "boxes", "rect", "rectangle", "bounds", "bbox2d", "box2d", "xyxy"), "box"
    ),
    **dict.fromkeys(("bounding_box", "bounding_boxes", "boundingbox", "bounding-box", "bbox_xyxy"), "box"),
    **dict.fromkeys(("xywh", "bbox_xywh"), "sized"),
    **dict.fromkeys(("point_2d", "point2d", "point", "click_point", "center", "centre", "center_point"), "point"),
    **dict.fromkeys(("points", "points_2d", "point_2ds", "keypoints"), "points"),
    **dict.fromkeys(
        ("polygon", "polygons", "poly", "quad", "quad_2d", "polygon_2d", "segmentation", "vertices", "corners"),
        "polygon",
    ),
    **dict.fromkeys(("coordinate", "coordinates", "coords", "coord", "position", "location", "pos"), "either"),
}
"""What the value of a key is, by the key in lower case."""

_LABELS = (
    "label", "text_content", "text", "name", "ref", "object", "element", "caption", "description", "title", "content",
    "target", "category", "class",
)  # fmt: skip


def keyed(document: Document) -> Iterator[Candidate]:
    """Yield the places under known keys, and those whose numbers have a key each."""
    inner: set[int] = set()  # objects that are the value of a key that has been read
    for items in (*_in_text(document.root), *(group.items for group in document.groups)):
        if not items or all(item.key is None for item in items):
            continue
        label = label_of(items)
        found: list[Place | Misfit] = []
        for key, value in items:
            kind = KINDS.get(key.lower()) if key is not None else None
            if kind is not None:
                places = shapes.places(value, kind, label)
                inner.update(_objects(value) if places else ())
                found += places
        if not found and id(items) not in inner:
            numbers = shapes.named(items)
            if numbers is not None:
                found = [Place(tuple(numbers), label, items[0].value.start, items[-1].value.end, named=True)]
        yield from found


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
