"""The one form in which the other rooms see an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Frame"]


@dataclass(frozen=True, eq=False)
class Frame:
    """An upright 8-bit image.

    Attributes:
        pixels: uint8 [height, width, 3], red, green, blue, C-contiguous, read-only. A frame made from an array that
            already had this form shares its memory.
        source_size: (width, height) after orientation, in pixels.
        origin: a short name of where it came from, for messages.
    """

    pixels: npt.NDArray[np.uint8] = field(repr=False)
    source_size: tuple[int, int]
    origin: str
