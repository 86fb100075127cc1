"""Corrections of what programs are known to report wrongly: pure functions from trees to trees."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mlx_saccade.evals.screens.filters import Box, Node, Tree, window_of

__all__ = [
    "CORRECTIONS",
    "double",
    "double_outside_pages",
    "drop_group_names",
    "drop_memory_usage",
    "drop_numbers",
    "lower_document",
]


def double(tree: Tree) -> Tree:
    """Return a tree with the boxes of GTK at two pixels a point in pixels: it reports points.

    A window at an odd place is reported half a point too far up or left.
    """
    nodes = [node if node.box is None else replace(node, box=_times_two(node.box)) for node in tree.nodes]
    doubled = Tree(nodes, tree.windows, tree.size)
    for node in list(nodes):
        place = window_of(doubled, node)
        client = None if place is None else tree.windows[place].client
        if node.box is not None and client is not None:
            dx, dy = client[0] % 2, client[1] % 2
            x1, y1, x2, y2 = node.box
            nodes[node.index] = replace(node, box=(x1 + dx, y1 + dy, x2 + dx, y2 + dy))
    return doubled


def double_outside_pages(tree: Tree) -> Tree:
    """Return a tree of Chromium at two pixels a point in pixels: only the boxes in pages are that already."""
    nodes = [
        node if node.box is None or _is_in_page(tree, node) else replace(node, box=_times_two(node.box))
        for node in tree.nodes
    ]
    return Tree(nodes, tree.windows, tree.size)


def _is_in_page(tree: Tree, node: Node) -> bool:
    return any(one.role == "document web" for one in (node, *tree.ancestors(node)))


def _times_two(box: Box) -> Box:
    x1, y1, x2, y2 = box
    return 2 * x1, 2 * y1, 2 * x2, 2 * y2


def lower_document(tree: Tree) -> Tree:
    """Return a tree of LibreOffice with its own nodes lowered, which it reports too high by the height of the menu bar.

    What GTK draws says so by its toolkit, and is right. A part of LibreOffice's own begins inside a panel of GTK, and
    at the top of it: the difference is what the part is lowered by. Inside, what is GTK's again is right as well.
    """
    corrected = list(tree.nodes)
    inside: dict[int, int] = {}
    for node in tree.nodes:
        if node.toolkit == "gtk" or node.parent < 0:
            continue
        lower = inside.get(node.parent, _height_missing(tree, tree.nodes[node.parent]))
        if lower is None:
            continue
        inside[node.index] = lower
        if node.box is not None:
            x1, y1, x2, y2 = node.box
            corrected[node.index] = replace(node, box=(x1, y1 + lower, x2, y2 + lower))
    return Tree(corrected, tree.windows, tree.size)


def _height_missing(tree: Tree, panel: Node) -> int | None:
    """Return how much lower a panel of GTK begins than what LibreOffice has put into it, or None for another node."""
    if panel.toolkit != "gtk" or panel.role != "panel" or panel.box is None:
        return None
    children = [tree.nodes[index] for index in tree.children.get(panel.index, ())]
    tops = [child.box[1] for child in children if child.toolkit != "gtk" and child.box is not None]
    return panel.box[1] - min(tops) if tops else None


def drop_group_names(tree: Tree) -> Tree:
    """Return a tree without the names that Qt gives to fields after the group that they are in, as to a label."""
    nodes = [
        replace(node, name="" if _is_group_name(tree, node, node.name) else node.name,
                label="" if _is_group_name(tree, node, node.label) else node.label)
        for node in tree.nodes
    ]  # fmt: skip
    return Tree(nodes, tree.windows, tree.size)


def _is_group_name(tree: Tree, node: Node, name: str) -> bool:
    return node.role != "panel" and any(one.role == "panel" and one.name == name for one in tree.ancestors(node))


def drop_memory_usage(tree: Tree) -> Tree:
    """Return a tree with the names of Chromium's tabs without their use of memory, which the screen does not show."""
    nodes = [replace(node, name=_MEMORY.sub("", node.name)) if node.role == "page tab" else node for node in tree.nodes]
    return Tree(nodes, tree.windows, tree.size)


def drop_numbers(tree: Tree) -> Tree:
    """Return a tree without the names of list items that are numbers: Krita's presets, whose numbers nobody sees."""
    nodes = [
        replace(node, name="") if node.role == "list item" and node.name.strip().isdigit() else node
        for node in tree.nodes
    ]
    return Tree(nodes, tree.windows, tree.size)


_MEMORY: Final = re.compile(r" - Memory usage - .*")

CORRECTIONS: Final[dict[str, Callable[[Tree], Tree]]] = {
    "double": double,
    "double_outside_pages": double_outside_pages,
    "drop_group_names": drop_group_names,
    "drop_memory_usage": drop_memory_usage,
    "drop_numbers": drop_numbers,
    "lower_document": lower_document,
}
