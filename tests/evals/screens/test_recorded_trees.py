"""What real programs report, cut down to a few nodes: each tree shows what makes a tree say more than the screen.

Recorded on Debian 12 at 3840x2160: GIMP 2.10, Inkscape 1.2, LibreOffice 7.4, Krita 5.1, Geany 1.38, Chromium, Thunar
4.18 and FileZilla 3.63.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlx_saccade.evals.screens.annotations import Element, find_elements
from mlx_saccade.evals.screens.applications import APPLICATIONS
from mlx_saccade.evals.screens.corrections import double, double_outside_pages, drop_group_names, lower_document
from mlx_saccade.evals.screens.filters import Box, Node, Tree

TREES = Path(__file__).parent / "trees"


def read(name: str) -> Tree:
    record = json.loads((TREES / f"{name}.json").read_text(encoding="utf-8"))
    return Tree.read(record["nodes"], record["windows"], tuple(record["size"]))


def elements(tree: str, application: str) -> dict[str, Element]:
    """Return the elements of a tree by description."""
    chosen = next(one for one in APPLICATIONS if one.name == application)
    return {one.description: one for one in find_elements(read(tree), chosen)}


def node(tree: Tree, role: str, name: str) -> Node:
    return next(one for one in tree.nodes if (one.role, one.name) == (role, name))


def box(tree: Tree, role: str, name: str) -> Box | None:
    return node(tree, role, name).box


def test_libreoffices_own_parts_are_lowered_by_the_menu_bar() -> None:
    tree = read("libreoffice_high")
    lowered = lower_document(tree)
    assert box(tree, "push button", "Print") == (177, 23, 210, 58)
    assert box(lowered, "push button", "Print") == (177, 50, 210, 85)
    assert box(lowered, "tool bar", "Standard") == (0, 48, 1111, 87)
    # GTK's own are right: the menu, the tool bar inside a part of LibreOffice's, the dialog.
    for role, name in (("menu", "File"), ("tool bar", "Gallery"), ("dialog", "Select a Template")):
        assert box(lowered, role, name) == box(tree, role, name)


def test_libreoffices_own_parts_that_are_right_stay() -> None:
    tree = read("libreoffice")
    assert [one.box for one in lower_document(tree).nodes] == [one.box for one in tree.nodes]


def test_libreoffices_ghost_menu_bar_gives_no_second_menu() -> None:
    assert len([one for one in read("libreoffice").nodes if (one.role, one.name) == ("menu", "File")]) == 2
    one = elements("libreoffice", "calc")['the "File" menu']
    assert one.box == (0, 21, 37, 48)


def test_hidden_parts_of_qt_that_say_showing_are_dropped() -> None:
    tree = read("krita")
    # A drop-down list that is closed, in a dock behind a tab, which is outside of the screen.
    assert "showing" in node(tree, "list item", "Weighted").states
    assert node(tree, "list item", "Weighted").box == (0, 48, 753, 72)
    assert node(tree, "combo box", "Basic").box == (-1012, -934, -504, -910)
    found = elements("krita", "krita")
    assert set(found) == {"the menu bar", 'the "File" menu', "the list of brush presets"}
    assert found["the list of brush presets"].box == (3579, 1349, 3839, 2103)


def test_a_field_of_qt_that_is_named_after_its_group_has_no_name() -> None:
    tree = read("krita_group")
    assert node(tree, "spin button", "Image Size").parent >= 0
    names = [one.name for one in drop_group_names(tree).nodes if one.role == "spin button"]
    assert "Image Size" not in names
    assert 'the "Image Size" panel' in elements("krita_group", "krita")
    assert not [
        text for text in elements("krita_group", "krita") if "number field" in text and "Image Size" in text[:18]
    ]


def test_the_open_menu_of_gtk2_is_found_and_the_one_open_before_is_not() -> None:
    tree = read("gimp_menu")
    # The items of the menu Image keep their places, where the menu Colors is open now.
    stale, shown = node(tree, "menu item", "Canvas Size..."), node(tree, "menu item", "Color Balance...")
    assert stale.box is not None and stale.box[0] > 0
    assert "showing" not in stale.states | shown.states
    found = elements("gimp_menu", "gimp")
    assert found['the "Color Balance" menu item'].box == (259, 53, 460, 80)
    assert not [text for text in found if "Canvas" in text]


def test_an_icon_of_gimp_is_named_by_its_tooltip() -> None:
    assert elements("gimp_menu", "gimp")['the "Crop Tool" control'].ui_type == "icon"


def test_cells_of_gtks_lists_are_dropped_the_nested_ones_too() -> None:
    cells = [one for one in read("thunar").nodes if one.role == "table cell" and one.name]
    assert len(cells) >= 4
    assert set(elements("thunar", "thunar")) >= {'the "Back" button', 'the "Home" button', 'the "View" menu'}
    assert not [one for one in elements("thunar", "thunar").values() if one.role == "table cell"]


def test_a_canvas_under_a_dialog_is_dropped_and_the_dialogs_page_kept() -> None:
    found = elements("inkscape_dialog", "inkscape")
    assert not [text for text in found if "canvas" in text]
    # The page lies below its tab, whose box does not limit it.
    assert found['the "Visual bounding box" radio button'].box == (1687, 828, 2347, 851)
    assert found['the "Preferences" tab'].box == (1507, 721, 1582, 751)


def test_a_program_at_two_pixels_a_point_is_measured_in_pixels() -> None:
    tree = double(read("geany_twice"))
    # The window's inside begins at (0, 21), an odd number: 10 points are 21 pixels there.
    assert box(tree, "menu", "View") == (266, 21, 354, 75)
    found = elements("geany_twice", "geany@2x")
    assert found['the "View" menu'].box == (266, 21, 354, 75)
    client = tree.windows[1].client
    assert client is not None
    x, y = client[0] % 2, client[1] % 2
    assert found['the "Save window position" check box'].box == (1426 + x, 920 + y, 2634 + x, 966 + y)


def test_pages_of_chromium_are_in_pixels_and_its_window_in_points() -> None:
    tree = double_outside_pages(read("chromium_twice"))
    assert box(tree, "push button", "Reload") == (156, 92, 224, 160)
    assert box(tree, "entry", "Full name") == (142, 881, 1118, 967)
    found = elements("chromium_twice", "chromium@2x")
    assert 'the "Harbor booking" tab' in found  # without its use of memory


@pytest.mark.parametrize("name", ["General", "Advanced"])
def test_tabs_of_wxwidgets_are_not_disabled(name: str) -> None:
    assert not {"enabled", "sensitive"} & node(read("filezilla"), "page tab", name).states
    assert "disabled" not in elements("filezilla", "filezilla")[f'the "{name}" tab'].states
    assert elements("filezilla", "filezilla")['the "Connect" button'].states == ("disabled",)


def test_recorded_trees_are_small() -> None:
    assert all(path.stat().st_size < 10_000 for path in TREES.iterdir())
