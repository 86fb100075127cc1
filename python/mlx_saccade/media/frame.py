"""The one form in which the other rooms see an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mlx_saccade import validation
from mlx_saccade.errors import InputError, brief

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Frame"]


@dataclass(frozen=True, eq=False)
class Frame:
    """An upright 8-bit image.

    Attributes:
        stored: uint8 [height, width, 3], or [height, width, 4] with a fourth byte that means nothing; read-only,
            C-contiguous but for a crop, whose rows are those of the whole frame. A frame made from an array or a
            `PIL.Image` that already had one of these forms shares its memory.
        source_size: (width, height) after orientation, in pixels; more than is stored where a JPEG was decoded smaller
            on request.
        origin: a short name of where it came from, for messages.
        notes: what of the file was set aside, such as a color profile or other pages, in words.
        order: "rgb", or "bgr" where `stored` has four channels with blue first, as screens are captured.
    """

    stored: npt.NDArray[np.uint8] = field(repr=False)
    source_size: tuple[int, int]
    origin: str
    notes: tuple[str, ...] = ()
    order: Literal["rgb", "bgr"] = "rgb"

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """Red, green and blue of `stored`: uint8 [height, width, 3], read-only, a view with strides of its own."""
        return self.stored[:, :, 2::-1] if self.order == "bgr" else self.stored[:, :, :3]

    def crop(self, box: tuple[int, int, int, int]) -> Frame:
        """Return a part of this frame as a frame, without a copy; its `source_size` is the part's size.

        Args:
            box: (x1, y1, x2, y2) in pixels, edges inside the frame, at least one pixel wide and high.

        Raises:
            InputError: no four integers, a box without pixels or that leaves the frame, or the frame was decoded at a
                reduced size.
        """
        try:
            x1, y1, x2, y2 = map(validation.integer, box)
        except (TypeError, ValueError):
            x1 = y1 = x2 = y2 = None
        if x1 is None or y1 is None or x2 is None or y2 is None:
            raise InputError(f"{self.origin}: the crop is {brief(box)}; it must be (x1, y1, x2, y2) in whole pixels")
        edges = x1, y1, x2, y2
        width, height = self.source_size
        if self.stored.shape[:2] != (height, width):
            raise InputError(f"{self.origin}: was decoded at a reduced size; open it whole to crop it")
        if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
            raise InputError(f"{self.origin}: the crop {brief(edges)} is empty or leaves its {width} x {height} pixels")
        part = self.stored[y1:y2, x1:x2]
        return Frame(part, (x2 - x1, y2 - y1), f"{self.origin} cropped to {edges}", self.notes, self.order)
