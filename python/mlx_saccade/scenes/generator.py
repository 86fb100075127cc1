"""From a seed to a screen: the checks, the layout, the names of what is in it, the pixels."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ..errors import InputError, brief
from .boxes import times
from .descriptions import Relation, describe, place_of, tell_apart
from .desktop import arrange
from .layout import Layout
from .paint import draw, prepare
from .rng import Dice
from .scene import KEY, Ambiguity, Element, Scene

SIDES: Final = (56, 8192)
SCALES: Final = (1, 2)
LEAST: Final = 20
LEAST_RANGE: Final = (1, 70)
# Highest share of elements that need a relation.
TWINS: Final = 0.2
AMBIGUOUS_TWINS: Final = 0.5


def _check(seed: int, size: Sequence[int], smallest: int | None, least: int, ambiguous: bool, scale: int) -> int:
    """Refuse what cannot be drawn; return `smallest` in pixels of the screen, or its default."""
    if isinstance(size, str | bytes) or not isinstance(size, Sequence | np.ndarray):
        raise InputError(f"[scenes] size is (width, height), two whole numbers of pixels; got {brief(size)}")
    for value in (seed, *size, least, scale, *(() if smallest is None else (smallest,))):
        if not isinstance(value, int | np.integer) or isinstance(value, bool):
            raise InputError(f"[scenes] seed, size, smallest, least and scale are whole numbers; got {brief(value)}")
    if not isinstance(ambiguous, bool | np.bool_):
        raise InputError(f"[scenes] ambiguous is True or False; got {brief(ambiguous)}")
    if seed < 0:
        raise InputError(f"[scenes] seed must not be negative; got {seed}")
    if scale not in SCALES:
        raise InputError(f"[scenes] scale is 1 or 2, pixels to the point; got {scale}")
    low, high = SIDES[0] * scale, SIDES[1]
    if len(size) != 2 or any(not low <= side <= high for side in size):
        raise InputError(f"[scenes] size is (width, height), each from {low} to {high} pixels; got {size}")
    if any(value % scale for value in (*size, smallest or 0)):
        raise InputError(f"[scenes] size and smallest must be even at scale {scale}; got {size} and {smallest}")
    if not LEAST_RANGE[0] <= least <= LEAST_RANGE[1]:
        raise InputError(f"[scenes] least must be from {LEAST_RANGE[0]} to {LEAST_RANGE[1]} elements; got {least}")
    if smallest is None:
        return scale * max(8, min(size) // scale // 100)
    if not 4 * scale <= smallest <= min(size) // 4:
        raise InputError(
            f"[scenes] smallest must be from {4 * scale} to a quarter of the short side; got {smallest} for {size}"
        )
    return smallest


def _elements(layout: Layout, scale: int) -> tuple[Element, ...]:
    """Name what has been laid out, with boxes at `scale` pixels to a length of the layout."""
    chosen = [index for index, slot in enumerate(layout.slots) if slot.color is not None]
    place = {index: position for position, index in enumerate(chosen)}
    relations: dict[int, Relation] = {}
    for group in layout.groups.values():
        if len(group) == 2:
            told = tell_apart(layout.stand(group[0]), layout.stand(group[1]))
            assert told is not None
            relations |= zip(group, told, strict=True)
    found: list[Element] = []
    for index in chosen:
        slot = layout.slots[index]
        assert slot.color is not None
        outer = layout.containers(slot.parent)
        found.append(Element(times(slot.box, scale), describe(slot.color, slot.kind), slot.kind, slot.color,
                             place[outer[0]] if outer else None, index in relations))  # fmt: skip
    for index, relation in relations.items():
        element = found[place[index]]
        inner = relation if relation.container is None else Relation(container=place[relation.container])
        phrase = describe(element.color, element.kind, side=relation.side, place=place_of(found, inner))
        found[place[index]] = replace(element, description=phrase)
    return tuple(found)


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
) -> tuple[Dice, Layout]:
    """Lay a screen out, in points of `scale` pixels; the dice go on to its colors."""
    smallest = _check(seed, size, smallest, least, ambiguous, scale) // scale
    # Plain integers: NumPy's would give another key, and boxes that JSON does not take.
    width, height = (int(side) // int(scale) for side in size)
    dice = Dice(f"{KEY} {seed} {width}x{height} {smallest} {least} {bool(ambiguous)}")
    return dice, arrange(dice, (width, height), int(smallest), int(least), AMBIGUOUS_TWINS if ambiguous else TWINS)


def generate(
    seed: int,
    size: tuple[int, int] = (3840, 2160),
    *,
    smallest: int | None = None,
    least: int = LEAST,
    ambiguous: bool = False,
    scale: int = 1,
) -> Scene:
    """Draw a desktop-like screen; the same arguments always give the same screen, bit for bit.

    The theme is drawn from the seed and cannot be asked for; `Scene.theme` tells which it is. So is the size of the
    controls, anything from small to a kiosk's.

    Args:
        seed: any integer from 0.
        size: (width, height) in pixels, each side from 56 to 8192; at scale 2 from 112, and even.
        smallest: shortest side in pixels that an element may have, even at scale 2; None is 1 % of the screen's short
            side, at least 8 pixels at scale 1 and 16 at scale 2.
        least: how many elements the screen should have, from 1 to 70; fewer come where there is no room for them.
        ambiguous: give many elements a twin of the same color and kind, and list what fits both in `ambiguous`.
        scale: pixels to the point, 1 or 2. At 2 it is the screen that half the size and `smallest` give at 1, as a
            display of twice the density shows it: every length and box is doubled, edges are drawn in all the pixels.

    Raises:
        InputError: a negative seed, a size, `least` or `scale` out of range, `smallest` under 4 points or over a
            quarter of the short side, an odd length at scale 2, or anything but whole numbers and a truth value.
    """
    dice, layout = _plan(seed, size, smallest, least, ambiguous, scale)
    scale = int(scale)
    elements = _elements(layout, scale)
    paints = prepare(dice, layout, scale)
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
    """Return `elements` and `ambiguous` of what `generate` draws from the same arguments, without drawing it."""
    elements = _elements(_plan(seed, size, smallest, least, ambiguous, scale)[1], int(scale))
    return elements, _ambiguities(elements) if ambiguous else ()
