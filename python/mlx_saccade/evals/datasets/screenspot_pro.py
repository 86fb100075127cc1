"""Read ScreenSpot-Pro's lists, and what this package writes in the same fields; `bbox` is x1, y1, x2, y2 in pixels."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from mlx_saccade.evals.datasets.boxes import BoxFormat
from mlx_saccade.evals.datasets.records import Layout, Record, Row

__all__ = ["KIND", "is_benchmark", "layout", "matches"]

KIND: Final = "screenspot-pro"
_GROUPS: Final = ("Dev", "Creative", "CAD", "Scientific", "Office", "OS")
_CONVENTION: Final = "xyxy"
_IMAGES: Final = ("images", "", "../images", "..")


def matches(names: Collection[str]) -> bool:
    """Return True if fields are those of this format and not of ScreenSpot-v2, whose box has another order."""
    return {"img_filename", "bbox"} <= set(names) and not {"img_size", "ui_type"}.isdisjoint(names)


def layout(boxes: BoxFormat | None) -> Layout:
    """Return how rows are read; `boxes` None is the benchmark's own convention."""
    return Layout(KIND, "ScreenSpot-Pro", "bbox", boxes or _CONVENTION, _record, _IMAGES)


def is_benchmark(rows: Iterable[Row]) -> bool:
    """Return True if all rows are of the benchmark itself, by their groups and the form of their ids."""
    return all(_is_own(row.values) for row in rows)


def _is_own(values: dict[str, Any]) -> bool:
    name = values.get("id")
    start = f"{values.get('application')}_{values.get('platform')}_"
    return values.get("group") in _GROUPS and isinstance(name, str) and name.startswith(start)


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
