"""One generated screen: its pixels and the elements that can be asked for."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..errors import InputError
from .layout import Box, Slot, arrange
from .palette import Colour, Theme, draw_theme, shade
from .shapes import PAINTERS
from .words import describe

# Part of every seed: raise it when the same seed no longer gives the same screen.
VERSION: Final = 1
SIDES: Final = (56, 8192)


@dataclass(frozen=True)
class Element:
    """Something on the screen that can be asked for.

    `box` is (x1, y1, x2, y2) in pixels, x right, y down, edges not centres: the element covers columns x1 to x2 - 1
    and rows y1 to y2 - 1. `description` is unique on its screen; `kind` is one of `KINDS`.
    """

    box: Box
    description: str
    kind: str


@dataclass(frozen=True)
class Scene:
    """A screen: `image` is uint8 RGB [height, width, 3]; `elements` are in drawing order, the topmost last."""

    image: NDArray[np.uint8]
    elements: tuple[Element, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


def _check(seed: int, size: tuple[int, int], smallest: int) -> None:
    if seed < 0:
        raise InputError(f"[scenes] seed must not be negative; got {seed}")
    if len(size) != 2 or any(not SIDES[0] <= side <= SIDES[1] for side in size):
        raise InputError(f"[scenes] size is (width, height), each from {SIDES[0]} to {SIDES[1]} pixels; got {size}")
    if not 4 <= smallest <= min(size) // 4:
        raise InputError(f"[scenes] smallest must be from 4 to a quarter of the short side; got {smallest} for {size}")


def _wallpaper(rng: np.random.Generator, theme: Theme, size: tuple[int, int]) -> Image.Image:
    start, end = theme.wallpaper
    if start == end:
        return Image.new("RGB", size, start)
    across = np.linspace(0, rng.random(), size[0], dtype=np.float32)[None, :, None]
    down = np.linspace(0, rng.random(), size[1], dtype=np.float32)[:, None, None]
    first, last = np.asarray(start, np.float32), np.asarray(end, np.float32)
    return Image.fromarray((first + (last - first) * ((across + down) / 2)).astype(np.uint8))


def _paint(rng: np.random.Generator, image: Image.Image, slots: list[Slot], theme: Theme) -> None:
    canvas = ImageDraw.Draw(image)
    for slot in slots:
        colour: Colour = theme.ink if slot.colour is None else shade(rng, slot.colour)
        PAINTERS[slot.kind](canvas, slot.box, colour, theme)


def generate(seed: int, size: tuple[int, int] = (3840, 2160), *, smallest: int | None = None) -> Scene:
    """Draw a desktop-like screen; the same arguments always give the same screen.

    Args:
        seed: any integer from 0.
        size: (width, height) in pixels, each side from 56 to 8192.
        smallest: shortest side in pixels that an element may have; None is 1 % of the screen's short side, at least 8.

    Raises:
        InputError: a negative seed, a size out of range, or `smallest` under 4 or over a quarter of the short side.
    """
    if smallest is None:
        smallest = max(8, min(size) // 100) if size else 8
    _check(seed, size, smallest)
    rng = np.random.default_rng([VERSION, seed, *size, smallest])
    theme = draw_theme(rng)
    image = _wallpaper(rng, theme, size)
    slots = arrange(rng, size, smallest)
    _paint(rng, image, slots, theme)
    named = [(slot, slot.colour) for slot in slots if slot.colour is not None]
    elements = tuple(Element(slot.box, describe(colour, slot.kind), slot.kind) for slot, colour in named)
    return Scene(np.asarray(image), elements)
