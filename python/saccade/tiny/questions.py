"""The words that the packaged checkpoint was taught beside `locate`: what is at a point, and what is in a box."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["NOTHING", "locate", "what_is_at", "what_is_in"]

NOTHING = "[]"
"""What it says where nothing matches."""


def locate(description: str) -> str:
    """The question of `Engine.locate`, as text."""
    return f"Locate {description}, output its bbox coordinates using JSON format."


def what_is_at(point: Sequence[float]) -> str:
    """Ask for the description of what is on top at (x, y), in pixels of the resized image; rounded to whole ones."""
    x, y = (round(value) for value in point)
    return f"what is at ({x}, {y})?"


def what_is_in(box: Sequence[float]) -> str:
    """Ask for the description of what (x1, y1, x2, y2) holds, in pixels of the resized image; rounded to whole ones."""
    return f"what is in the box [{', '.join(str(round(value)) for value in box)}]?"
