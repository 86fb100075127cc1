"""Relations: how two elements that look alike are told apart, and what a description picks out on a screen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from .boxes import Box, center

COLORS: Final = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
# Surfaces only: a control or an icon always has one of the eight colors above.
NEUTRALS: Final = ("dark", "light", "grey")

CONTAINERS: Final = ("window", "panel", "dialog", "toolbar", "list", "table", "dock")
# Parts belong to a container: title bars to windows, tabs to strips of tabs, rows (the marked ones) to lists, tables.
PARTS: Final = ("title bar", "tab", "row")
CONTROLS: Final = (
    "round button", "square button", "push button", "slider", "check box", "text field", "toggle switch",
)  # fmt: skip
GLYPHS: Final = ("triangle", "star", "cross", "diamond", "ring", "arrow", "heart", "moon", "folder")
ICONS: Final = tuple(f"{glyph} icon" for glyph in GLYPHS)
KINDS: Final = CONTAINERS + PARTS + CONTROLS + ICONS

# Kinds that may have a neutral color.
SURFACES: Final = ("window", "title bar", "panel", "toolbar", "dock")
SIDES: Final = ("left", "right", "top", "bottom")
DESKTOP: Final = "on the desktop"


def describe(color: str, kind: str, *, side: str | None = None, place: str | None = None) -> str:
    """Return the phrase that names an element.

    Args:
        color: one of `COLORS`, or of `NEUTRALS` where the kind is one of `SURFACES`.
        kind: one of `KINDS`.
        side: which of two that look alike, one of `SIDES`: "the left red star icon".
        place: where it stands, `within(container)` or `DESKTOP`: "the red star icon in the blue window".
    """
    words = ["the", side, color, kind, place]
    return " ".join(word for word in words if word is not None)


def within(color: str, kind: str) -> str:
    """Return the relation that names the container of an element: "in the blue window"."""
    return f"in {describe(color, kind)}"


# Sorted, so that a vocabulary built from it does not depend on the order of the tables above.
WORDS: Final = tuple(sorted(set(" ".join(("the", "in", DESKTOP, *COLORS, *NEUTRALS, *KINDS, *SIDES)).split())))


# One of two is "the left" one where they differ so many times more in x than in y.
CLEARLY: Final = 1.5
PHRASE: Final = re.compile(
    f"the (?:({'|'.join(SIDES)}) )?({'|'.join(COLORS + NEUTRALS)}) ({'|'.join(KINDS)})"
    f"(?: (?:({DESKTOP})|in the ({'|'.join(COLORS + NEUTRALS)}) ({'|'.join(CONTAINERS)})))?"
)


@dataclass(frozen=True)
class Stand:
    """Where something stands: its box, and the containers around it, the innermost first."""

    box: Box
    containers: tuple[int, ...]


@dataclass(frozen=True)
class Relation:
    """What sets one of two apart: its side, the container that it is in, or (with neither) that it is in none."""

    side: str | None = None
    container: int | None = None


class Described(Protocol):
    """What a description speaks of; `container` is an index into the same sequence."""

    @property
    def box(self) -> Box:
        """(x1, y1, x2, y2) in pixels."""

    @property
    def kind(self) -> str:
        """One of `KINDS`."""

    @property
    def color(self) -> str:
        """One of `COLORS` or `NEUTRALS`."""

    @property
    def container(self) -> int | None:
        """The innermost container."""


def tell_apart(first: Stand, second: Stand) -> tuple[Relation, Relation] | None:
    """Find relations that set two elements of one color and kind apart, or None where none does.

    Different containers come before sides. A container does not help where the other element is in it too.
    """
    a, b = (stand.containers[0] if stand.containers else None for stand in (first, second))
    if a != b and a not in second.containers and b not in first.containers:
        return Relation(container=a), Relation(container=b)
    (x1, y1), (x2, y2) = center(first.box), center(second.box)
    across, down = abs(x1 - x2), abs(y1 - y2)
    for names, distance, other, low in ((("left", "right"), across, down, 0), (("top", "bottom"), down, across, 1)):
        apart = first.box[low + 2] <= second.box[low] or second.box[low + 2] <= first.box[low]
        if apart and distance >= CLEARLY * other:
            earlier = first.box[low] < second.box[low]
            return Relation(names[not earlier]), Relation(names[earlier])
    return None


def around(elements: Sequence[Described], index: int) -> list[int]:
    """The containers that an element stands in, the innermost first."""
    found = []
    outer = elements[index].container
    while outer is not None:
        found.append(outer)
        outer = elements[outer].container
    return found


def matching(elements: Sequence[Described], description: str) -> list[int]:
    """Find what a description picks out.

    Args:
        elements: those of one screen.
        description: a phrase as `describe` spells it.

    Returns:
        Indices of all that fit, in their order; none where the phrase is not one of this world's. A side picks the
        outermost one of two or more.
    """
    phrase = PHRASE.fullmatch(description)
    if phrase is None:
        return []
    side, color, kind, desktop, *container = phrase.groups()
    fitting = [i for i, element in enumerate(elements) if (element.color, element.kind) == (color, kind)]
    if desktop:
        fitting = [i for i in fitting if elements[i].container is None]
    elif container[0]:
        named = {i for i, e in enumerate(elements) if [e.color, e.kind] == container}
        fitting = [i for i in fitting if named.intersection(around(elements, i))]
    if side is None:
        return fitting
    if len(fitting) < 2:
        return []
    axis, sign = (0, 1) if side in ("left", "right") else (1, 1)
    sign = -sign if side in ("right", "bottom") else sign
    nearest = min(sign * center(elements[i].box)[axis] for i in fitting)
    return [i for i in fitting if sign * center(elements[i].box)[axis] == nearest]


def place_of(elements: Sequence[Described], relation: Relation) -> str | None:
    """Spell where something stands, or None where its relation is a side."""
    if relation.side is not None:
        return None
    if relation.container is None:
        return DESKTOP
    container = elements[relation.container]
    return within(container.color, container.kind)
