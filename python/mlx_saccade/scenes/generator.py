"""The generator of screens: it checks the arguments, lays out, describes and draws."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ..errors import InputError, brief
from .boxes import times
from .descriptions import Relation, describe, place_phrase, tell_apart
from .desktop import arrange
from .layout import Layout
from .paint import draw, prepare
from .rng import Rng
from .scene import KEY, Ambiguity, Element, Scene

SIDES: Final = (56, 8192)
SCALES: Final = (1, 2)
LEAST: Final = 20
LEAST_RANGE: Final = (1, 70)
# Maximum share of elements that need a relation.
TWINS: Final = 0.2
AMBIGUOUS_TWINS: Final = 0.5


def _check(seed: int, size: Sequence[int], smallest: int | None, least: int, ambiguous: bool, scale: int) -> int:
    """Check the arguments; return `smallest` in pixels of the screen, or its default."""
    if isinstance(size, str | bytes) or not isinstance(size, Sequence | np.ndarray):
        raise InputError(f"scenes: size: expected (width, height), two whole numbers of pixels; got {brief(size)}")
    for value in (seed, *size, least, scale, *(() if smallest is None else (smallest,))):
        if not isinstance(value, int | np.integer) or isinstance(value, bool):
            raise InputError(f"scenes: seed, size, smallest, least, scale: expected whole numbers; got {brief(value)}")
    if not isinstance(ambiguous, bool | np.bool_):
        raise InputError(f"scenes: ambiguous: expected True or False; got {brief(ambiguous)}")
    if seed < 0:
        raise InputError(f"scenes: seed: expected at least 0; got {seed}")
    if scale not in SCALES:
        raise InputError(f"scenes: scale: expected 1 or 2 pixels per point; got {scale}")
    low, high = SIDES[0] * scale, SIDES[1]
    if len(size) != 2 or any(not low <= side <= high for side in size):
        raise InputError(f"scenes: size: expected (width, height), each from {low} to {high} pixels; got {size}")
    if any(value % scale for value in (*size, smallest or 0)):
        raise InputError(f"scenes: size and smallest: expected even values at scale {scale}; got {size}, {smallest}")
    if not LEAST_RANGE[0] <= least <= LEAST_RANGE[1]:
        raise InputError(f"scenes: least: expected {LEAST_RANGE[0]} to {LEAST_RANGE[1]} elements; got {least}")
    if smallest is None:
        return scale * max(8, min(size) // scale // 100)
    if not 4 * scale <= smallest <= min(size) // 4:
        raise InputError(
            f"scenes: smallest: expected {4 * scale} to a quarter of the short side; got {smallest} for {size}"
        )
    return smallest


def _elements(layout: Layout, scale: int) -> tuple[Element, ...]:
    """Describe the elements of a layout, with boxes at `scale` pixels per unit of length."""
    chosen = [index for index, slot in enumerate(layout.slots) if slot.color is not None]
    place = {index: position for position, index in enumerate(chosen)}
    relations: dict[int, Relation] = {}
    for group in layout.groups.values():
        if len(group) == 2:
            pair = tell_apart(layout.placement(group[0]), layout.placement(group[1]))
            assert pair is not None
            relations |= zip(group, pair, strict=True)
    elements: list[Element] = []
    for index in chosen:
        slot = layout.slots[index]
        assert slot.color is not None
        outer = layout.containers(slot.parent)
        elements.append(Element(times(slot.box, scale), describe(slot.color, slot.kind), slot.kind, slot.color,
                             place[outer[0]] if outer else None, index in relations))  # fmt: skip
    for index, relation in relations.items():
        element = elements[place[index]]
        inner = relation if relation.container is None else Relation(container=place[relation.container])
        phrase = describe(element.color, element.kind, side=relation.side, place=place_phrase(elements, inner))
        elements[place[index]] = replace(element, description=phrase)
    return tuple(elements)


def _ambiguities(elements: tuple[Element, ...]) -> tuple[Ambiguity, ...]:
    pairs: dict[str, list[int]] = {}
    for index, element in enumerate(elements):
        if element.relation:
            pairs.setdefault(describe(element.color, element.kind), []).append(index)
    return tuple(
        Ambiguity(phrase, (first, second), (elements[first].box, elements[second].box))
        for phrase, (first, second) in pairs.items()
    )


def _plan(
    seed: int, size: tuple[int, int], smallest: int | None, least: int, ambiguous: bool, scale: int = 1
) -> tuple[Rng, Layout]:
    """Lay out a screen in points of `scale` pixels; the generator is returned to draw the colors."""
    smallest = _check(seed, size, smallest, least, ambiguous, scale) // scale
    # Plain integers: NumPy's would give another key, and boxes that JSON refuses.
    width, height = (int(side) // int(scale) for side in size)
    rng = Rng(f"{KEY} {seed} {width}x{height} {smallest} {least} {bool(ambiguous)}")
    return rng, arrange(rng, (width, height), int(smallest), int(least), AMBIGUOUS_TWINS if ambiguous else TWINS)


def generate(
    seed: int,
    size: tuple[int, int] = (3840, 2160),
    *,
    smallest: int | None = None,
    least: int = LEAST,
    ambiguous: bool = False,
    scale: int = 1,
) -> Scene:
    """Draw a desktop-like screen; the same arguments always give the same pixels.

    The seed also determines the theme (see `Scene.theme`) and the size of the controls, from small to a kiosk's.

    Args:
        seed: integer from 0.
        size: (width, height) in pixels, default (3840, 2160); each side from 56 to 8192, at scale 2 even and from 112.
        smallest: least side of an element in pixels, even at scale 2. None (default) is 1 % of the screen's short side,
            at least 8 pixels at scale 1 and 16 at scale 2.
        least: number of elements to aim for, 1 to 70, default 20; a small screen may have fewer.
        ambiguous: give many elements a twin of the same color and kind, and list the descriptions of both in
            `Scene.ambiguous`; default False.
        scale: pixels per point, 1 (default) or 2. Scale 2 draws the screen of half the size and `smallest` for a
            display of twice the density: all lengths and boxes double, and edges use every pixel.

    Raises:
        InputError: a value has the wrong type or is out of range, `smallest` is under 4 points or over a quarter of
            the short side, or a length is odd at scale 2.
    """
    rng, layout = _plan(seed, size, smallest, least, ambiguous, scale)
    scale = int(scale)
    elements = _elements(layout, scale)
    paints = prepare(rng, layout, scale)
    doubtful = _ambiguities(elements) if ambiguous else ()
    return Scene(draw(layout, paints), elements, "dark" if paints.dark else "light", doubtful)


def annotate(
    seed: int,
    size: tuple[int, int] = (3840, 2160),
    *,
    smallest: int | None = None,
    least: int = LEAST,
    ambiguous: bool = False,
    scale: int = 1,
) -> tuple[tuple[Element, ...], tuple[Ambiguity, ...]]:
    """Return `elements` and `ambiguous` of the scene that `generate` draws from the same arguments, without drawing."""
    elements = _elements(_plan(seed, size, smallest, least, ambiguous, scale)[1], int(scale))
    return elements, _ambiguities(elements) if ambiguous else ()
