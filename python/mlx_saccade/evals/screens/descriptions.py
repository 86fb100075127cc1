"""Descriptions of accessible elements, each of which names one element of its screen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from mlx_saccade.evals.screens.applications import Application
from mlx_saccade.evals.screens.filters import Node, Tree, area, holds_controls
from mlx_saccade.evals.screens.roles import BARS, MENU_ITEMS, ROLES

__all__ = ["clean_name", "describe", "name_of", "panel_phrases", "phrase", "surroundings", "word_of"]

# A longer text is described by its beginning.
MAX_LETTERS: Final = 50
# Of a longer name with an explanation after a colon, the part before it is enough.
LONG_NAME: Final = 30
# The size in pixels up to which a named panel is in truth a control, drawn by its program.
MAX_CONTROL_WIDTH: Final = 120
MAX_CONTROL_HEIGHT: Final = 64
# A higher one with controls in it is a group.
MAX_ROW_HEIGHT: Final = 40
# The least length of a bar as a multiple of its width.
MIN_BAR: Final = 4
# The height from which on a square check box is not one.
MIN_TOOL_SIDE: Final = 30
# The least share of the screen of a part that a program's table describes.
MIN_PANEL: Final = 0.005
_MARKUP: Final = re.compile(r"</?[A-Za-z][^<>]*>")
# "Save\tCtrl+S", "New window Ctrl+N", "Bold (Ctrl+B)", "Rectangle [R]"
_KEYS: Final = r"(?:(?:Ctrl|Shift|Alt|Meta|Super|Space)\s?\+\s?)"
_SHORTCUT: Final = re.compile(
    rf"\t.*$|\s+{_KEYS}+\S+$|\s*[(\[]{_KEYS}*(?:F\d{{1,2}}|[A-Z0-9]|(?:Ctrl|Shift|Alt)[^)]*)[)\]]$"
)
# "dialog-error-symbolic" names a file of an icon, and nothing on the screen.
_ICON_FILE: Final = re.compile(r"[a-z]+(?:-[a-z]+)+")
_TOOL_NAME: Final = re.compile(r"(?<=\w\w\w):\s")
_SENTENCE_END: Final = re.compile(r"(?<=\w\w)\.\s")
_WORD: Final = re.compile(r"\w|^[.,]$|[-+*/=<>%&#?!×÷±√^(){}\[\]]")


def clean_name(text: str) -> str:
    """Return a name in one line, without markup, keyboard shortcut, and the colon of a label."""
    first = _MARKUP.sub("", text).strip().partition("\n")[0]
    line = " ".join(_SHORTCUT.sub("", first).split())
    line = line.rstrip(" :").rstrip("\N{HORIZONTAL ELLIPSIS}.") or line
    return line if _WORD.search(line) else ""


def name_of(node: Node) -> str:
    """Return the name of an element: its own, that of its label, or its tooltip; "" without one."""
    texts = (node.name, node.label, node.description)
    name = next((name for text in texts if (name := clean_name(text))), "")
    return "" if node.role in ("icon", "image") and _ICON_FILE.fullmatch(name) else name


def word_of(tree: Tree, node: Node) -> str:
    """Return the word for an element: that of its role, where its place or size does not say otherwise."""
    role = ROLES[node.role]
    if node.role in ("check box", "radio button") and _is_tool(tree, node):
        return "button"
    if node.role in MENU_ITEMS and node.parent >= 0 and tree.nodes[node.parent].role == "menu bar":
        return "menu"
    if role.kind == "panel" and node.box is not None:
        width, height = node.box[2] - node.box[0], node.box[3] - node.box[1]
        is_row = node.role == "panel" and (height <= MAX_ROW_HEIGHT or not holds_controls(tree, node))
        if height <= MAX_CONTROL_HEIGHT and (width <= MAX_CONTROL_WIDTH or is_row):
            return "control"  # a button that its program has drawn itself, or a button with its field
    return role.word


def short_name(name: str) -> str:
    """Return the first part of a name that explains itself: "Crop Tool: Remove edge areas" or two sentences."""
    if len(name) > LONG_NAME:
        name = _TOOL_NAME.split(name, maxsplit=1)[0]
    return _SENTENCE_END.split(name, maxsplit=1)[0] if len(name) > MAX_LETTERS else name


def _is_long(node: Node) -> bool:
    """Return True for what is much longer than wide, as bars are; Chromium calls its menu a bar."""
    x1, y1, x2, y2 = node.box or (0, 0, 1, 1)
    return max(x2 - x1, y2 - y1) >= MIN_BAR * min(x2 - x1, y2 - y1)


def _is_tool(tree: Tree, node: Node) -> bool:
    """Return True for what a program calls a check box or radio button, and draws as a button with an icon."""
    if any(ancestor.role == "tool bar" for ancestor in tree.ancestors(node)):
        return True
    x1, y1, x2, y2 = node.box or (0, 0, 0, 0)
    return y2 - y1 >= MIN_TOOL_SIDE and x2 - x1 < 1.6 * (y2 - y1)


def phrase(tree: Tree, node: Node, application: Application) -> str:
    """Return the description of an element without its surroundings, or "" for one that has none."""
    name = name_of(node)
    if name in application.phrases:
        return application.phrases[name]
    word, kind = word_of(tree, node), ROLES[node.role].kind
    if not name:
        return f"the {word}" if node.role in BARS and word != "control" and _is_long(node) else ""
    if kind == "panel" and name.startswith("/"):
        return ""  # a title bar with the folder of its file
    if kind != "text":
        name = short_name(name)
    if len(name) > MAX_LETTERS:
        start = name[:MAX_LETTERS].rsplit(" ", 1)[0]
        return f'the {word} beginning "{start}"'
    return f'the "{name}" {word}'


def panel_phrases(tree: Tree, application: Application) -> dict[int, str]:
    """Return the phrases of a program's large parts without a name, by the node's index."""
    phrases = {}
    for panel in application.panels:
        nodes = [node for node in tree.nodes if node.role == panel.role and _is_large(tree, node) and not name_of(node)]
        inner = [one for one in nodes if not any(one in tree.ancestors(other) for other in nodes)]
        if not inner:
            continue
        largest = max(_size(node) for node in inner)
        corners = {node.index: node.box or (0, 0, 0, 0) for node in inner if 2 * _size(node) >= largest}
        if panel.place == "largest":
            best = max(inner, key=_size).index
        else:
            axis, sign = {"left": (0, 1), "right": (0, -1), "top": (1, 1), "bottom": (1, -1)}[panel.place]
            best = min(corners, key=lambda index: sign * corners[index][axis])
        phrases[best] = panel.phrase
    return phrases


def _size(node: Node) -> int:
    return 0 if node.box is None else area(node.box)


def _is_large(tree: Tree, node: Node) -> bool:
    return _size(node) >= MIN_PANEL * tree.size[0] * tree.size[1]


def surroundings(tree: Tree, node: Node) -> list[str]:
    """Return phrases of the named ancestors of an element, the nearest first, such as 'in the "Layers" panel'."""
    phrases = []
    for ancestor in tree.ancestors(node):
        name = clean_name(ancestor.name or ancestor.label)
        if not name or len(name) > MAX_LETTERS or ancestor.role in ("application", "frame"):
            continue
        if ancestor.role in ROLES:
            phrases.append(f'in the "{name}" {ROLES[ancestor.role].word}')
    return phrases


def describe(tree: Tree, rows: Sequence[tuple[Node, str]]) -> dict[int, str]:
    """Return a description for each element that has one of its own, by the node's index.

    Elements that share a phrase are told apart by the nearest named ancestor that does it; those that stay alike have
    no description.

    Args:
        tree: of the nodes.
        rows: every visible element and its phrase; also those that are no targets, since a description must not fit
            them either.
    """
    alike: dict[str, list[Node]] = {}
    for node, text in rows:
        alike.setdefault(text.casefold(), []).append(node)
    texts = {node.index: text for node, text in rows}
    described: dict[int, str] = {}
    for group in alike.values():
        if len(group) == 1:
            described[group[0].index] = texts[group[0].index]
            continue
        places = {node.index: surroundings(tree, node) for node in group}
        counts = Counter(place for each in places.values() for place in set(each))
        for index, each in places.items():
            place = next((one for one in each if counts[one] == 1), None)
            if place is not None:
                described[index] = f"{texts[index]} {place}"
    return described
