"""Which nodes of an accessibility tree are visible elements: pure functions on a recorded screen.

A tree says more than a screen shows. Nodes are dropped that are hidden, have no size or an absurd place, are cut off by
what contains them, lie under another window, are drawn in one color, or repeat another node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.evals.screens.roles import CONTAINERS, MENU_ITEMS, ROLES

__all__ = [
    "Box",
    "Node",
    "Tree",
    "area",
    "covered_share",
    "drawn",
    "fills",
    "holds_controls",
    "intersect",
    "same_box",
    "visible_box",
    "visible_nodes",
    "window_of",
    "without_doubles",
]

Box = tuple[int, int, int, int]

# The least width and height of an element in pixels.
MIN_SIDE: Final = 4
# The least share of an element that has to be visible, and of a panel, whose box is then its visible part.
MIN_VISIBLE: Final = 0.98
MIN_VISIBLE_PANEL: Final = 0.3
# The largest share of an element that may lie under another window.
MAX_COVERED: Final = 0.02
# The least overlap (IoU) of a window of the tree and one of the display, to be the same.
MIN_WINDOW_IOU: Final = 0.5
# A narrower panel is the grip of a toolbar or a border.
MIN_PANEL_SIDE: Final = 16
# A place beyond this many screens is a sentinel, such as the least integer.
MAX_SCREENS: Final = 4
# Boxes whose edges are this near are the same.
SAME_PIXELS: Final = 2
# Children of these are drawn outside of them, in a window of their own.
_POP_OUT: Final = frozenset(("menu", "menu item", "popup menu", "combo box"))
# The children of a tab are its page, which lies below it.
_NO_LIMIT: Final = _POP_OUT | {"page tab"}
# The least share of a text's box that its letters reach over; a label of GTK can be far wider than its words.
MIN_INK: Final = 0.25


@dataclass(frozen=True)
class Node:
    """A node of an accessibility tree.

    Attributes:
        index: its place in the tree's list.
        parent: that of its parent, or -1.
        role: in AT-SPI's words.
        name, description, label: what it says of itself, and the name of the element that labels it.
        box: x1, y1, x2, y2 in pixels of the screen; None without a place.
        states: in AT-SPI's words.
        toolkit: which toolkit wrote it, if it says so.
    """

    index: int
    parent: int
    role: str
    name: str
    description: str
    label: str
    box: Box | None
    states: frozenset[str]
    toolkit: str


@dataclass(frozen=True)
class Window:
    """A window of the display, with its frame, and without one for what no window manager has framed."""

    box: Box
    client: Box | None

    @property
    def is_popup(self) -> bool:
        """Return True for menus, drop-down lists and tooltips."""
        return self.client is None


class Tree:
    """The nodes and windows of a recorded screen."""

    def __init__(self, nodes: Sequence[Node], windows: Sequence[Window], size: tuple[int, int]) -> None:
        """Take the nodes, each after its parent; the windows, the lowest first; and (width, height) of the screen."""
        self.nodes, self.windows, self.size = nodes, windows, size

    @classmethod
    def read(
        cls, nodes: Iterable[Mapping[str, Any]], windows: Iterable[Mapping[str, Any]], size: tuple[int, int]
    ) -> Tree:
        """Return the tree of a record, as `atspi_dump` and `x11_screen` write it."""
        return cls([_node(i, one) for i, one in enumerate(nodes)], [_window(one) for one in windows], size)

    @cached_property
    def children(self) -> dict[int, list[int]]:
        """Return the indices of the children of every node that has some."""
        children: dict[int, list[int]] = {}
        for node in self.nodes:
            children.setdefault(node.parent, []).append(node.index)
        return children

    def ancestors(self, node: Node) -> list[Node]:
        """Return the ancestors of a node, its parent first."""
        chain = []
        while node.parent >= 0:
            node = self.nodes[node.parent]
            chain.append(node)
        return chain

    def is_open(self, node: Node) -> bool:
        """Return True if a node says that it is shown, or is in an open menu of GTK 2, where nothing says so."""
        if "showing" in node.states:
            return True
        if node.role not in MENU_ITEMS or "visible" not in node.states or node.box is None or node.parent < 0:
            return False
        parent = self.nodes[node.parent]
        return node.box[0] > -1000 and parent.role == "menu" and bool(parent.states & {"focused", "selected"})


def _node(index: int, one: Mapping[str, Any]) -> Node:
    name, description, label = (str(one.get(key, "")) for key in ("name", "description", "label"))
    box = None if one["box"] is None else _corners(one["box"])
    states, toolkit = frozenset(one["states"]), one.get("toolkit", "")
    return Node(index, one["parent"], one["role"], name, description, label, box, states, toolkit)


def _window(one: Mapping[str, Any]) -> Window:
    return Window(_corners(one["box"]), _corners(one["client"]) if one["managed"] else None)


def _corners(box: Sequence[int]) -> Box:
    x, y, width, height = box
    return x, y, x + width, y + height


def area(box: Box) -> int:
    """Return the area of a box in pixels; 0 for an empty one."""
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def intersect(one: Box, other: Box) -> Box:
    """Return the box that two boxes share, perhaps an empty one."""
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def iou(one: Box, other: Box) -> float:
    """Return the area that two boxes share, as a share of what they cover together."""
    both = area(intersect(one, other))
    union = area(one) + area(other) - both
    return both / union if union else 0.0


def same_box(one: Box, other: Box) -> bool:
    """Return True if no edge of two boxes differs by more than 2 pixels."""
    return all(abs(a - b) <= SAME_PIXELS for a, b in zip(one, other, strict=True))


def is_sane(box: Box | None, size: tuple[int, int]) -> bool:
    """Return True if a box has a size, and a place near the screen."""
    if box is None:
        return False
    far = MAX_SCREENS * max(size)
    sides = (box[2] - box[0], box[3] - box[1])
    return all(MIN_SIDE <= side <= far for side in sides) and all(-far < edge < far * 2 for edge in box)


def visible_box(tree: Tree, node: Node) -> Box | None:
    """Return the part of a node's box that its ancestors and the screen leave, or None if it is hidden.

    Ancestors of an open menu do not count: it is a window of its own.
    """
    if node.box is None or not tree.is_open(node):
        return None
    box = intersect(node.box, (0, 0, *tree.size))
    child = node
    for ancestor in tree.ancestors(node):
        if ancestor.role == "application":
            break
        if not tree.is_open(ancestor) and tree.ancestors(ancestor):
            return None
        if child.role in MENU_ITEMS and ancestor.role in _POP_OUT:
            return box
        if ancestor.box is not None:
            if _is_ghost(ancestor):
                return None
            if area(ancestor.box) > 0 and ancestor.role not in _NO_LIMIT:
                box = intersect(box, ancestor.box)
        child = ancestor
    return box


def _is_ghost(node: Node) -> bool:
    """Return True for a menu bar without height: that of LibreOffice, whose menus are also in a real one."""
    return node.role == "menu bar" and node.box is not None and area(node.box) == 0


def owner(tree: Tree, node: Node, box: Box) -> int | None:
    """Return the place of the window that a node is drawn in, or None if no window can be."""
    menu = _open_menu(tree, node)
    if menu is not None:
        items = [tree.nodes[index].box for index in tree.children[menu.index]]
        all_items = _union([one for one in items if one is not None and is_sane(one, tree.size)])
        places = [i for i, one in enumerate(tree.windows) if one.is_popup and _holds(one.box, box)]
        # A closed menu may keep the places of its items: those of another one are open there then.
        places = [i for i in places if iou(tree.windows[i].box, all_items) >= MIN_WINDOW_IOU]
        return places[-1] if places else None
    return window_of(tree, node)


def window_of(tree: Tree, node: Node) -> int | None:
    """Return the place of the window that the program's window of a node is, or None if no window fits."""
    chain = [node, *tree.ancestors(node)]
    top = next((one for one in reversed(chain) if one.role != "application"), node)
    if top.box is None:
        return None
    fits = [max(iou(top.box, one.box), iou(top.box, one.client or one.box)) for one in tree.windows]
    best = max(range(len(fits)), key=fits.__getitem__, default=None)
    return best if best is not None and fits[best] >= MIN_WINDOW_IOU else None


def _open_menu(tree: Tree, node: Node) -> Node | None:
    """Return the menu or drop-down list that a node is an item of, or None for what is in no such window."""
    child = node
    for ancestor in tree.ancestors(node):
        if child.role in MENU_ITEMS and ancestor.role in _POP_OUT:
            return ancestor
        child = ancestor
    return None


def _union(boxes: Sequence[Box]) -> Box:
    """Return the least box around boxes."""
    if not boxes:
        return 0, 0, 0, 0
    x1, y1, x2, y2 = zip(*boxes, strict=True)
    return min(x1), min(y1), max(x2), max(y2)


def _holds(outer: Box, inner: Box) -> bool:
    return area(intersect(outer, inner)) >= MIN_VISIBLE * area(inner)


def covered_share(tree: Tree, box: Box, place: int) -> float:
    """Return the share of a box that lies under windows above the one at `place`."""
    above = [part for one in tree.windows[place + 1 :] if area(part := intersect(one.box, box))]
    if not above or not area(box):
        return 0.0
    # The boxes may overlap: their union is counted on the grid that their edges make.
    xs, ys = (sorted({part[i] for part in above} | {part[i + 2] for part in above}) for i in (0, 1))
    total = 0
    for x1, x2 in pairwise(xs):
        for y1, y2 in pairwise(ys):
            if any(p[0] <= x1 and p[1] <= y1 and p[2] >= x2 and p[3] >= y2 for p in above):
                total += (x2 - x1) * (y2 - y1)
    return total / area(box)


def visible_nodes(tree: Tree) -> list[tuple[Node, Box, bool]]:
    """Return the nodes of known roles that can be seen at least in part: node, visible box, and True if wholly visible.

    A panel counts as wholly visible where a part of it is cut off by what contains it.
    """
    rows = []
    for node in tree.nodes:
        if node.role not in ROLES or not is_sane(node.box, tree.size) or _is_misplaced(tree, node):
            continue
        assert node.box is not None
        box = visible_box(tree, node)
        if box is None or not is_sane(box, tree.size):
            continue
        if node.role in CONTAINERS and min(box[2] - box[0], box[3] - box[1]) < MIN_PANEL_SIDE:
            continue
        place = owner(tree, node, box)
        if place is None:
            continue
        covered = covered_share(tree, box, place)
        if covered > 1 - MIN_VISIBLE_PANEL / 2:
            continue
        least = MIN_VISIBLE_PANEL if node.role in CONTAINERS else MIN_VISIBLE
        whole = area(box) >= least * area(node.box) and covered <= MAX_COVERED
        rows.append((node, box, whole))
    return rows


def _is_misplaced(tree: Tree, node: Node) -> bool:
    """Return True for what is in a list or table of GTK, whose places are wrong, and for a GTK expander.

    An expander calls itself a button, and has the box of all that it can hide.
    """
    if node.role not in ("table cell", "table column header"):
        return node.role == "toggle button" and holds_controls(tree, node)
    table = next((one for one in tree.ancestors(node) if one.role != "table cell"), node)
    return table.role == "tree table" or "gtk" in (node.toolkit, table.toolkit)


def holds_controls(tree: Tree, node: Node) -> bool:
    """Return True if there is a control in a node."""
    return any(
        ROLES.get(child.role, ROLES["panel"]).kind == "control" or holds_controls(tree, child)
        for child in (tree.nodes[index] for index in tree.children.get(node.index, ()))
    )


def drawn(pixels: NDArray[np.uint8], box: Box) -> Box | None:
    """Return the part of a box that is drawn in other colors than its most frequent one, or None if nothing is.

    Args:
        pixels: uint8 RGB, shape [height, width, 3].
        box: within the pixels.
    """
    x1, y1, x2, y2 = box
    part = pixels[y1:y2, x1:x2].astype(np.uint32)
    packed = part[..., 0] << 16 | part[..., 1] << 8 | part[..., 2]
    colors, counts = np.unique(packed, return_counts=True)
    if len(colors) < 2:
        return None
    other = packed != colors[counts.argmax()]
    rows, columns = np.flatnonzero(other.any(1)), np.flatnonzero(other.any(0))
    return x1 + int(columns[0]), y1 + int(rows[0]), x1 + int(columns[-1]) + 1, y1 + int(rows[-1]) + 1


def fills(pixels: NDArray[np.uint8], node: Node, box: Box) -> bool:
    """Return True if something is drawn in a box, and for a text, if its letters reach over a good part of it."""
    ink = drawn(pixels, box)
    if ink is None:
        return False
    return ROLES[node.role].kind != "text" or area(ink) >= MIN_INK * area(box)


_KINDS: Final = {"control": 0, "text": 1, "panel": 2}


def without_doubles(tree: Tree, rows: Sequence[tuple[Node, Box, str]]) -> list[tuple[Node, Box, str]]:
    """Return elements without those that another one repeats.

    Of two with one box, the one that can be pressed stays. A text inside a control with the same name is its caption.

    Args:
        tree: of the nodes.
        rows: node, visible box and name of each element.
    """
    by_index = {node.index: (node, box, text) for node, box, text in rows}
    dropped: set[int] = set()
    for node, _, text in rows:
        for ancestor in tree.ancestors(node):
            if ancestor.index in by_index and by_index[ancestor.index][2] == text:
                lesser = node if _rank(node) >= _rank(ancestor) else ancestor
                dropped.add(lesser.index)
    kept: list[tuple[Node, Box, str]] = []
    for row in sorted((row for row in rows if row[0].index not in dropped), key=lambda row: _rank(row[0])):
        if not any(same_box(row[1], other[1]) for other in kept):
            kept.append(row)
    return sorted(kept, key=lambda row: row[0].index)


def _rank(node: Node) -> tuple[int, bool, int]:
    """Return what sorts controls first, then what has a name."""
    return _KINDS[ROLES[node.role].kind], not node.name, -node.index
