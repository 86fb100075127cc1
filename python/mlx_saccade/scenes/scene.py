"""A generated screen: its pixels, its elements, and descriptions that match or do not match them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, brief
from .boxes import Box
from .descriptions import (
    COLORS,
    CONTAINERS,
    CONTROLS,
    DESKTOP,
    ICONS,
    KINDS,
    NEUTRALS,
    SURFACES,
    describe,
    matching,
    within,
)
from .rng import Rng

# Recorded with every result; raise it when a seed no longer gives the same screen.
VERSION: Final = 3
# Part of every seed, and separate from VERSION: most screens are those of version 2, which differed in some docks.
KEY: Final = 2
ABSENT_TRIES: Final = 200


@dataclass(frozen=True)
class Element:
    """An element of a screen that a description can name.

    Attributes:
        box: (x1, y1, x2, y2) in pixels, x right, y down, edges not centers: the element covers columns x1 to x2 - 1 and
            rows y1 to y2 - 1. Two boxes are disjoint or nested.
        description: phrase that matches this element only, such as "the red star icon in the blue window".
        kind: one of `KINDS`.
        color: one of `COLORS`, or "dark", "light" or "grey".
        container: index of the innermost window, panel, dialog, toolbar, list, table or dock around it; None on the
            desktop.
        relation: True if the description has a side or a place because another element has the same color and kind.
    """

    box: Box
    description: str
    kind: str
    color: str
    container: int | None
    relation: bool


@dataclass(frozen=True)
class Ambiguity:
    """A description that matches two elements: their indices, lowest first, and their boxes in the same order."""

    description: str
    elements: tuple[int, int]
    boxes: tuple[Box, Box]


@dataclass(frozen=True)
class Scene:
    """A generated screen.

    Attributes:
        image: pixels, uint8 RGB [height, width, 3].
        elements: elements in drawing order, the topmost last; containers come before their content.
        theme: theme of the wallpaper and of neutral surfaces, "light" or "dark"; windows may have other colors.
        ambiguous: descriptions that match two elements; empty by default.
    """

    image: NDArray[np.uint8]
    elements: tuple[Element, ...]
    theme: Literal["light", "dark"]
    ambiguous: tuple[Ambiguity, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]

    def at(self, x: float, y: float) -> Element | None:
        """Return the topmost element at the point (x, y) in pixels; None on the bare desktop."""
        for element in reversed(self.elements):
            x1, y1, x2, y2 = element.box
            if x1 <= x < x2 and y1 <= y < y2:
                return element
        return None

    def matching(self, description: str) -> tuple[Element, ...]:
        """Return all elements that a description matches; none if it is no phrase of this package."""
        return tuple(self.elements[index] for index in matching(self.elements, description))

    def absent(self, seed: int | np.random.Generator) -> str:
        """Return a description that matches nothing on this screen.

        Three in four name a color and kind that no element has, the others a place without such an element.

        Args:
            seed: integer from 0, or a NumPy generator to draw one from.

        Raises:
            InputError: the seed is neither, or every color of every kind is on the screen.
        """
        if isinstance(seed, np.random.Generator):
            seed = int(seed.integers(2**32))
        if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
            raise InputError(f"scenes: seed: expected a whole number from 0, or a NumPy generator; got {brief(seed)}")
        number = int(seed)
        rng = Rng(f"absent {KEY} {number}")
        for _ in range(ABSENT_TRIES):
            kind = rng.choose(KINDS)
            color = rng.choose((*COLORS, *NEUTRALS) if kind in SURFACES else COLORS)
            phrase = describe(color, kind)
            if rng.chance(0.25) and self._movable:
                element = self.elements[rng.choose(self._movable)]
                place = rng.choose((DESKTOP, *self._places))
                phrase = describe(element.color, element.kind, place=place)
            if not matching(self.elements, phrase):
                return phrase
        raise InputError("scenes: no description is absent from this screen: every color of every kind is on it")

    @cached_property
    def _movable(self) -> tuple[int, ...]:
        return tuple(i for i, e in enumerate(self.elements) if e.kind in CONTROLS + ICONS)

    @cached_property
    def _places(self) -> tuple[str, ...]:
        return tuple(within(e.color, e.kind) for e in self.elements if e.kind in CONTAINERS)
