"""Read tables of images, descriptions and boxes: CSV, JSON lines, or a JSON list with the same names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals.datasets.boxes import BoxFormat
from mlx_saccade.evals.datasets.reading import NotTargetsError
from mlx_saccade.evals.datasets.records import Layout, Record, Row

__all__ = ["COLUMNS", "KIND", "layout", "matches"]

KIND: Final = "table"
COLUMNS: Final = "image, description, and a box: x1, y1, x2, y2, or x, y, width, height, or one column named box"
BoxColumns = tuple[tuple[str, ...], BoxFormat]
_IMAGE: Final = ("image", "img_filename", "file_name", "filename")
_DESCRIPTION: Final = ("description", "instruction")
_SIZE: Final = ("img_size", "image_size")
_BOXES: Final[tuple[BoxColumns, ...]] = (
    (("x1", "y1", "x2", "y2"), "xyxy"),
    (("x", "y", "width", "height"), "xywh"),
    (("x", "y", "w", "h"), "xywh"),
    (("xyxy",), "xyxy"),
    (("xywh",), "xywh"),
    (("box",), "xyxy"),
    (("bbox",), "xyxy"),
    (("bboxes",), "xyxy"),
)
"""The columns of a box and their convention; the first ones present are read."""
_STATED: Final = 5
"""That many of them name their order, and cannot be read in another."""


def matches(names: Collection[str]) -> bool:
    """Return True if columns have an image, a description and a box."""
    return bool(_first(_IMAGE, names) and _first(_DESCRIPTION, names) and _present(names))


def layout(names: Collection[str], boxes: BoxFormat | None, where: str) -> Layout:
    """Return how rows with these columns are read.

    Args:
        names: the columns.
        boxes: convention of the box; None is what the columns' names say, and x1, y1, x2, y2 in pixels of "box".
        where: the file, for messages.

    Raises:
        NotTargetsError: a column is missing.
        InputError: `boxes` contradicts the columns' names.
    """
    image, description, present = _first(_IMAGE, names), _first(_DESCRIPTION, names), _present(names)
    if not (image and description and present):
        columns = brief(", ".join(sorted(map(str, names))), 120)
        raise NotTargetsError(f"{where}: expected the columns {COLUMNS}; got {columns}. Rename the columns")
    box_columns, convention = present[0]
    stated = (box_columns, convention) in _BOXES[:_STATED]
    if boxes is not None and stated and not boxes.startswith(convention):
        raise InputError(
            f"{where}: expected boxes as the columns {', '.join(box_columns)} name them; got {boxes}. "
            "Leave it out, or rename the columns"
        )
    size = _first(_SIZE, names)

    def record(row: Row) -> Record:
        values = row.values
        return Record(
            row.where,
            image=values.get(image),
            description=values.get(description),
            boxes=_boxes(values, box_columns),
            id=values.get("id"),
            image_size=values.get(size) if size else None,
            ui_type=_text(values.get("ui_type")),
            application=_text(values.get("application")),
            group=_text(values.get("group")),
        )

    return Layout(KIND, "a table", ", ".join(box_columns), boxes or convention, record, ("", "images"), stated)


def _first(choices: tuple[str, ...], names: Collection[str]) -> str | None:
    return next((name for name in choices if name in names), None)


def _present(names: Collection[str]) -> list[BoxColumns]:
    return [(columns, convention) for columns, convention in _BOXES if set(columns) <= set(names)]


def _boxes(values: dict[str, Any], columns: tuple[str, ...]) -> tuple[Any, ...]:
    if len(columns) > 1:
        return ([values.get(column) for column in columns],)
    value = values.get(columns[0])
    return tuple(value) if columns == ("bboxes",) and isinstance(value, list) and value else (value,)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
