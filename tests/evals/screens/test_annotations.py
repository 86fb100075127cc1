"""Types, states and repetitions of elements."""

from __future__ import annotations

import pytest

from mlx_saccade.evals.screens.annotations import Element, states_of, ui_type_of, without_repeats
from mlx_saccade.evals.screens.filters import Box, Node


def node(role: str, name: str, *states: str) -> Node:
    return Node(0, -1, role, name, "", "", (0, 0, 9, 9), frozenset(states), "")


@pytest.mark.parametrize(
    ("role", "name", "size", "expected"),
    [
        ("push button", "OK", (85, 34), "text"),
        ("push button", "Bold", (33, 35), "icon"),
        ("push button", "Delete the tool preset", (60, 25), "icon"),  # wide, but too narrow for its name
        ("page tab", "Fonts", (41, 30), "text"),
        ("page tab", "Tool Options", (30, 24), "icon"),
        ("check box", "Match case", (300, 23), "text"),
        ("check box", "Match case", (14, 14), "icon"),
        ("menu item", "Open", (25, 30), "text"),
        ("label", "C", (9, 19), "text"),
        ("text", "Street", (400, 34), "icon"),
        ("panel", "Layers", (400, 340), "icon"),
        ("icon", "Warning", (60, 16), "icon"),
    ],
)
def test_ui_type_is_text_where_the_name_is_to_be_read(
    role: str, name: str, size: tuple[int, int], expected: str
) -> None:
    box: Box = (100, 100, 100 + size[0], 100 + size[1])
    assert ui_type_of(node(role, name), box) == expected


def test_states_are_what_differs_from_an_element_at_rest() -> None:
    assert states_of(node("check box", "x", "checked", "enabled", "sensitive", "showing")) == ("checked",)
    assert states_of(node("push button", "x", "showing")) == ("disabled",)
    assert states_of(node("page tab", "x", "selected", "showing")) == ("selected",)


def test_an_element_at_another_place_of_a_later_screen_is_no_repetition() -> None:
    def element(description: str, y: int) -> Element:
        return Element((0, y, 90, y + 30), description, "push button", (), "text")

    earlier = [element("OK", 100), element("OK", 400), element("Help", 100)]
    later = [element("OK", 102), element("OK", 200), element("Close", 100), element("Help", 103)]
    assert without_repeats(later, earlier) == later[1:]
