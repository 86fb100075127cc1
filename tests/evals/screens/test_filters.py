"""Filters on small trees made by hand; the recorded ones are in `test_recorded_trees`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlx_saccade.evals.screens.filters import (
    Tree,
    covered_share,
    drawn,
    fills,
    intersect,
    visible_box,
    visible_nodes,
    without_doubles,
)

SIZE = (1000, 800)
FRAME = {"box": [0, 0, 1000, 800], "client": [0, 20, 1000, 780], "managed": True}


def node(role: str, box: list[int] | None, parent: int = 1, name: str = "x", **other: Any) -> dict[str, Any]:
    states = other.pop("states", ["enabled", "showing", "visible"])
    return {"parent": parent, "role": role, "name": name, "box": box, "states": states, **other}


def tree(*nodes: dict[str, Any], windows: tuple[dict[str, Any], ...] = (FRAME,)) -> Tree:
    """Return a tree of an application, a frame that fills the screen, and nodes from index 2 on."""
    first = [node("application", None, -1), node("frame", [0, 0, 1000, 800], 0)]
    return Tree.read([*first, *nodes], windows, SIZE)


def whole(one: Tree) -> list[tuple[str, tuple[int, int, int, int]]]:
    return [(found.name, box) for found, box, is_whole in visible_nodes(one) if is_whole]


@pytest.mark.parametrize(
    "box",
    [
        None,
        [10, 10, 0, 20],
        [10, 10, 30, -1],
        [-(2**31), -(2**31), 30, 20],
        [10, 10, 2**31 - 1, 20],
        [10, 10, 30, 3],
        [2000, 10, 30, 20],
        [-40, 10, 30, 20],
    ],
)
def test_a_node_without_a_place_on_the_screen_is_dropped(box: list[int] | None) -> None:
    assert whole(tree(node("push button", box))) == []


def test_a_node_that_is_not_showing_is_dropped() -> None:
    assert whole(tree(node("push button", [10, 10, 30, 20], states=["enabled", "visible"]))) == []


def test_a_node_in_one_that_is_not_showing_is_dropped() -> None:
    page = node("panel", [0, 40, 500, 500], states=["visible"])
    assert whole(tree(page, node("push button", [10, 50, 30, 20], 2))) == []


@pytest.mark.parametrize(("y", "expected"), [(110, True), (95, False), (40, False)])
def test_a_control_that_is_cut_off_by_its_scroll_pane_is_dropped(y: int, expected: bool) -> None:
    pane = node("scroll pane", [0, 100, 500, 500])
    assert bool(whole(tree(pane, node("push button", [10, y, 90, 30], 2)))) is expected


def test_a_panel_that_is_cut_off_has_the_box_of_its_visible_part() -> None:
    pane = node("scroll pane", [0, 100, 500, 500])
    assert whole(tree(pane, node("table", [0, 100, 500, 1200], 2))) == [("x", (0, 100, 500, 600))]
    assert whole(tree(pane, node("table", [0, 100, 500, 9000], 2))) == []  # too little of it


def test_a_node_under_another_window_is_dropped() -> None:
    dialog = {"box": [200, 200, 300, 300], "client": [200, 220, 300, 280], "managed": True}
    nodes = (
        node("push button", [10, 50, 40, 20], name="free"),
        node("push button", [250, 250, 40, 20], name="covered"),
        node("push button", [190, 250, 40, 20], name="half"),
        node("dialog", [200, 220, 300, 280], 0, name="dialog"),
        node("push button", [250, 250, 40, 20], 5, name="on top"),
    )
    assert [name for name, _ in whole(tree(*nodes, windows=(FRAME, dialog)))] == ["free", "dialog", "on top"]
    assert [name for name, _ in whole(tree(*nodes, windows=(dialog, FRAME)))] == ["free", "covered", "half"]


def test_a_window_of_the_tree_that_the_display_has_not_is_dropped() -> None:
    gone = (node("dialog", [300, 300, 90, 90], 0), node("push button", [310, 310, 40, 20], 2))
    assert whole(tree(*gone)) == []


def test_covered_share_counts_overlapping_windows_once() -> None:
    above = [{"box": [0, 0, 50, 100], "managed": False}, {"box": [25, 0, 50, 100], "managed": False}]
    one = tree(windows=(FRAME, *above))
    assert covered_share(one, (0, 0, 100, 100), 0) == 0.75
    assert covered_share(one, (0, 0, 100, 100), 1) == 0.5
    assert covered_share(one, (0, 0, 100, 100), 2) == 0


MENU_STATES = (["enabled", "showing", "visible"], ["enabled", "visible"])


@pytest.mark.parametrize("states", MENU_STATES, ids=["GTK 3", "GTK 2"])
def test_items_of_an_open_menu_are_kept_and_those_of_a_closed_one_are_not(states: list[str]) -> None:
    popup = {"box": [0, 40, 100, 60], "managed": False}
    nodes = (
        node("menu bar", [0, 20, 1000, 20], name="bar"),
        node("menu", [0, 20, 50, 20], 2, name="open", states=["enabled", "focused", "showing", "visible"]),
        node("menu", [50, 20, 50, 20], 2, name="closed"),
        *(node("menu item", [2, 42 + 20 * i, 96, 18], 3, name=f"item {i}", states=states) for i in range(3)),
        # It was open before, and keeps its places.
        *(node("menu item", [2, 42 + 200 * i, 96, 18], 4, name=f"old {i}", states=states) for i in range(3)),
    )
    names = [name for name, _ in whole(tree(*nodes, windows=(FRAME, popup)))]
    assert names == ["bar", "open", "closed", "item 0", "item 1", "item 2"]
    assert [name for name, _ in whole(tree(*nodes))] == ["bar", "open", "closed"]


def test_what_is_in_a_menu_bar_without_height_is_dropped() -> None:
    assert whole(tree(node("menu bar", [0, 40, 1000, 0]), node("menu", [0, 20, 50, 20], 2))) == []


def test_cells_of_gtk_are_dropped_and_those_of_others_kept() -> None:
    cells = (
        node("table cell", [5, 50, 80, 20], name="gtk", toolkit="gtk"),
        node("table cell", [5, 80, 80, 20], name="web"),
        node("table", [5, 110, 300, 300], name="list", toolkit="gtk"),
        node("table cell", [5, 120, 80, 20], 4, name="in a list of gtk"),
        node("tree table", [400, 110, 300, 300], name="tree"),
        node("table cell", [400, 120, 80, 20], 6, name="in a tree"),
    )
    assert [name for name, _ in whole(tree(*cells))] == ["web", "list", "tree"]


def test_an_expander_is_dropped_and_what_it_holds_is_kept() -> None:
    nodes = (
        node("toggle button", [5, 50, 300, 200], name="Other options"),
        node("panel", [5, 80, 300, 170], 2, name=""),
        node("check box", [10, 90, 100, 20], 3, name="Match case"),
        node("toggle button", [400, 50, 300, 200], name="7"),
        node("label", [500, 60, 20, 20], 5, name="seven"),
    )
    names = [name for name, _ in whole(tree(*nodes))]
    assert names == ["", "Match case", "7", "seven"]


def test_a_caption_of_a_control_and_a_second_node_at_its_place_are_doubles() -> None:
    one = tree(
        node("push button", [10, 50, 80, 30], name="OK"),
        node("label", [30, 55, 40, 20], 2, name="OK"),
        node("panel", [100, 50, 80, 30], name=""),
        node("text", [101, 51, 78, 28], 4, name="Name"),
        node("label", [10, 90, 80, 30], name="OK"),
    )
    rows = [(found, box, found.name or "panel") for found, box, _ in visible_nodes(one)]
    kept = without_doubles(one, [row for row in rows if row[0].role != "frame"])
    assert [(found.role, text) for found, _, text in kept] == [("push button", "OK"), ("text", "Name"), ("label", "OK")]


def test_drawn_is_the_part_in_other_colors_than_the_background() -> None:
    pixels = np.full((100, 200, 3), 240, np.uint8)
    assert drawn(pixels, (0, 0, 200, 100)) is None
    pixels[40:50, 20:60] = 0
    assert drawn(pixels, (0, 0, 200, 100)) == (20, 40, 60, 50)
    assert drawn(pixels, (30, 45, 90, 90)) == (30, 45, 60, 50)
    assert drawn(pixels, (100, 0, 200, 100)) is None


def test_fills_wants_letters_over_a_quarter_of_a_text_and_anything_in_a_control() -> None:
    pixels = np.full((800, 1000, 3), 240, np.uint8)
    pixels[52:66, 12:40] = 0
    wide = [10, 50, 300, 20]
    one = tree(node("label", [10, 50, 40, 20]), node("label", wide), node("push button", wide))
    answers = [fills(pixels, found, found.box) for found in one.nodes[2:] if found.box is not None]
    assert answers == [True, False, True]


def test_visible_box_of_a_drop_down_list_leaves_its_parent() -> None:
    one = tree(
        node("combo box", [10, 50, 100, 20]),
        node("menu", [10, 70, 100, 60], 2),
        node("menu item", [12, 92, 96, 18], 3),
    )
    assert visible_box(one, one.nodes[4]) == (12, 92, 108, 110)


def test_intersect_of_apart_boxes_is_empty() -> None:
    x1, y1, x2, y2 = intersect((0, 0, 10, 10), (20, 20, 30, 30))
    assert x2 < x1
    assert y2 < y1
