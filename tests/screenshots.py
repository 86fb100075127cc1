"""Stand in for the screenshots of mss, which the tests do not install."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ScreenShot", "Size"]


class Size(NamedTuple):
    width: int
    height: int


class ScreenShot:
    """Has what `mss.ScreenShot` offers of its pixels, by the same names and types."""

    __slots__ = ("raw", "size")

    def __init__(self, bgra: NDArray[np.uint8]) -> None:
        self.raw = bytearray(bgra.tobytes())
        self.size = Size(bgra.shape[1], bgra.shape[0])

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"version": 3, "shape": (self.size.height, self.size.width, 4), "typestr": "|u1", "data": self.raw}

    @property
    def bgra(self) -> bytes:
        return bytes(self.raw)

    @property
    def rgb(self) -> bytes:
        raise AssertionError("a conversion in Python, which is slow")
