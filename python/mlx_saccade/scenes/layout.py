"""The layout of a screen while it is built: the slots, and the colors still free for each kind."""

from dataclasses import dataclass, field
from typing import Final

from .boxes import Box
from .descriptions import COLORS, CONTAINERS, CONTROLS, ICONS, NEUTRALS, SURFACES, Placement, tell_apart
from .rng import Rng

# Share of surfaces that are dark, light or grey, while such a color is free.
NEUTRAL_SHARE: Final = 0.6


@dataclass(frozen=True)
class Slot:
    """An element or a decoration before it is drawn; descriptions name elements only.

    Attributes:
        kind: one of `KINDS`, or of the decorations of `shapes`.
        color: name of its color; None for decorations.
        box: (x1, y1, x2, y2) in pixels.
        parent: index of the slot around it; None on the desktop.
        unit: usual side of the controls around it, in pixels.
        look: number that varies the drawing.
    """

    kind: str
    color: str | None
    box: Box
    parent: int | None
    unit: int
    look: int


@dataclass
class Layout:
    """A list of slots in drawing order: later ones are on top, and parents come before their content.

    Attributes:
        rng: random number generator, the only source of randomness.
        size: (width, height) of the screen in pixels.
        smallest: least side of an element in pixels.
        most: maximum number of controls and icons.
        twins: maximum share of elements that look like another one and need a relation.
    """

    rng: Rng
    size: tuple[int, int]
    smallest: int
    most: int
    twins: float
    slots: list[Slot] = field(default_factory=list)
    named: int = 0
    small: int = 0
    paired: int = 0
    groups: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def full(self) -> bool:
        """Return True if no more controls and icons may be added."""
        return self.small >= self.most

    def add(self, kind: str, box: Box, parent: int | None, unit: int, color: str | None = None) -> int | None:
        """Add an element, in a color of its own or sometimes as the twin of another.

        Returns:
            The index of its slot; None if it is too small, the screen is full, or no color is left for the kind.
        """
        small = kind in CONTROLS or kind in ICONS
        if min(box[2] - box[0], box[3] - box[1]) < self.smallest or (small and self.full()):
            return None
        color = color or (self._twin_color(kind, box, parent) if small else None) or self._free_color(kind, parent)
        if color is None:
            return None
        group = self.groups.setdefault((color, kind), [])
        self.paired += 2 * len(group)
        group.append(len(self.slots))
        self.named += 1
        self.small += small
        self.slots.append(Slot(kind, color, box, parent, unit, self.rng.integer(0, 999)))
        return len(self.slots) - 1

    def decorate(self, kind: str, box: Box, parent: int | None, unit: int) -> None:
        """Add a decoration, unless its box is empty."""
        if box[2] > box[0] and box[3] > box[1]:
            self.slots.append(Slot(kind, None, box, parent, unit, self.rng.integer(0, 999)))

    def _around(self, parent: int | None) -> set[str]:
        """Return the colors of all slots around a place, on which the same color would not stand out."""
        colors = set()
        while parent is not None:
            color = self.slots[parent].color
            if color is not None:
                colors.add(color)
            parent = self.slots[parent].parent
        return colors

    def _free_color(self, kind: str, parent: int | None) -> str | None:
        taken = self._around(parent)
        if kind == "dock":
            return self.rng.choose(NEUTRALS)
        if kind in SURFACES and self.rng.chance(NEUTRAL_SHARE):
            free = [name for name in NEUTRALS if name not in taken and (name, kind) not in self.groups]
            if free:
                return self.rng.choose(free)
        free = [name for name in COLORS if name not in taken and (name, kind) not in self.groups]
        return self.rng.choose(free) if free else None

    def _twin_color(self, kind: str, box: Box, parent: int | None) -> str | None:
        """Return the color of another element of this kind that a relation distinguishes from the new one."""
        # The draw comes first, so that few pairs are compared.
        if self.paired + 2 > self.twins * (self.named + 1) or not self.rng.chance(2 * self.twins):
            return None
        avoid = self._around(parent)
        new = Placement(box, tuple(self.containers(parent)))
        for (color, other), group in self.groups.items():
            if other == kind and len(group) == 1 and color not in avoid and tell_apart(new, self.placement(group[0])):
                return color
        return None

    def placement(self, index: int) -> Placement:
        """Return the placement of a slot."""
        slot = self.slots[index]
        return Placement(slot.box, tuple(self.containers(slot.parent)))

    def containers(self, parent: int | None) -> list[int]:
        """Return the containers around a slot with this parent, the innermost first."""
        containers = []
        while parent is not None:
            if self.slots[parent].kind in CONTAINERS:
                containers.append(parent)
            parent = self.slots[parent].parent
        return containers
