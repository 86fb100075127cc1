"""The layout of a whole screen: a dock, and a work area cut into parts with a window, panel, dialog or icons."""

import math
from typing import Final

from .boxes import Box, inset
from .layout import Layout
from .rng import Rng
from .widgets import add_list, add_table, flow, icons, text_size

# Squares of a control unit per screen, at least; with fewer, twenty elements would not fit.
CELLS: Final = 130
ATTEMPTS: Final = 6
MOST: Final = 72


def _units(box: Box, unit: int) -> tuple[float, float]:
    return (box[2] - box[0]) / unit, (box[3] - box[1]) / unit


def _split(rng: Rng, area: Box, unit: int, cuts: int) -> list[Box]:
    """Cut an area into parts, its longer side first."""
    wide, high = _units(area, unit)
    if cuts < 1 or max(wide, high) < 13 or (cuts < 3 and rng.chance(0.2)):
        return [area]
    share = rng.uniform(0.3, 0.7)
    x1, y1, x2, y2 = area
    if wide > 1.1 * high:
        x = x1 + round(share * (x2 - x1))
        parts = (x1, y1, x, y2), (x, y1, x2, y2)
    else:
        y = y1 + round(share * (y2 - y1))
        parts = (x1, y1, x2, y), (x1, y, x2, y2)
    return [leaf for part in parts for leaf in _split(rng, part, unit, cuts - 1)]


def _within(rng: Rng, leaf: Box, unit: int) -> Box:
    """Draw a box inside a part, of most of its size."""
    width, height = leaf[2] - leaf[0], leaf[3] - leaf[1]
    most = max(0, round(min(0.14 * min(width, height), 3 * unit)))
    left, top, right, bottom = (rng.integer(unit // 5, max(unit // 5, most)) for _ in range(4))
    return leaf[0] + left, leaf[1] + top, leaf[2] - right, leaf[3] - bottom


def _dock(layout: Layout, unit: int) -> Box:
    """Put a dock along one edge of the screen; return the remaining area."""
    width, height = layout.size
    rng = layout.rng
    thick = round(unit * rng.uniform(1.5, 2.2))
    if rng.chance(0.2) or thick > min(width, height) // 4:
        return 0, 0, width, height
    edge = rng.weighted({"bottom": 6.0, "top": 2.0, "left": 2.0 if width > height else 0.0})
    side = max(layout.smallest, round(thick * rng.uniform(0.6, 0.75)))
    pitch = round(side * 1.4)
    length = height if edge == "left" else width
    count = min(rng.integer(4, 9), (length - 2 * side) // pitch)
    margin = (thick - side) // 2
    floating = edge == "bottom" and rng.chance(0.5) and count > 0
    span = count * pitch - (pitch - side) + 2 * side if floating else length
    start = (length - span) // 2
    lift = max(1, unit // 5) if floating else 0
    if edge == "left":
        box, left = (0, 0, thick, height), (thick, 0, width, height)
    elif edge == "top":
        box, left = (0, 0, width, thick), (0, thick, width, height)
    else:
        box = start, height - thick - lift, start + span, height - lift
        left = 0, 0, width, box[1]
    index = layout.add("dock", box, None, unit)
    end = 0
    for place in range(count if index is not None else 0):
        along = start + (side if floating else margin * 2) + place * pitch
        x, y = (box[0] + margin, along) if edge == "left" else (along, box[1] + margin)
        end = icons(layout, (x, y, x + side, y + side), index, unit, 1)
    if index is not None and not floating and edge != "left":
        caption = max(width - 4 * unit, end + margin), box[1], width - unit // 2, box[3]
        layout.decorate("caption", caption, index, text_size(unit))
    return left


def _content(layout: Layout, area: Box, parent: int | None, unit: int, panes: int = 1) -> None:
    """Fill the body of a window."""
    rng = layout.rng
    wide, high = _units(area, unit)
    if wide < 1.5 or high < 1:
        return
    if panes and wide > 15 and high > 5 and rng.chance(0.5):
        pane = round((area[2] - area[0]) * rng.uniform(0.22, 0.36))
        at_left = rng.chance(0.6)
        cut = area[0] + pane if at_left else area[2] - pane
        gap = unit // 2
        side = (area[0], area[1], cut - gap, area[3]) if at_left else (cut + gap, area[1], area[2], area[3])
        area = (cut + gap, area[1], area[2], area[3]) if at_left else (area[0], area[1], cut - gap, area[3])
        if rng.chance(0.5):
            add_list(layout, side, parent, unit)
        else:
            _panel(layout, side, parent, unit)
        _content(layout, area, parent, unit, 0)
        return
    if high > 11 and rng.chance(0.5):
        cut = area[1] + round((area[3] - area[1]) * rng.uniform(0.35, 0.65))
        _content(layout, (area[0], area[1], area[2], cut - unit // 3), parent, unit, 0)
        _content(layout, (area[0], cut + unit // 3, area[2], area[3]), parent, unit, 0)
        return
    weights = {"flow": 4.0}
    if wide >= 4.5 and high >= 3:
        weights |= {"table": 3.0, "list": 3.0, "panel": 1.4}
    if wide >= 10 and high >= 7:
        weights |= {"dialog": 3.0}
    chosen = rng.weighted(weights)
    if chosen == "table" and add_table(layout, area, parent, unit):
        return
    if chosen == "list" and add_list(layout, area, parent, unit):
        return
    if chosen == "panel":
        _panel(layout, area, parent, unit)
        return
    if chosen == "dialog":
        _dialog_over_text(layout, area, parent, unit)
        return
    # Large areas have somewhat larger controls.
    flow(layout, area, parent, max(unit, min(area[2] - area[0], area[3] - area[1]) // 15))


def _dialog_over_text(layout: Layout, area: Box, parent: int | None, unit: int) -> None:
    """Put a page of writing with a dialog in front of it."""
    layout.decorate("text", area, parent, text_size(unit))
    wide, high = area[2] - area[0], area[3] - area[1]
    width = min(round(wide * layout.rng.uniform(0.5, 0.8)), 24 * unit)
    height = min(round(high * layout.rng.uniform(0.5, 0.8)), 13 * unit)
    x, y = area[0] + (wide - width) // 2, area[1] + (high - height) // 2
    _dialog(layout, (x, y, x + width, y + height), parent, unit)


def _window(layout: Layout, box: Box, unit: int) -> bool:
    """Put a window with its title bar and perhaps tabs and a toolbar; return False if no color is left."""
    rng = layout.rng
    index = layout.add("window", box, None, unit)
    if index is None:
        return False
    x1, y1, x2, y2 = box
    line = max(1, round(0.09 * unit))
    bar = max(layout.smallest, round(unit * rng.uniform(1.05, 1.35)))
    layout.add("title bar", (x1, y1, x2, y1 + bar), index, unit, layout.slots[index].color)
    y = y1 + bar
    if y2 - y > 7 * unit and rng.chance(0.35):
        y = _tabs(layout, (x1 + line, y, x2 - line, y2), index, unit)
    if y2 - y > 5 * unit and rng.chance(0.6):
        y = _toolbar(layout, (x1 + line, y, x2 - line, y2), index, unit)
    margin = round(unit * rng.uniform(0.45, 0.8))
    _content(layout, (x1 + margin, y + margin, x2 - margin, y2 - margin), index, unit)
    return True


def _tabs(layout: Layout, area: Box, parent: int, unit: int) -> int:
    """Put a strip of tabs along the top of an area; return its lower edge."""
    height = max(layout.smallest, round(1.15 * unit))
    layout.decorate("strip", (area[0], area[1], area[2], area[1] + height + unit // 6), parent, unit)
    x = area[0] + unit // 3
    for _ in range(layout.rng.integer(2, 6)):
        width = round(unit * layout.rng.uniform(3, 5))
        if x + width > area[2]:
            break
        layout.add("tab", (x, area[1] + unit // 6, x + width, area[1] + height + unit // 6), parent, unit)
        x += width + max(1, unit // 8)
    return area[1] + height + unit // 6


def _toolbar(layout: Layout, area: Box, parent: int, unit: int) -> int:
    """Put a toolbar of icons along the top of an area; return its lower edge."""
    height = round(unit * layout.rng.uniform(1.35, 1.7))
    box = (area[0], area[1], area[2], area[1] + height)
    index = layout.add("toolbar", box, parent, unit)
    if index is None:
        return area[1]
    side = max(layout.smallest, round(0.68 * height))
    top = area[1] + (height - side) // 2
    x = area[0] + round(0.6 * height)
    most = layout.rng.integer(3, 9)
    end = icons(layout, (x, top, area[2] - unit // 2, top + side), index, unit, most)
    width = 5 * side
    if area[2] - end > width + 2 * unit and layout.rng.chance(0.4):
        layout.add("text field", (area[2] - width - unit // 2, top, area[2] - unit // 2, top + side), index, unit)
    return area[1] + height


def _panel(layout: Layout, box: Box, parent: int | None, unit: int) -> bool:
    """Put a panel of controls; return False if it has no room or no color is left."""
    index = layout.add("panel", box, parent, unit)
    if index is None:
        return False
    margin = round(unit * layout.rng.uniform(0.4, 0.8))
    wide, high = _units(box, unit)
    inner = inset(box, margin)
    if wide > 16 and high > 9 and layout.rng.chance(0.4):
        _content(layout, inner, index, unit, 0)
    else:
        flow(layout, inner, index, unit, 10)
    return True


def _dialog(layout: Layout, box: Box, parent: int | None, unit: int) -> bool:
    """Put a dialog: writing, perhaps controls, and buttons in its foot."""
    index = layout.add("dialog", box, parent, unit)
    if index is None:
        return False
    line = max(2, round(0.2 * unit))
    x1, y1, x2, y2 = inset(box, line)
    foot = max(y1, y2 - round(1.7 * unit))
    layout.decorate("foot", (x1, foot, x2, y2), index, unit)
    height = max(layout.smallest, unit)
    top = foot + (y2 - foot - height) // 2
    x = x2 - unit // 2
    for _ in range(layout.rng.integer(1, 3)):
        width = round(height * layout.rng.uniform(2.2, 3.2))
        if x - width < x1 + unit // 2 or top < y1:
            break
        layout.add("push button", (x - width, top, x, top + height), index, unit)
        x -= width + unit // 2
    y = y1 + round(0.7 * unit)
    text = min(foot - y, unit * layout.rng.integer(1, 3))
    if text >= unit // 2:
        layout.decorate("text", (x1 + unit, y, x2 - unit, y + text), index, text_size(unit))
    flow(layout, (x1 + unit, y + text + unit // 2, x2 - unit, foot - unit // 3), index, unit, 4)
    return True


def _grid(layout: Layout, area: Box, unit: int, most: int) -> None:
    """Put large icons with captions in a grid."""
    side = round(unit * layout.rng.log_uniform(1.2, 3))
    wide, high = area[2] - area[0], area[3] - area[1]
    side = max(min(side, wide, high * 2 // 3), layout.smallest)
    pitch = round(1.7 * side)
    placed = 0
    for row in range(max(1, (high + pitch - side) // pitch)):
        for column in range(max(1, (wide + pitch - side) // pitch)):
            x, y = area[0] + column * pitch, area[1] + row * pitch
            if placed >= most or x + side > area[2] or y + side > area[3]:
                break
            if layout.rng.chance(0.8):
                if icons(layout, (x, y, x + side, y + side), None, unit, 1) == x:
                    continue
                caption = (x, y + round(1.08 * side), x + side, min(area[3], y + round(1.4 * side)))
                layout.decorate("caption", caption, None, max(2, round(0.3 * side)))
                placed += 1


def _leaf(layout: Layout, leaf: Box, unit: int, first: bool) -> None:
    """Furnish one part of the work area."""
    rng = layout.rng
    box = _within(rng, leaf, unit)
    unit = min(round(unit * rng.log_uniform(1, 1.7)), max(unit, min(box[2] - box[0], box[3] - box[1]) // 8))
    wide, high = _units(box, unit)
    weights = {"icons": 0.0 if first else 1.6, "controls": 0.0 if first else 0.7}
    if wide >= 3 and high >= 2.5:
        weights |= {"panel": 2.2}
    if wide >= 6 and high >= 4.5:
        weights |= {"window": 7.0}
    if wide >= 7 and high >= 5 and max(wide, high) < 26:
        weights |= {"dialog": 2.4}
    chosen = rng.weighted(weights) if sum(weights.values()) else "icons"
    if chosen == "window" and _window(layout, box, unit):
        return
    if chosen == "panel" and _panel(layout, box, None, unit):
        return
    if chosen == "dialog" and _dialog(layout, box, None, unit):
        return
    if chosen == "controls":
        flow(layout, inset(box, unit // 3), None, unit, 6)
    else:
        _grid(layout, box, unit, rng.integer(3, 8))


def _furnish(rng: Rng, size: tuple[int, int], smallest: int, least: int, twins: float, unit: int) -> Layout:
    layout = Layout(rng, size, smallest, max(least, MOST), twins)
    area = _dock(layout, unit)
    tall = max(size) / min(size)
    cuts = rng.integer(1, 3) + (math.floor(math.log2(tall)) if tall >= 2 else 0)
    leaves = _split(rng, area, unit, cuts)
    leaves.sort(key=lambda box: -(box[2] - box[0]) * (box[3] - box[1]))
    for place, leaf in enumerate(leaves):
        _leaf(layout, leaf, unit, place == 0)
    return layout


def arrange(rng: Rng, size: tuple[int, int], smallest: int, least: int, twins: float) -> Layout:
    """Lay out one screen.

    Args:
        rng: random number generator, the only source of randomness.
        size: (width, height) in pixels.
        smallest: least side of an element in pixels.
        least: number of elements to aim for; a small screen may have fewer.
        twins: maximum share of elements that look like another one.

    Returns:
        The layout with the most elements, out of a few attempts with smaller and smaller controls.
    """
    roomy = max(smallest, min(min(size) / 5, math.sqrt(size[0] * size[1] / CELLS)))
    # Most screens have small controls; some have the large ones of a kiosk.
    top = min(roomy, 3.0 * smallest)
    unit = rng.log_uniform(smallest, top) if rng.chance(0.6) else rng.log_uniform(top, roomy)
    best: Layout | None = None
    for _ in range(ATTEMPTS):
        layout = _furnish(rng, size, smallest, least, twins, max(smallest, round(unit)))
        if best is None or layout.named > best.named:
            best = layout
        if best.named >= least:
            break
        unit = max(float(smallest), 0.8 * unit)
    assert best is not None
    return best
