"""Define what a form hands to the reader: places and calls as the model wrote them, before any number is scaled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "Candidate", "Misfit", "Place"]


@dataclass(frozen=True)
class Place:
    """A point of two numbers, or a box of four.

    Attributes:
        numbers: as written; (x, y) or (x1, y1, x2, y2).
        label: the model's name for it, "" without one.
        start: index of its first character in the text.
        end: index behind its last character.
        named: each number had its own key, so that no family reads it y first.
    """

    numbers: tuple[str, ...]
    label: str = ""
    start: int = 0
    end: int = 0
    named: bool = False


@dataclass(frozen=True)
class Misfit:
    """Numbers that stand where a place should and are none."""

    numbers: tuple[str, ...]
    reason: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Call:
    """An action as written.

    Attributes:
        name: of the action.
        tool: that has the action as its argument, "" without one.
        places: in the order of the arguments.
        arguments: the others.
        start: index of its first character in the text.
        end: index behind its last character.
    """

    name: str
    tool: str
    places: tuple[Place | Misfit, ...]
    arguments: dict[str, Any]
    start: int
    end: int


Candidate = Place | Misfit | Call
