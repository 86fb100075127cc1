"""The roles of accessible elements: the word a person has for each, and what kind of target it is."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["BARS", "CONTAINERS", "MENU_ITEMS", "ROLES", "Role"]


class Role(NamedTuple):
    """A role.

    Attributes:
        word: the word for an element of it; an empty word is not used.
        kind: "control", "text", or "panel", which may be cut off by what contains it.
    """

    word: str
    kind: str


_CONTROLS: Final = {
    "push button": "button",
    "toggle button": "button",
    "menu": "menu",
    "menu item": "menu item",
    "check menu item": "menu item",
    "radio menu item": "menu item",
    "check box": "check box",
    "radio button": "radio button",
    "page tab": "tab",
    "text": "text field",
    "entry": "text field",
    "password text": "password field",
    "spin button": "number field",
    "combo box": "drop-down list",
    "slider": "slider",
    "link": "link",
    "icon": "icon",
    "image": "picture",
    "list item": "list item",
    "tree item": "list item",
    "table cell": "cell",
    "table column header": "column header",
    "column header": "column header",
    "table row header": "row header",
    "progress bar": "progress bar",
    "switch": "switch",
}
_TEXTS: Final = {"label": "text", "static": "text", "heading": "heading", "paragraph": "paragraph", "caption": "text"}
_PANELS: Final = {
    "panel": "panel",
    "dialog": "dialog",
    "alert": "dialog",
    "file chooser": "dialog",
    "color chooser": "dialog",
    "landmark": "area",
    "section": "area",
    "form": "form",
    "tool bar": "toolbar",
    "menu bar": "menu bar",
    "status bar": "status bar",
    "page tab list": "notebook",
    "list": "list",
    "list box": "list",
    "tree": "list",
    "tree table": "list",
    "table": "table",
    "document web": "page",
    "document frame": "document",
    "document text": "document",
    "document presentation": "document",
    "document spreadsheet": "document",
    "drawing area": "drawing area",
    "layered pane": "pane",
    "directory pane": "pane",
    "ruler": "ruler",
    "canvas": "canvas",
    "calendar": "calendar",
    "info bar": "message bar",
}
ROLES: Final = (
    {role: Role(word, "control") for role, word in _CONTROLS.items()}
    | {role: Role(word, "text") for role, word in _TEXTS.items()}
    | {role: Role(word, "panel") for role, word in _PANELS.items()}
)
CONTAINERS: Final = frozenset(_PANELS)
MENU_ITEMS: Final = frozenset(("menu", "menu item", "check menu item", "radio menu item"))
# Roles of bars, which need no name: there is seldom more than one on a screen.
BARS: Final = frozenset(("tool bar", "menu bar", "status bar", "info bar"))
