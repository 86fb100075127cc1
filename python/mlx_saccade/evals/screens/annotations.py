"""The targets of recorded screens, in ScreenSpot-Pro's fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.evals.screens.applications import Application
from mlx_saccade.evals.screens.corrections import CORRECTIONS
from mlx_saccade.evals.screens.descriptions import describe, name_of, panel_phrases, phrase
from mlx_saccade.evals.screens.filters import Box, Node, Tree, fills, same_box, visible_nodes, without_doubles
from mlx_saccade.evals.screens.roles import ROLES

__all__ = ["Element", "annotate", "entry", "find_elements", "without_repeats"]

_STATES: Final = ("checked", "expanded", "focused", "selected")
# The least width of a letter in pixels: a button that is narrower than its name shows an icon.
MIN_LETTER: Final = 5
# A button that is less wide than this many heights shows an icon.
_TEXT_ASPECT: Final = 1.6
_FIELDS: Final = frozenset(("slider", "combo box", "spin button", "text", "entry", "password text"))
_PICTURES: Final = frozenset(("icon", "image"))
# Of these some show an icon alone.
_BUTTONS: Final = frozenset(("push button", "toggle button", "check box", "radio button", "page tab"))


@dataclass(frozen=True)
class Element:
    """A visible element with a description of its own.

    Attributes:
        box: x1, y1, x2, y2 in pixels.
        description: names this element and no other of its screen.
        role: in AT-SPI's words.
        states: what differs from an element at rest, such as "checked" or "disabled".
        ui_type: "text" or "icon".
    """

    box: Box
    description: str
    role: str
    states: tuple[str, ...]
    ui_type: str


def find_elements(tree: Tree, application: Application, pixels: NDArray[np.uint8] | None = None) -> list[Element]:
    """Return the elements of a recorded screen, in the order of the tree.

    Args:
        tree: as recorded.
        application: the program on the screen.
        pixels: of the screen, uint8 RGB, shape [height, width, 3]; None (default) keeps what is not drawn too.
    """
    for name in application.corrections:
        tree = CORRECTIONS[name](tree)
    seen, whole = [], set()
    panels = panel_phrases(tree, application)
    for node, box, is_whole in visible_nodes(tree):
        text = panels.get(node.index) or phrase(tree, node, application)
        if text and (pixels is None or fills(pixels, node, box)):
            seen.append((node, box, text))
            if is_whole:
                whole.add(node.index)
    names = {node.index: name_of(node) or text for node, _, text in seen}
    rows = without_doubles(tree, [(node, box, names[node.index]) for node, box, _ in seen])
    phrases = {node.index: text for node, _, text in seen}
    described = describe(tree, [(node, phrases[node.index]) for node, _, _ in rows])
    return [
        Element(box, described[node.index], node.role, states_of(node), ui_type_of(node, box))
        for node, box, _ in rows
        if node.index in whole and node.index in described
    ]


def states_of(node: Node) -> tuple[str, ...]:
    """Return the states of a node that a person sees."""
    # Tabs of wxWidgets never say that they are enabled.
    off = () if node.states & {"enabled", "sensitive"} or node.role == "page tab" else ("disabled",)
    return (*(state for state in _STATES if state in node.states), *off)


def ui_type_of(node: Node, box: Box) -> str:
    """Return "text" for what shows its name, and "icon" for the rest, as the benchmark distinguishes them."""
    if node.role in _FIELDS | _PICTURES or ROLES[node.role].kind == "panel":
        return "icon"
    if node.role not in _BUTTONS:
        return "text"
    width, height = box[2] - box[0], box[3] - box[1]
    wide = node.role == "page tab" or width >= _TEXT_ASPECT * height
    return "text" if wide and width >= MIN_LETTER * len(name_of(node)) else "icon"


def without_repeats(elements: Sequence[Element], earlier: Sequence[Element]) -> list[Element]:
    """Return elements without those that stand at the same place of an earlier screen of the program."""
    places: dict[str, list[Box]] = {}
    for one in earlier:
        places.setdefault(one.description, []).append(one.box)
    return [one for one in elements if not any(same_box(one.box, box) for box in places.get(one.description, ()))]


def entry(element: Element, number: int, image: str, size: tuple[int, int], application: Application) -> dict[str, Any]:
    """Return a target in ScreenSpot-Pro's fields, and `role`, `state` and `unique` besides; `bbox` is in pixels."""
    return {
        "img_filename": image,
        "bbox": list(element.box),
        "instruction": element.description,
        "id": f"{image.removesuffix('.png')}-{number}",
        "application": application.title,
        "platform": "linux",
        "img_size": list(size),
        "ui_type": element.ui_type,
        "group": application.group,
        "role": element.role,
        "state": list(element.states),
        "unique": True,
    }


def annotate(
    screens: Sequence[tuple[str, Sequence[Element], Application]], size: tuple[int, int]
) -> list[dict[str, Any]]:
    """Return the targets of screens in their order.

    Args:
        screens: file, elements and program of each.
        size: (width, height) in pixels.
    """
    earlier: dict[str, list[Element]] = {}
    entries = []
    for image, elements, application in screens:
        before = earlier.setdefault(application.title, [])
        new = without_repeats(elements, before)
        entries += [entry(one, i, image, size, application) for i, one in enumerate(new)]
        before += new
    return entries
