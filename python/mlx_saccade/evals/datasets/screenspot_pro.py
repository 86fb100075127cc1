"""Read ScreenSpot-Pro's lists, and what this package writes in the same fields; `bbox` is x1, y1, x2, y2 in pixels."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from mlx_saccade.evals.datasets.boxes import BoxFormat
from mlx_saccade.evals.datasets.records import Layout, Record, Row

__all__ = ["GROUPS", "KIND", "layout", "matches"]

KIND: Final = "screenspot-pro"
GROUPS: Final = frozenset(("Dev", "Creative", "CAD", "Scientific", "Office", "OS"))
"""The groups of programs of the benchmark itself, by which it is told from other lists in its fields."""
_CONVENTION: Final = "xyxy"
_IMAGES: Final = ("images", "", "../images", "..")


def matches(names: Collection[str]) -> bool:
    """Return True if fields are those of this format and not of ScreenSpot-v2, whose box has another order."""
    return {"img_filename", "bbox"} <= set(names) and not {"img_size", "ui_type"}.isdisjoint(names)


def layout(boxes: BoxFormat | None) -> Layout:
    """Return how rows are read; `boxes` None is the benchmark's own convention."""
    return Layout(KIND, "ScreenSpot-Pro", "bbox", boxes or _CONVENTION, _record, _IMAGES)


def _record(row: Row) -> Record:
    values = row.values
    return Record(
        row.where,
        image=values.get("img_filename"),
        description=values.get("instruction"),
        boxes=_boxes(values),
        id=values.get("id"),
        image_size=values.get("img_size"),
        ui_type=str(values.get("ui_type") or ""),
        application=str(values.get("application") or ""),
        group=str(values.get("group") or ""),
    )


def _boxes(values: dict[str, Any]) -> tuple[Any, ...]:
    """Return `bboxes`, which `mlx-saccade scenes --ambiguous` writes of a description of two elements, or `bbox`."""
    several = values.get("bboxes")
    return tuple(several) if isinstance(several, list) and several else (values.get("bbox"),)
