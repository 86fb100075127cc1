"""Where things stand: containers first, then rows and single elements inside and around them, none overlapping."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from .words import COLOURS, CONTAINERS, KINDS

Box = tuple[int, int, int, int]

# The kinds that this version draws.
CONTROLS: Final = ("round button", "square button", "slider", "check box", "text field", "toggle switch")
ICONS: Final = tuple(f"{glyph} icon" for glyph in ("triangle", "star", "cross", "diamond", "ring", "arrow"))

# Width over height, lowest and highest.
ASPECTS: Final[dict[str, tuple[float, float]]] = {
    "window": (0.8, 1.9),
    "panel": (0.55, 2.0),
    "slider": (4.0, 6.5),
    "text field": (3.0, 5.5),
    "toggle switch": (1.8, 2.1),
    "square button": (0.9, 1.15),
    **dict.fromkeys(ICONS, (0.85, 1.2)),
}
LARGEST_ELEMENT: Final = 0.36
CONTAINER_SIDES: Final = (0.26, 0.72)
TRIES: Final = 12


@dataclass(frozen=True)
class Slot:
    """An element before it is drawn. `colour` is None for decoration, which nobody can ask for."""

    kind: str
    colour: str | None
    box: Box


@dataclass
class Layout:
    """What `arrange` builds up: slots in drawing order, and the (colour, kind) pairs not yet used."""

    rng: np.random.Generator
    smallest: int
    short: int
    slots: list[Slot] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)

    def colour_for(self, kind: str, avoid: str | None) -> str | None:
        """Take a colour that this kind has not had yet, or return None when all are gone."""
        free = [c for c in COLOURS if c != avoid and (c, kind) not in self.used]
        if not free:
            return None
        colour = free[int(self.rng.integers(len(free)))]
        self.used.add((colour, kind))
        return colour

    def log_uniform(self, low: float, high: float) -> float:
        """Draw a size whose logarithm is uniform, so that every scale is equally common."""
        return low if high <= low else math.exp(self.rng.uniform(math.log(low), math.log(high)))

    def shape(self, kind: str, side: float) -> tuple[int, int]:
        """Width and height in pixels of an element whose area is `side` squared."""
        low, high = ASPECTS.get(kind, (1.0, 1.0))
        root = math.sqrt(self.log_uniform(low, high))
        return max(self.smallest, round(side * root)), max(self.smallest, round(side / root))


def inset(box: Box, margin: int) -> Box:
    """Shrink a box by `margin` pixels on every side."""
    return box[0] + margin, box[1] + margin, box[2] - margin, box[3] - margin


def _apart(box: Box, others: list[Box], gap: int) -> bool:
    x1, y1, x2, y2 = box
    return all(x2 + gap <= o[0] or o[2] + gap <= x1 or y2 + gap <= o[1] or o[3] + gap <= y1 for o in others)


def _drop(layout: Layout, area: Box, size: tuple[int, int], taken: list[Box], gap: int) -> Box | None:
    """Find a free place of `size` inside `area`, by trying a few at random."""
    room = area[2] - area[0] - size[0], area[3] - area[1] - size[1]
    if min(room) < 0:
        return None
    for _ in range(TRIES):
        x = area[0] + int(layout.rng.integers(room[0] + 1))
        y = area[1] + int(layout.rng.integers(room[1] + 1))
        box = x, y, x + size[0], y + size[1]
        if _apart(box, taken, gap):
            return box
    return None


def _add_row(layout: Layout, area: Box, avoid: str | None, taken: list[Box]) -> None:
    """Put a toolbar along the top of `area`: icons or buttons of one size, evenly spaced."""
    width, height = area[2] - area[0], area[3] - area[1]
    side = int(layout.log_uniform(layout.smallest, min(0.3 * height, 0.2 * width, 0.16 * layout.short)))
    pitch = round(side * layout.rng.uniform(1.25, 1.9))
    count = min(int(layout.rng.integers(3, 7)), width // pitch)
    if side < layout.smallest or side > height:
        return
    kinds = list(ICONS) if layout.rng.random() < 0.8 else ["round button", "square button"]
    for place in range(count):
        kind = kinds[int(layout.rng.integers(len(kinds)))]
        colour = layout.colour_for(kind, avoid)
        if colour is not None:
            x, y = area[0] + place * pitch, area[1]
            layout.slots.append(Slot(kind, colour, (x, y, x + side, y + side)))
    taken.append((area[0], area[1], area[0] + count * pitch, area[1] + side))


def _add_single(layout: Layout, area: Box, avoid: str | None, taken: list[Box], gap: int) -> None:
    """Put one control, icon or text block somewhere free in `area`; do nothing when there is no room."""
    width, height = area[2] - area[0], area[3] - area[1]
    highest = min(LARGEST_ELEMENT * layout.short, 0.8 * height, 0.6 * width)
    if highest < layout.smallest:
        return
    if layout.rng.random() < 0.12:
        kind, colour = "text", None
    else:
        family = CONTROLS if layout.rng.random() < 0.5 else ICONS
        kind = family[int(layout.rng.integers(len(family)))]
        colour = layout.colour_for(kind, avoid)
        if colour is None:
            return
    box = _drop(layout, area, layout.shape(kind, layout.log_uniform(layout.smallest, highest)), taken, gap)
    if box is None:
        if colour is not None:
            layout.used.discard((colour, kind))
        return
    taken.append(box)
    layout.slots.append(Slot(kind, colour, box))


def title_height(box: Box) -> int:
    """Height in pixels of the title bar of a window with this outline."""
    return max(3, round(0.11 * math.pow((box[2] - box[0]) * (box[3] - box[1]), 0.46)))


def _fill(layout: Layout, slot: Slot) -> None:
    """Furnish a window or panel."""
    box = slot.box
    margin = max(2, round(0.05 * min(box[2] - box[0], box[3] - box[1])))
    x1, y1, x2, y2 = inset(box, margin)
    area = (x1, box[1] + title_height(box) + margin, x2, y2) if slot.kind == "window" else (x1, y1, x2, y2)
    if min(area[2] - area[0], area[3] - area[1]) < layout.smallest:
        return
    taken: list[Box] = []
    if layout.rng.random() < 0.5:
        _add_row(layout, area, slot.colour, taken)
    for _ in range(int(layout.rng.integers(1, 6))):
        _add_single(layout, area, slot.colour, taken, margin)


def _add_containers(layout: Layout, area: Box) -> list[Slot]:
    added: list[Slot] = []
    width, height = area[2] - area[0], area[3] - area[1]
    for _ in range(int(layout.rng.integers(1, 4))):
        kind = CONTAINERS[int(layout.rng.random() < 0.4)]
        size = layout.shape(kind, layout.log_uniform(*CONTAINER_SIDES) * layout.short)
        size = min(size[0], round(0.9 * width)), min(size[1], round(0.9 * height))
        box = _drop(layout, area, size, [slot.box for slot in added], max(2, layout.short // 90))
        colour = layout.colour_for(kind, None) if box is not None else None
        if box is not None and colour is not None:
            added.append(Slot(kind, colour, box))
    return added


def _add_dock(layout: Layout, area: Box) -> Box:
    """Put a neutral strip with icons along one side; return what is left of the screen."""
    x1, y1, x2, y2 = area
    thick = round(layout.rng.uniform(0.06, 0.12) * layout.short)
    margin = max(1, thick // 6)
    if thick - 2 * margin < layout.smallest or layout.rng.random() < 0.35:
        return area
    at_top = bool(layout.rng.random() < 0.3)
    dock = (x1, y1, x2, y1 + thick) if at_top else (x1, y2 - thick, x2, y2)
    layout.slots.append(Slot("bar", None, dock))
    side = thick - 2 * margin
    x = x1 + int(layout.rng.integers(margin, max(margin + 1, (x2 - x1) // 3)))
    for _ in range(int(layout.rng.integers(2, 6))):
        kind = ICONS[int(layout.rng.integers(len(ICONS)))]
        colour = layout.colour_for(kind, None)
        if colour is not None and x + side < x2:
            layout.slots.append(Slot(kind, colour, (x, dock[1] + margin, x + side, dock[1] + margin + side)))
        x += round(side * 1.5)
    return (x1, y1 + thick, x2, y2) if at_top else (x1, y1, x2, y2 - thick)


def arrange(rng: np.random.Generator, size: tuple[int, int], smallest: int, least: int = 8) -> list[Slot]:
    """Lay out one screen.

    Args:
        rng: the only source of chance.
        size: (width, height) in pixels.
        smallest: shortest side in pixels that any element may have.
        least: how many elements to aim for; fewer come back only when no room can be found for them.

    Returns:
        Slots in drawing order: whatever comes later stands on top. Coloured slots have distinct (colour, kind).
    """
    gap = max(1, min(size) // 90)
    layout = Layout(rng, smallest, min(size))
    area = _add_dock(layout, (0, 0, *size))
    containers = _add_containers(layout, inset(area, gap))
    layout.slots.extend(containers)
    for slot in containers:
        _fill(layout, slot)
    taken = [slot.box for slot in containers]
    wanted = max(least, int(rng.integers(least, least + 10)))
    for _ in range(6 * least):
        if sum(slot.colour is not None for slot in layout.slots) >= wanted:
            break
        _add_single(layout, inset(area, gap), None, taken, gap)
    assert all(slot.kind in KINDS for slot in layout.slots if slot.colour is not None)
    return layout.slots
