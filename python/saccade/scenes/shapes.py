"""How each kind of element is drawn. Every drawing touches all four edges of its box and stays inside it."""

import math
from collections.abc import Callable
from typing import Final

from PIL import ImageDraw

from .layout import Box, title_height
from .palette import Colour, Theme, mix

Canvas = ImageDraw.ImageDraw
Point = tuple[float, float]

WHITE: Final[Colour] = (250, 250, 250)
BLACK: Final[Colour] = (16, 16, 16)


def _unit(points: list[Point]) -> list[Point]:
    """Stretch a polygon so that it spans 0..1 both ways."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    return [((x - min(xs)) / width, (y - min(ys)) / height) for x, y in points]


def _star() -> list[Point]:
    radii = [1.0 if i % 2 == 0 else 0.42 for i in range(10)]
    return _unit([(r * math.sin(i * math.pi / 5), -r * math.cos(i * math.pi / 5)) for i, r in enumerate(radii)])


THIRD: Final = 0.34
POLYGONS: Final[dict[str, list[Point]]] = {
    "triangle": [(0.5, 0), (1, 1), (0, 1)],
    "star": _star(),
    "cross": [
        (THIRD, 0), (1 - THIRD, 0), (1 - THIRD, THIRD), (1, THIRD), (1, 1 - THIRD), (1 - THIRD, 1 - THIRD),
        (1 - THIRD, 1), (THIRD, 1), (THIRD, 1 - THIRD), (0, 1 - THIRD), (0, THIRD), (THIRD, THIRD),
    ],
    "diamond": [(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)],
    "arrow": [(0, 0.3), (0.5, 0.3), (0.5, 0), (1, 0.5), (0.5, 1), (0.5, 0.7), (0, 0.7)],
}  # fmt: skip


def _last(box: Box) -> tuple[int, int, int, int]:
    """Pillow includes the last pixel; boxes here do not."""
    return box[0], box[1], box[2] - 1, box[3] - 1


def _side(box: Box) -> int:
    return min(box[2] - box[0], box[3] - box[1])


def _line(box: Box, share: float) -> int:
    return max(1, round(_side(box) * share))


def _polygon(canvas: Canvas, box: Box, points: list[Point], fill: Colour) -> None:
    x1, y1, x2, y2 = _last(box)
    canvas.polygon([(x1 + x * (x2 - x1), y1 + y * (y2 - y1)) for x, y in points], fill=fill)


def _sub(box: Box, left: float, top: float, right: float, bottom: float) -> Box:
    """The part of a box between these shares of its width and height, at least one pixel each way."""
    width, height = box[2] - box[0], box[3] - box[1]
    x1, y1 = box[0] + round(left * width), box[1] + round(top * height)
    x2, y2 = box[0] + round(right * width), box[1] + round(bottom * height)
    return x1, y1, max(x1 + 1, x2), max(y1 + 1, y2)


def draw_window(canvas: Canvas, box: Box, colour: Colour, theme: Theme) -> None:
    """A frame and title bar in the colour, a tinted body, three neutral dots."""
    line = max(1, title_height(box) // 6)
    canvas.rectangle(_last(box), fill=mix(theme.surface, colour, 0.22), outline=colour, width=line)
    height = title_height(box)
    canvas.rectangle(_last((box[0], box[1], box[2], box[1] + height)), fill=colour)
    radius = height // 4
    for place in range(3):
        x, y = box[2] - height * (place + 1), box[1] + height // 2
        if radius >= 1 and x - radius > box[0]:
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=WHITE)


def draw_panel(canvas: Canvas, box: Box, colour: Colour, theme: Theme) -> None:
    """A flat rounded card, all in the colour."""
    canvas.rounded_rectangle(_last(box), radius=_line(box, 0.05), fill=mix(colour, theme.surface, 0.25))


def draw_round_button(canvas: Canvas, box: Box, colour: Colour, theme: Theme) -> None:
    """A disc with a bright inner disc, so that it is not a ring."""
    canvas.ellipse(_last(box), fill=colour)
    canvas.ellipse(_last(_sub(box, 0.36, 0.36, 0.64, 0.64)), fill=WHITE)


def draw_square_button(canvas: Canvas, box: Box, colour: Colour, theme: Theme) -> None:
    """A rounded square with a bright bar across."""
    canvas.rounded_rectangle(_last(box), radius=_line(box, 0.16), fill=colour)
    canvas.rectangle(_last(_sub(box, 0.25, 0.43, 0.75, 0.57)), fill=WHITE)


def draw_slider(canvas: Canvas, box: Box, colour: Colour, theme: Theme) -> None:
    """A thin track from edge to edge and a knob as high as the box."""
    canvas.rectangle(_last(_sub(box, 0, 0.36, 1, 0.64)), fill=colour)
    height = box[3] - box[1]
    # The place of the knob hangs on the coordinates: drawing stays a pure function of the slot.
    x = box[0] + round((0.1 + 0.8 * ((box[0] * 7 + box[1] * 13) % 97) / 97) * (box[2] - box[0] - height))
    canvas.ellipse(_last((x, box[1], x + height, box[3])), fill=mix(colour, WHITE if theme.dark else BLACK, 0.3))


def draw_check_box(canvas: Canvas, box: Box, colour: Colour, theme: Theme) -> None:
    """A square outline with a tick."""
    canvas.rectangle(_last(box), fill=theme.surface, outline=colour, width=_line(box, 0.14))
    width, height = box[2] - box[0], box[3] - box[1]
    tick = [(0.25, 0.5), (0.45, 0.7), (0.78, 0.28)]
    points = [(box[0] + x * width, box[1] + y * height) for x, y in tick]
    canvas.line(points, fill=colour, width=_line(box, 0.12))


def draw_text_field(canvas: Canvas, box: Box, colour: Colour, theme: Theme) -> None:
    """A long outline on the neutral surface, with a line of writing that does not fill it."""
    canvas.rectangle(_last(box), fill=theme.surface, outline=colour, width=_line(box, 0.13))
    canvas.rectangle(_last(_sub(box, 0.08, 0.42, 0.55, 0.58)), fill=theme.ink)


def draw_toggle_switch(canvas: Canvas, box: Box, colour: Colour, theme: Theme) -> None:
    """A pill with a bright knob at its right end."""
    canvas.rounded_rectangle(_last(box), radius=_side(box) // 2, fill=colour)
    height = box[3] - box[1]
    inner = max(1, height // 7)
    canvas.ellipse(_last((box[2] - height + inner, box[1] + inner, box[2] - inner, box[3] - inner)), fill=WHITE)


def draw_ring_icon(canvas: Canvas, box: Box, colour: Colour, theme: Theme) -> None:
    """A circle that lets the background through."""
    canvas.ellipse(_last(box), outline=colour, width=_line(box, 0.2))


def draw_text(canvas: Canvas, box: Box, colour: Colour, theme: Theme) -> None:
    """Neutral decoration: three lines of writing."""
    for row, length in enumerate((1.0, 0.8, 0.55)):
        canvas.rectangle(_last(_sub(box, 0, row * 0.4, length, row * 0.4 + 0.2)), fill=colour)


def draw_bar(canvas: Canvas, box: Box, colour: Colour, theme: Theme) -> None:
    """Neutral decoration: the dock's strip."""
    canvas.rectangle(_last(box), fill=theme.bar)


def _polygon_painter(points: list[Point]) -> Callable[[Canvas, Box, Colour, Theme], None]:
    return lambda canvas, box, colour, theme: _polygon(canvas, box, points, colour)


PAINTERS: Final[dict[str, Callable[[Canvas, Box, Colour, Theme], None]]] = {
    "window": draw_window,
    "panel": draw_panel,
    "round button": draw_round_button,
    "square button": draw_square_button,
    "slider": draw_slider,
    "check box": draw_check_box,
    "text field": draw_text_field,
    "toggle switch": draw_toggle_switch,
    "ring icon": draw_ring_icon,
    "text": draw_text,
    "bar": draw_bar,
    **{f"{name} icon": _polygon_painter(points) for name, points in POLYGONS.items()},
}
