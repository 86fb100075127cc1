"""Names, phrases, and descriptions that name one element."""

from __future__ import annotations

from typing import Any

import pytest

from mlx_saccade.evals.screens.applications import Application, Panel
from mlx_saccade.evals.screens.descriptions import clean_name, describe, name_of, panel_phrases, phrase
from mlx_saccade.evals.screens.filters import Node, Tree

APPLICATION = Application(
    "name", "Name", ("name",), "name", "OS",
    panels=(Panel("the left text", "text", "left"), Panel("the right text", "text", "right"), Panel("canvas", "panel")),
    phrases={"PageShape": "the slide", "internal": ""},
)  # fmt: skip


def node(index: int, role: str, name: str = "", parent: int = -1, **other: Any) -> Node:
    values = {"description": "", "label": "", "box": (0, 0, 90, 30), "states": frozenset(("showing",)), "toolkit": ""}
    return Node(index, parent, role, name, **(values | other))


def tree(*nodes: Node) -> Tree:
    return Tree(nodes, [], (1000, 800))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Save", "Save"),
        ("Save As...", "Save As"),
        ("Save As\N{HORIZONTAL ELLIPSIS}", "Save As"),
        ("Width:", "Width"),
        ("Width :", "Width"),
        ("Bold (Ctrl+B)", "Bold"),
        ("Rectangle [R]", "Rectangle"),
        ("Preferences (Shift+Ctrl+P)", "Preferences"),
        ("Redo\tCtrl+Shift+Z", "Redo"),
        ("Zoom (F3)", "Zoom"),
        ("New window Ctrl+N", "New window"),
        ("Scale (absolute)", "Scale (absolute)"),
        ("<b>Bold</b> text", "Bold text"),
        ("two\nlines", "two"),
        ("  many   spaces ", "many spaces"),
        ("a < b", "a < b"),
        ("+", "+"),
        (".", "."),
        ("...", ""),
        (" ", ""),
        ("\N{BULLET}", ""),
    ],
)
def test_clean_name(text: str, name: str) -> None:
    assert clean_name(text) == name


def test_name_of_prefers_name_then_label_then_tooltip() -> None:
    assert name_of(node(0, "text", "own", label="label", description="tip")) == "own"
    assert name_of(node(0, "text", label="Width:", description="tip")) == "Width"
    assert name_of(node(0, "push button", " ", description="Open a file")) == "Open a file"
    assert name_of(node(0, "icon", "dialog-error-symbolic")) == ""
    assert name_of(node(0, "push button", "drag-and-drop")) == "drag-and-drop"


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (node(0, "push button", "OK"), 'the "OK" button'),
        (node(0, "toggle button", "Bold"), 'the "Bold" button'),
        (node(0, "push button"), ""),
        (node(0, "menu bar", box=(0, 0, 900, 27)), "the menu bar"),
        (node(0, "tool bar"), ""),
        (node(0, "menu bar", box=(0, 0, 300, 700)), ""),
        (node(0, "panel", "/home/user/documents", box=(0, 0, 900, 46)), ""),
        (node(0, "label", "Fish. Boats."), 'the "Fish. Boats" text'),
        (node(0, "panel", "PageShape"), "the slide"),
        (node(0, "panel", "internal"), ""),
        (node(0, "panel", "Pause"), 'the "Pause" control'),
        (node(0, "panel", "Layers", box=(0, 0, 300, 400)), 'the "Layers" panel'),
        (node(0, "tool bar", "Standard", box=(0, 0, 900, 40)), 'the "Standard" toolbar'),
        (node(0, "tool bar", "Gallery", box=(0, 0, 40, 40)), 'the "Gallery" control'),
        (node(0, "check box", "Wrap", box=(0, 0, 15, 15)), 'the "Wrap" check box'),
        (node(0, "radio button", "Bezier", box=(0, 0, 36, 36)), 'the "Bezier" button'),
        (node(0, "panel", "Smudge Tool: Smudge selectively using a brush"), 'the "Smudge Tool" control'),
        (
            node(0, "push button", "Opens the filters. Right-click toggles them, on all lists"),
            'the "Opens the filters" button',
        ),
        (
            node(0, "label", "Boats that carry fish come first, and boats that carry people wait"),
            'the text beginning "Boats that carry fish come first, and boats that"',
        ),
    ],
)
def test_phrase(one: Node, expected: str) -> None:
    assert phrase(tree(one), one, APPLICATION) == expected


def test_phrase_of_an_item_in_the_menu_bar_is_a_menu_in_every_toolkit() -> None:
    bar, file, item = node(0, "menu bar"), node(1, "menu item", "File", 0), node(2, "menu item", "Open", 1)
    one = tree(bar, file, item)
    assert phrase(one, file, APPLICATION) == 'the "File" menu'
    assert phrase(one, item, APPLICATION) == 'the "Open" menu item'


def test_panel_phrases_are_those_of_large_parts_without_a_name() -> None:
    nodes = (
        node(0, "panel", box=(0, 0, 1000, 800)),
        node(1, "text", "named", 0, box=(0, 0, 400, 700)),
        node(2, "text", "", 0, box=(0, 0, 400, 700)),
        node(3, "text", "", 0, box=(500, 0, 900, 700)),
        node(4, "text", "", 0, box=(950, 0, 960, 20)),
        node(5, "panel", "", 0, box=(0, 700, 1000, 800)),
    )
    assert panel_phrases(tree(*nodes), APPLICATION) == {2: "the left text", 3: "the right text", 5: "canvas"}


def test_describe_tells_alike_elements_apart_by_their_ancestors() -> None:
    nodes = (
        node(0, "frame", "Main"),
        node(1, "dialog", "Preferences", 0),
        node(2, "panel", "Colors", 1, box=(0, 0, 300, 300)),
        node(3, "push button", "OK", 2),
        node(4, "push button", "OK", 1),
        node(5, "push button", "Help", 1),
        node(6, "push button", "ok", 0),
    )
    rows = [(one, f'the "{one.name}" button') for one in nodes[3:]]
    described = describe(tree(*nodes), rows)
    # The second OK is in the dialog as well as the first one; the third is in nothing that has a name.
    assert described == {3: 'the "OK" button in the "Colors" panel', 5: 'the "Help" button'}


def test_describe_takes_the_nearest_ancestor_that_differs() -> None:
    nodes = (
        node(0, "panel", "Left", box=(0, 0, 300, 300)),
        node(1, "panel", "Size", 0, box=(0, 0, 300, 300)),
        node(2, "panel", "Right", box=(0, 0, 300, 300)),
        node(3, "panel", "Size", 2, box=(0, 0, 300, 300)),
        node(4, "spin button", "Width", 1),
        node(5, "spin button", "Width", 3),
    )
    described = describe(tree(*nodes), [(one, "the width") for one in nodes[4:]])
    assert described == {4: 'the width in the "Left" panel', 5: 'the width in the "Right" panel'}
