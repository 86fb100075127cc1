"""Turn frames of a film upright, as the display matrix of its header says.

The matrix maps a place in the stored frame to one in the shown frame, in fixed point (ISO 14496-12). Phones write
quarter turns, and cameras that face the user also mirror. The eight cases are numbered as EXIF numbers them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["read", "turned"]

_BYTES = 36
# Signs of (a, b, c, d) in x' = a x + c y, y' = b x + d y -> EXIF's number.
_TURNS: dict[tuple[int, ...], int] = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}
_SLANT = 0.02
"""Share of an entry that rounding may leave in one that should be 0."""


def read(frame: Any) -> tuple[int, str]:
    """Return the orientation of a decoded frame of PyAV, 1 to 8 as EXIF's, and a note if its matrix was set aside."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None or len(data := bytes(matrix)) < _BYTES:
        return 1, ""
    a, b, _, c, d = struct.unpack_from("=5i", data)
    most = max(map(abs, (a, b, c, d)))
    turn = _TURNS.get(tuple(0 if abs(value) <= _SLANT * most else 1 if value > 0 else -1 for value in (a, b, c, d)))
    if turn is None:
        return 1, "its display matrix is no quarter turn and was set aside"
    return turn, ""


def turned(pixels: npt.NDArray[np.uint8], turn: int) -> npt.NDArray[np.uint8]:
    """Return an array [height, width, ...] turned upright, a view of it.

    Args:
        pixels: as stored.
        turn: from `read`.
    """
    if turn >= 5:
        pixels = pixels.swapaxes(0, 1)
    # After the transpose of 5 to 8, each is one or two mirrors away.
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
