"""Name a target: what is asked for, on which image, and where it is; a data set gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlx_saccade.evals.metrics import bin_of

if TYPE_CHECKING:
    from mlx_saccade.media import Source

__all__ = ["DataSet", "Edges", "Target"]

Edges = tuple[float, float, float, float]
"""(x1, y1, x2, y2) in pixels of the source image, edges and not centers."""


@dataclass(frozen=True)
class Target:
    """One thing to find on one image.

    Attributes:
        id: its name, once in a data set.
        image: name of its image, as the data set writes it; targets with equal names are on one screen.
        description: words to find it by.
        expected: where it is; usually one box, more where the description names several things.
        image_size: (width, height) of the image in pixels.
        ui_type: "text", "icon", or "" where the data set does not say.
        application: program on the screen, or "".
        group: group of programs, or kind of element, or "".
    """

    id: str
    image: str
    description: str
    expected: tuple[Edges, ...]
    image_size: tuple[int, int]
    ui_type: str = ""
    application: str = ""
    group: str = ""

    @property
    def share(self) -> float:
        """Share of the frame that the first box covers, above 0 and at most 1."""
        (x1, y1, x2, y2), (width, height) = self.expected[0], self.image_size
        return (x2 - x1) * (y2 - y1) / (width * height)

    @property
    def regime(self) -> str:
        """The size bin: "large", "medium", "small" or "tiny"."""
        return bin_of(self.share)


class DataSet(Protocol):
    """Targets on images, checked when they were read.

    Attributes:
        name: short name, such as "scenes" or "screenspot-pro", for people.
        identity: what the targets are, for JSON. A run may be extended with targets of an equal identity only: the
            kind of data set and what changes every target, not how many targets were taken of it.
        targets: those to ask for, in a fixed order; those of one image follow each other.
        notes: what was set aside while reading, such as duplicates, in words.
    """

    @property
    def name(self) -> str:
        """Return the short name."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """Return what the targets are."""
        ...

    @property
    def targets(self) -> Sequence[Target]:
        """Return those to ask for."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Return what was set aside."""
        ...

    def open(self, target: Target) -> Source:
        """Return the image of a target, as `mlx_saccade.media.open_image` takes it.

        Raises:
            FileNotFoundError: its file is gone.
        """
        ...

    def image_id(self, target: Target) -> str:
        """Return a text that differs where the pixels of the image do, such as the digest of its file."""
        ...
