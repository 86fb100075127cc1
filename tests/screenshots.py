"""Stand in for mss and PyAutoGUI, which the tests do not install."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Desktop", "ScreenShot", "Size"]


class Size(NamedTuple):
    width: int
    height: int


class ScreenShot:
    """Has what `mss.ScreenShot` offers of its pixels, by the same names and types."""

    __slots__ = ("left", "raw", "size", "top")

    def __init__(self, bgra: NDArray[np.uint8], left: int = 0, top: int = 0) -> None:
        self.raw = bytearray(bgra.tobytes())
        self.size = Size(bgra.shape[1], bgra.shape[0])
        self.left, self.top = left, top

    @property
    def width(self) -> int:
        return self.size.width

    @property
    def height(self) -> int:
        return self.size.height

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"version": 3, "shape": (self.size.height, self.size.width, 4), "typestr": "|u1", "data": self.raw}

    @property
    def bgra(self) -> bytes:
        return bytes(self.raw)

    @property
    def rgb(self) -> bytes:
        raise AssertionError("a conversion in Python, which is slow")


class Desktop:
    """Monitors that show one picture each, side by side from `left` on, and the clicks on them, in points.

    `blank` captures from now on show nothing.
    """

    def __init__(self, pictures: list[NDArray[np.uint8]], *, left: int, scale: int) -> None:
        """Take RGB pictures of one size in pixels, `scale` of which are a point."""
        height, width = pictures[0].shape[:2]
        self.scale, self.left, self.blank = scale, left, 0
        self.clicks: list[tuple[float, float]] = []
        self.pixels = np.zeros((height, width * len(pictures), 4), np.uint8)  # the fourth byte is 0, as on X11
        for index, picture in enumerate(pictures):
            self.pixels[:, index * width : (index + 1) * width, :3] = picture[..., ::-1]
        points = {"top": 0, "width": width // scale, "height": height // scale}
        each = [{"left": left + index * points["width"], **points} for index in range(len(pictures))]
        each.sort(key=lambda monitor: monitor["left"] != 0)  # the primary one is the first
        self.monitors = [{"left": left, **points, "width": points["width"] * len(pictures)}, *each]

    def __enter__(self) -> Desktop:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def grab(self, area: dict[str, int]) -> ScreenShot:
        """Capture an area in points, in all pixels."""
        x, y = (area["left"] - self.left) * self.scale, area["top"] * self.scale
        part = self.pixels[y : y + area["height"] * self.scale, x : x + area["width"] * self.scale]
        self.blank, part = max(0, self.blank - 1), part * (self.blank == 0)
        return ScreenShot(part, area["left"], area["top"])

    def click(self, x: float, y: float) -> None:
        self.clicks.append((x, y))

    def modules(self) -> dict[str, ModuleType]:
        """Return modules of the two packages' names, with what the guide uses."""
        mss, pyautogui = ModuleType("mss"), ModuleType("pyautogui")
        primary = self.monitors[1]
        vars(mss).update(MSS=lambda: self, ScreenShot=ScreenShot)
        vars(pyautogui).update(click=self.click, size=lambda: Size(primary["width"], primary["height"]))
        return {"mss": mss, "pyautogui": pyautogui}
