"""The content of windows, panels, dialogs and the desktop: rows of controls, lists, tables, writing."""

from collections.abc import Callable
from typing import Final

from .boxes import Box
from .descriptions import ICONS
from .layout import Layout

# Minimum and maximum of width over height, for controls wider than high.
ASPECTS: Final[dict[str, tuple[float, float]]] = {
    "push button": (2.2, 3.4),
    "slider": (4.0, 7.0),
    "text field": (3.5, 8.0),
    "toggle switch": (1.8, 2.1),
}
GAP: Final = 0.45
PITCH: Final = 1.45


def text_size(unit: int) -> int:
    """Return the height in pixels of a line of writing next to controls of this unit."""
    return max(2, round(0.62 * unit))


def icons(layout: Layout, area: Box, parent: int | None, unit: int, most: int = 8) -> int:
    """Put icons of one size side by side, as high as the area; return the right edge of the last."""
    side = min(area[3] - area[1], area[2] - area[0])
    pitch = round(side * layout.rng.uniform(1.3, 1.7))
    x = area[0]
    end = x
    for _ in range(most):
        if x + side > area[2]:
            break
        if layout.add(layout.rng.choose(ICONS), (x, area[1], x + side, area[1] + side), parent, unit) is not None:
            end = x + side
        x += pitch
    return end


def _icon_row(layout: Layout, area: Box, parent: int | None, unit: int) -> None:
    icons(layout, area, parent, unit, layout.rng.integer(2, 6))


def _button_row(layout: Layout, area: Box, parent: int | None, unit: int) -> None:
    height = area[3] - area[1]
    x = area[0]
    for _ in range(layout.rng.integer(1, 4)):
        kind = layout.rng.choose(("round button", "square button", "push button", "push button"))
        width = round(height * layout.rng.uniform(*ASPECTS.get(kind, (1, 1))))
        if x + width > area[2]:
            break
        layout.add(kind, (x, area[1], x + width, area[3]), parent, unit)
        x += width + round(0.6 * height)


def _control_row(layout: Layout, area: Box, parent: int | None, unit: int) -> None:
    """Put cells of a control with a caption beside it."""
    height = area[3] - area[1]
    room = area[2] - area[0]
    cells = max(1, min(3, room // (9 * height)))
    kinds = {"text field": 3.0, "slider": 2.5, "toggle switch": 2.0, "check box": 2.0}
    for cell in range(cells):
        left = area[0] + room * cell // cells
        right = area[0] + room * (cell + 1) // cells - (height if cell + 1 < cells else 0)
        kind = layout.rng.weighted(kinds)
        low, high = ASPECTS.get(kind, (1.0, 1.0))
        width = round(height * layout.rng.uniform(low, high))
        width = min(width, right - left)
        if width < low * height:
            continue
        if kind in ("toggle switch", "check box") or layout.rng.chance(0.4):
            if layout.add(kind, (left, area[1], left + width, area[3]), parent, unit) is not None:
                caption = left + width + height // 2, area[1], min(right, left + width + 6 * height), area[3]
                layout.decorate("line", caption, parent, text_size(unit))
            continue
        start = min(right - width, left + round(3.5 * height))
        if layout.add(kind, (start, area[1], start + width, area[3]), parent, unit) is not None:
            layout.decorate("line", (left, area[1], start - height // 2, area[3]), parent, text_size(unit))


def _paragraph(layout: Layout, area: Box, parent: int | None, unit: int) -> None:
    layout.decorate("text", area, parent, text_size(unit))


ROWS: Final[dict[str, Callable[[Layout, Box, int | None, int], None]]] = {
    "icons": _icon_row,
    "buttons": _button_row,
    "controls": _control_row,
    "text": _paragraph,
}


def flow(layout: Layout, area: Box, parent: int | None, unit: int, quota: int = 14) -> None:
    """Fill an area with rows from top to bottom; after `quota` elements the rest is writing."""
    y = area[1]
    first = layout.named
    while y + unit <= area[3]:
        if layout.named - first >= quota or layout.full():
            lines = text_size(unit) * layout.rng.integer(3, 14)
            _paragraph(layout, (area[0], y, area[2], min(y + lines, area[3])), parent, unit)
            return
        before = len(layout.slots)
        name = layout.rng.weighted({"icons": 3.0, "buttons": 2.5, "controls": 4.0, "text": 1.0})
        height = min(area[3] - y, round(unit * layout.rng.log_uniform(1, 1.8)))
        if name == "text":
            height = min(area[3] - y, unit * layout.rng.integer(1, 4))
        ROWS[name](layout, (area[0], y, area[2], y + height), parent, unit)
        if len(layout.slots) > before:
            y += height + round(GAP * unit * layout.rng.uniform(1, 1.6))
        else:
            y += max(1, unit // 4)


def add_list(layout: Layout, area: Box, parent: int | None, unit: int) -> bool:
    """Put a list over the whole area; return False if it has no room."""
    index = layout.add("list", area, parent, unit) if area[2] - area[0] >= 3 * unit else None
    if index is None:
        return False
    edge = max(2, round(0.24 * unit))
    line = max(1, round(0.1 * unit))
    height = round(PITCH * unit)
    count = (area[3] - area[1] - 2 * line) // height
    marked = layout.rng.integer(0, count - 1) if count and layout.rng.chance(0.6) else -1
    extra = layout.rng.choose(("check box", "toggle switch", "icon", None, None))
    for row in range(count):
        y = area[1] + line + row * height
        box = area[0] + edge, y, area[2] - line, y + height
        if row == marked and layout.add("row", box, index, unit) is not None:
            continue
        side = min(unit, height)
        top = y + (height - side) // 2
        left = box[0] + unit // 2
        if extra and layout.rng.chance(0.45) and box[2] - left > 2.6 * unit:
            kind = layout.rng.choose(ICONS) if extra == "icon" else extra
            width = round(1.9 * side) if kind == "toggle switch" else side
            spot = (left, top, left + width, top + side)
            if layout.add(kind, spot, index, unit) is not None:
                left += width + unit // 2
        far = min(box[2] - unit // 2, left + round(layout.rng.uniform(4, 18) * unit))
        layout.decorate("line", (left, y, far, y + height), index, text_size(unit))
    return True


def add_table(layout: Layout, area: Box, parent: int | None, unit: int) -> bool:
    """Put a table over the whole area; return False if it has no room."""
    index = layout.add("table", area, parent, unit) if area[2] - area[0] >= 4 * unit else None
    if index is None:
        return False
    line = max(1, round(0.1 * unit))
    height = round(PITCH * unit)
    x1, y1, x2, y2 = area[0] + line, area[1] + line, area[2] - line, area[3] - line
    layout.decorate("head", (x1, y1, x2, min(y2, y1 + height)), index, unit)
    columns = max(2, min(9, (x2 - x1) // round(unit * layout.rng.uniform(4, 7))))
    count = (y2 - y1) // height
    marked = layout.rng.integer(1, count - 1) if count > 1 and layout.rng.chance(0.5) else -1
    rule = max(1, round(0.05 * unit))
    for column in range(1, columns):
        x = x1 + (x2 - x1) * column // columns
        layout.decorate("rule", (x, y1, x + rule, y2), index, unit)
    for row in range(1, count + 1):
        y = y1 + row * height
        if row < count:
            layout.decorate("rule", (x1, y, x2, y + rule), index, unit)
        if row == count or (row == marked and layout.add("row", (x1, y, x2, y + height), index, unit) is not None):
            continue
        for column in range(columns):
            left, right = x1 + (x2 - x1) * column // columns, x1 + (x2 - x1) * (column + 1) // columns
            far = round((right - left) * layout.rng.uniform(0.4, 0.9))
            layout.decorate("line", (left + unit // 2, y, left + far, y + height), index, text_size(unit))
    return True
