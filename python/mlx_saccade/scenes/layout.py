"""A screen in the making: what stands where, and which colors are still free for which kinds."""

from dataclasses import dataclass, field
from typing import Final

from .boxes import Box
from .descriptions import COLORS, CONTAINERS, CONTROLS, ICONS, NEUTRALS, SURFACES, Stand, tell_apart
from .rng import Dice

# Share of surfaces that are dark, light or grey, while such a one is still free.
NEUTRAL_SHARE: Final = 0.6


@dataclass(frozen=True)
class Slot:
    """An element, or a decoration that nobody can ask for, before it is drawn.

    Attributes:
        kind: one of `KINDS`, or of the decorations that `shapes` can draw.
        color: the name of its color; None for decorations.
        box: (x1, y1, x2, y2) in pixels.
        parent: the slot that it stands in, None on the desktop.
        unit: the usual side in pixels of a control around it.
        look: chooses among equals.
    """

    kind: str
    color: str | None
    box: Box
    parent: int | None
    unit: int
    look: int


@dataclass
class Layout:
    """Slots in drawing order: whatever comes later stands on top, and parents come before what is in them.

    Attributes:
        dice: the only source of chance.
        size: (width, height) of the screen in pixels.
        smallest: shortest side in pixels that an element may have.
        most: how many controls and icons there may be.
        twins: share of the elements that may look like one other and be told apart by a relation alone.
    """

    dice: Dice
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
        """Whether no more controls and icons may be added."""
        return self.small >= self.most

    def add(self, kind: str, box: Box, parent: int | None, unit: int, color: str | None = None) -> int | None:
        """Add an element, in a color of its own or, now and then, as the twin of another.

        Returns:
            The index of its slot; None where it is too small, the screen is full, or no color is left for the kind.
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
        self.slots.append(Slot(kind, color, box, parent, unit, self.dice.integer(0, 999)))
        return len(self.slots) - 1

    def decorate(self, kind: str, box: Box, parent: int | None, unit: int) -> None:
        """Add a decoration; nothing happens where its box is empty."""
        if box[2] > box[0] and box[3] > box[1]:
            self.slots.append(Slot(kind, None, box, parent, unit, self.dice.integer(0, 999)))

    def _around(self, parent: int | None) -> set[str]:
        """The colors that would not stand out: those of all that a slot stands in."""
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
            return self.dice.choose(NEUTRALS)
        if kind in SURFACES and self.dice.chance(NEUTRAL_SHARE):
            free = [name for name in NEUTRALS if name not in taken and (name, kind) not in self.groups]
            if free:
                return self.dice.choose(free)
        free = [name for name in COLORS if name not in taken and (name, kind) not in self.groups]
        return self.dice.choose(free) if free else None

    def _twin_color(self, kind: str, box: Box, parent: int | None) -> str | None:
        """The color of another of this kind from which the new one could be told apart by a relation."""
        # Drawn first, so that few pairs are looked at.
        if self.paired + 2 > self.twins * (self.named + 1) or not self.dice.chance(2 * self.twins):
            return None
        avoid = self._around(parent)
        new = Stand(box, tuple(self.containers(parent)))
        for (color, other), group in self.groups.items():
            if other == kind and len(group) == 1 and color not in avoid and tell_apart(new, self.stand(group[0])):
                return color
        return None

    def stand(self, index: int) -> Stand:
        """Where a slot stands."""
        slot = self.slots[index]
        return Stand(slot.box, tuple(self.containers(slot.parent)))

    def containers(self, parent: int | None) -> list[int]:
        """The containers that a slot with this parent stands in, the innermost first."""
        found = []
        while parent is not None:
            if self.slots[parent].kind in CONTAINERS:
                found.append(parent)
            parent = self.slots[parent].parent
        return found
