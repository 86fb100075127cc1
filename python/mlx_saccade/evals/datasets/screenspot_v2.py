"""Read the lists of ScreenSpot and ScreenSpot-v2; `bbox` is x, y, width, height in pixels."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from mlx_saccade.evals.datasets.boxes import BoxFormat
from mlx_saccade.evals.datasets.records import Layout, Record, Row

__all__ = ["KIND", "layout", "matches"]

KIND: Final = "screenspot-v2"
_CONVENTION: Final = "xywh"
_IMAGES: Final = ("screenspotv2_image", "screenspot_imgs", "images", "")
_GROUPS: Final = {"windows": "desktop", "macos": "desktop", "ios": "mobile", "android": "mobile"}


def matches(names: Collection[str]) -> bool:
    """Return True if fields are those of this format and not of ScreenSpot-Pro, whose box has another order."""
    own = {"data_type", "data_source"}
    return {"img_filename", "bbox"} <= set(names) and not own.isdisjoint(names) and "img_size" not in names


def layout(boxes: BoxFormat | None) -> Layout:
    """Return how rows are read; `boxes` None is the benchmark's own convention."""
    return Layout(KIND, "ScreenSpot-v2", "bbox", boxes or _CONVENTION, _record, _IMAGES)


def _record(row: Row) -> Record:
    values = row.values
    source = str(values.get("data_source") or "")
    return Record(
        row.where,
        image=values.get("img_filename"),
        description=values.get("instruction"),
        boxes=(values.get("bbox"),),
        id=values.get("id"),
        image_size=values.get("img_size"),
        ui_type=str(values.get("data_type") or ""),
        application=source,
        group=_GROUPS.get(source, "web") if source else "",
    )
