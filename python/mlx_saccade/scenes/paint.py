"""The drawing of a layout: the wallpaper, and each slot in its color on the surface beneath it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .layout import Layout, Slot
from .palette import Color, Theme, body, draw_theme, ink, mix, shade
from .raster import Canvas
from .rng import Rng
from .shapes import DECORATIONS, PAINTERS, Brush, corner

SHADOW: Final = 0.34
# Share of the writing color in rules and strips; the rest is the surface beneath.
INK: Final = {"rule": 0.22, "strip": 0.14}


def draw_wallpaper(rng: Rng, canvas: Canvas, theme: Theme) -> None:
    """Draw a sky with a vertical gradient, and hills in front of it."""
    height, width = canvas.words.shape
    top, bottom = (np.array(color, np.float64) for color in theme.sky)
    share = (np.arange(height) / max(1, height - 1))[:, None]
    rows = np.full((height, 4), 255, np.uint8)
    rows[:, :3] = np.rint(top + (bottom - top) * share)
    canvas.words[:] = rows.view(np.uint32)
    x = np.arange(width) / width
    for place, color in enumerate(theme.hills):
        # Parabolas instead of sines, whose values differ between platforms.
        peak, spread = rng.uniform(-0.1, 1.1), rng.uniform(0.35, 0.9)
        high = rng.uniform(0.5, 0.85) - 0.18 * place
        crest = height * (1 - high * np.clip(1 - ((x - peak) / spread) ** 2, 0, 1))
        start = int(crest.min())
        below = np.arange(start, height)[:, None] >= np.rint(crest)[None]
        word = np.array((*color, 255), np.uint8).view(np.uint32)
        np.copyto(canvas.words[start:], word, where=below)


def _decoration_color(slot: Slot, parent: Brush | None, canvas: Canvas) -> Color:
    """Return the neutral color of writing, or the parent's color for a part of its drawing."""
    if parent is None:
        x, top, _, bottom = slot.box
        row, column = canvas.scale * ((top + bottom) // 2), canvas.scale * x
        r, g, b = (int(value) for value in canvas.bytes[row, column, :3])
        return ink((r, g, b))
    if slot.kind == "head":
        return parent.color
    if slot.kind == "foot":
        return mix(parent.body, parent.color, 0.28)
    return mix(parent.body, ink(parent.body), INK.get(slot.kind, 0.8))


@dataclass(frozen=True)
class Paints:
    """The colors of a screen: the wallpaper, a brush per slot, True for a dark theme, and the pixels per point."""

    sky: NDArray[np.uint32]
    brushes: tuple[Brush, ...]
    dark: bool
    scale: int


def prepare(rng: Rng, layout: Layout, scale: int = 1) -> Paints:
    """Choose all colors of a screen that is drawn at `scale` pixels per unit of length."""
    theme = draw_theme(rng)
    canvas = Canvas(layout.size, scale)
    draw_wallpaper(rng, canvas, theme)
    brushes: list[Brush] = []
    for slot in layout.slots:
        parent = brushes[slot.parent] if slot.parent is not None else None
        ground = parent.body if parent is not None else mix(*theme.sky, 0.5)
        if slot.color is None:
            color = _decoration_color(slot, parent, canvas)
            brushes.append(Brush(color, color, ground, slot.unit, slot.look))
            continue
        # A title bar has the color of its window.
        color = parent.color if slot.kind == "title bar" and parent is not None else shade(rng, slot.color)
        surface = body(slot.kind, slot.color, color, theme, ground)
        brushes.append(Brush(color, surface, ground, slot.unit, slot.look))
    return Paints(canvas.words, tuple(brushes), theme.dark, scale)


def draw(layout: Layout, paints: Paints, leave_out: int | None = None) -> NDArray[np.uint8]:
    """Draw a layout, except for the slot `leave_out`: uint8 RGB [height, width, 3]."""
    canvas = Canvas(layout.size, paints.scale)
    canvas.words[:] = paints.sky
    for index, (slot, brush) in enumerate(zip(layout.slots, paints.brushes, strict=True)):
        if index == leave_out:
            continue
        if slot.kind == "dialog" or (slot.parent is None and slot.kind in ("window", "panel")):
            radius = corner(slot.unit) * (2 if slot.kind == "dialog" else 1)
            canvas.shadow(slot.box, max(1, slot.unit // 3), SHADOW, radius)
        (PAINTERS if slot.color is not None else DECORATIONS)[slot.kind](canvas, slot.box, brush)
    return canvas.image()
