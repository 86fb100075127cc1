"""A point in the source image's pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Point"]


@dataclass(frozen=True)
class Point:
    """A point with its label.

    Attributes:
        xy: (x, y), x to the right, y down.
        label: the model's name for it, "" without one.
    """

    xy: tuple[float, float]
    label: str = ""

    def __iter__(self) -> Iterator[float]:
        """Yield x and y."""
        return iter(self.xy)

    def moved(self, dx: float, dy: float) -> Point:
        """Return the point in the pixels of an image in which this one's image starts at (dx, dy)."""
        return Point((self.xy[0] + dx, self.xy[1] + dy), self.label)

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists and strings, for JSON."""
        return {"xy": list(self.xy), "label": self.label}
