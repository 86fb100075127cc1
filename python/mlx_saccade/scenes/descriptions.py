"""Descriptions: the words that name elements, the relations that distinguish two alike, and the search for matches."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from .boxes import Box, center

COLORS: Final = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
# Colors of surfaces only; controls and icons have one of the eight above.
NEUTRALS: Final = ("dark", "light", "grey")

CONTAINERS: Final = ("window", "panel", "dialog", "toolbar", "list", "table", "dock")
# Parts of containers: title bars of windows, tabs of tab strips, marked rows of lists and tables.
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

# Sorted, so that a vocabulary built from it does not depend on the order of the tables above.
WORDS: Final = tuple(sorted(set(" ".join(("the", "in", DESKTOP, *COLORS, *NEUTRALS, *KINDS, *SIDES)).split())))
PHRASE: Final = re.compile(
    f"the (?:({'|'.join(SIDES)}) )?({'|'.join(COLORS + NEUTRALS)}) ({'|'.join(KINDS)})"
    f"(?: (?:({DESKTOP})|in the ({'|'.join(COLORS + NEUTRALS)}) ({'|'.join(CONTAINERS)})))?"
)
# "left" and "right" need a distance in x of at least this many times that in y; "top" and "bottom" the reverse.
CLEARLY: Final = 1.5


def describe(color: str, kind: str, *, side: str | None = None, place: str | None = None) -> str:
    """Return the phrase that names an element.

    Args:
        color: one of `COLORS`, or of `NEUTRALS` if the kind is one of `SURFACES`.
        kind: one of `KINDS`.
        side: one of `SIDES`, for one of two alike: "the left red star icon".
        place: `within(container)` or `DESKTOP`: "the red star icon in the blue window".
    """
    words = ["the", side, color, kind, place]
    return " ".join(word for word in words if word is not None)


def within(color: str, kind: str) -> str:
    """Return the phrase for a place in a container: "in the blue window"."""
    return f"in {describe(color, kind)}"


@dataclass(frozen=True)
class Placement:
    """The place of an element: its box, and the containers around it, the innermost first."""

    box: Box
    containers: tuple[int, ...]


@dataclass(frozen=True)
class Relation:
    """A relation that distinguishes one of two: its side, its container, or with neither that it has no container."""

    side: str | None = None
    container: int | None = None


class Described(Protocol):
    """An element that a description can name; `container` is an index into the same sequence."""

    @property
    def box(self) -> Box:
        """Return (x1, y1, x2, y2) in pixels."""

    @property
    def kind(self) -> str:
        """Return one of `KINDS`."""

    @property
    def color(self) -> str:
        """Return one of `COLORS` or `NEUTRALS`."""

    @property
    def container(self) -> int | None:
        """Return the index of the innermost container; None on the desktop."""


def tell_apart(first: Placement, second: Placement) -> tuple[Relation, Relation] | None:
    """Find relations that distinguish two elements of one color and kind; None if there are none.

    Different containers are tried before sides. A container does not distinguish if the other element is in it too.
    """
    a, b = (place.containers[0] if place.containers else None for place in (first, second))
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


def containers_of(elements: Sequence[Described], index: int) -> list[int]:
    """Return the containers of an element, the innermost first."""
    containers = []
    outer = elements[index].container
    while outer is not None:
        containers.append(outer)
        outer = elements[outer].container
    return containers


def matching(elements: Sequence[Described], description: str) -> list[int]:
    """Find the elements that a description matches.

    Args:
        elements: elements of one screen.
        description: phrase as `describe` writes it.

    Returns:
        Indices of all matches, in order; empty if the phrase has another form. A side selects the outermost one of two
        or more.
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
        fitting = [i for i in fitting if named.intersection(containers_of(elements, i))]
    if side is None:
        return fitting
    if len(fitting) < 2:
        return []
    axis, sign = (0, 1) if side in ("left", "right") else (1, 1)
    sign = -sign if side in ("right", "bottom") else sign
    nearest = min(sign * center(elements[i].box)[axis] for i in fitting)
    return [i for i in fitting if sign * center(elements[i].box)[axis] == nearest]


def place_phrase(elements: Sequence[Described], relation: Relation) -> str | None:
    """Return the phrase for a relation's place; None if the relation is a side."""
    if relation.side is not None:
        return None
    if relation.container is None:
        return DESKTOP
    container = elements[relation.container]
    return within(container.color, container.kind)
