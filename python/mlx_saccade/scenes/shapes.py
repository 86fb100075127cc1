"""The drawings of each kind of element; each touches all four edges of its box and stays inside it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .boxes import Box, inset
from .descriptions import GLYPHS
from .glyphs import glyph_stamp
from .palette import WHITE, Color, bright, ink, mark, mix
from .raster import Canvas
from .writing import write_centered, write_line, write_lines


@dataclass(frozen=True)
class Brush:
    """The colors and variation of a drawing.

    Attributes:
        color: color of the element.
        body: surface under its content; its color if it is not a container.
        ground: surface beneath it.
        unit: usual side of the controls around it, in pixels.
        look: whole number that varies the drawing, such as the place of a slider's knob.
    """

    color: Color
    body: Color
    ground: Color
    unit: int
    look: int


Painter = Callable[[Canvas, Box, Brush], None]


def _side(box: Box) -> int:
    return min(box[2] - box[0], box[3] - box[1])


def _line(box: Box, share: float) -> int:
    return max(1, round(share * _side(box)))


def _sub(box: Box, left: float, top: float, right: float, bottom: float) -> Box:
    """Return the part of a box between these shares of its width and height, at least one pixel each way."""
    width, height = box[2] - box[0], box[3] - box[1]
    x1, y1 = box[0] + round(left * width), box[1] + round(top * height)
    x2, y2 = box[0] + round(right * width), box[1] + round(bottom * height)
    x1, y1 = min(x1, box[2] - 1), min(y1, box[3] - 1)
    return x1, y1, max(x1 + 1, x2), max(y1 + 1, y2)


def _glyph(canvas: Canvas, box: Box, name: str, color: Color) -> None:
    canvas.stamp(box[0], box[1], glyph_stamp(name, box[2] - box[0], box[3] - box[1], canvas.scale), color)


def corner(unit: int) -> int:
    """Return the radius of the corners of windows, panels and dialogs."""
    return max(1, round(0.28 * unit))


def draw_window(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a body with an outline in the color; its title bar is an element of its own."""
    canvas.rounded(box, corner(brush.unit), brush.color)
    line = max(1, round(0.09 * brush.unit))
    canvas.rounded(inset(box, line), corner(brush.unit) - line, brush.body)


def draw_title_bar(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a strip in the color with round upper corners: three dots at one end, a title in the middle."""
    canvas.rounded(box, corner(brush.unit), brush.color, top_only=True)
    height = box[3] - box[1]
    dot = max(2, round(0.34 * height))
    over = mix(brush.color, ink(brush.color), 0.75)
    for place in range(3):
        away = round(height * (0.5 + 0.62 * place))
        x = box[0] + away if brush.look % 2 else box[2] - away - dot
        y = box[1] + (height - dot) // 2
        if box[0] <= x and x + dot <= box[2]:
            canvas.ellipse((x, y, x + dot, y + dot), over)
    if box[2] - box[0] > 8 * height:
        write_centered(canvas, _sub(box, 0.3, 0, 0.7, 1), round(0.5 * height), over, brush.look)


def draw_panel(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a flat card with round corners, all in the color."""
    canvas.rounded(box, corner(brush.unit), brush.body)


def draw_dialog(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a thick frame with round corners, a plain body, and a foot in a lighter shade of the color."""
    canvas.rounded(box, 2 * corner(brush.unit), brush.color)
    line = max(2, round(0.2 * brush.unit))
    canvas.rounded(inset(box, line), 2 * corner(brush.unit) - line, brush.body)


def draw_toolbar(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a strip in the color with a darker rule under it and a grip of dots at its left end."""
    canvas.fill(box, brush.body)
    rule = max(1, round(0.06 * brush.unit))
    canvas.fill((box[0], box[3] - rule, box[2], box[3]), mix(brush.body, ink(brush.body), 0.35))
    height = box[3] - box[1]
    dot = max(1, round(0.1 * height))
    over = mix(brush.body, ink(brush.body), 0.7)
    for column in range(2):
        for row in range(3):
            x, y = box[0] + dot * (1 + 2 * column), box[1] + height // 2 + dot * (2 * row - 3)
            canvas.fill((x, max(y, box[1]), min(x + dot, box[2]), min(y + dot, box[3])), over)


def draw_tab(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a tinted tongue with round upper corners, a band of the color along its top, and a word."""
    canvas.rounded(box, corner(brush.unit), brush.body, top_only=True)
    height = box[3] - box[1]
    band = box[0], box[1], box[2], box[1] + max(2, round(0.26 * height))
    canvas.rounded(band, corner(brush.unit), brush.color, top_only=True)
    write_line(canvas, _sub(box, 0.14, 0.34, 0.86, 0.94), round(0.5 * height), ink(brush.body), brush.look)


def draw_list(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw paper with a frame in the color and a wide band of it along the left."""
    canvas.fill(box, brush.body)
    canvas.frame(box, max(1, round(0.1 * brush.unit)), brush.color)
    canvas.fill((box[0], box[1], min(box[0] + max(2, round(0.24 * brush.unit)), box[2]), box[3]), brush.color)


def draw_table(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw paper with a frame in the color; head and rules are laid over it."""
    canvas.fill(box, brush.body)
    canvas.frame(box, max(1, round(0.1 * brush.unit)), brush.color)


def draw_row(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a marked line of a list or table: a flat strip in the color, with writing."""
    canvas.fill(box, brush.body)
    height = box[3] - box[1]
    line = (box[0] + height // 2, box[1], min(box[0] + 10 * height, box[2] - height // 4), box[3])
    write_line(canvas, line, round(0.5 * height), mark(brush.body), brush.look)


def draw_dock(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a neutral strip; it has round corners where it does not reach the edges of the screen."""
    width, height = canvas.size
    floating = box[0] > 0 and box[1] > 0 and box[2] < width and box[3] < height
    canvas.rounded(box, 2 * corner(brush.unit) if floating else 0, brush.body)


def draw_round_button(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a disc with an inner disc, so that it is not a ring."""
    canvas.ellipse(box, brush.color)
    canvas.ellipse(_sub(box, 0.36, 0.36, 0.64, 0.64), mark(brush.color))


def draw_square_button(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a square with round corners and a bar across."""
    canvas.rounded(box, _line(box, 0.16), brush.color)
    canvas.fill(_sub(box, 0.25, 0.43, 0.75, 0.57), mark(brush.color))


def draw_push_button(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a wide block with round corners and a word."""
    canvas.rounded(box, _line(box, 0.22), brush.color)
    write_centered(canvas, _sub(box, 0.12, 0, 0.88, 1), round(0.62 * (box[3] - box[1])), mark(brush.color), brush.look)


def draw_slider(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a thin track from edge to edge and a darker knob as high as the box."""
    canvas.rounded(_sub(box, 0, 0.36, 1, 0.64), _line(box, 0.14), brush.color)
    height = box[3] - box[1]
    x = box[0] + round((0.1 + 0.8 * (brush.look % 97) / 97) * (box[2] - box[0] - height))
    canvas.ellipse((x, box[1], x + height, box[3]), mix(brush.color, ink(brush.ground), 0.35))


def draw_check_box(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a square outline with a tick."""
    line = _line(box, 0.14)
    canvas.rounded(box, line, brush.color)
    canvas.fill(inset(box, line), mix(brush.ground, WHITE if bright(brush.ground) else (0, 0, 0), 0.6))
    inner = _sub(box, 0.22, 0.24, 0.8, 0.78)
    _glyph(canvas, inner, "tick", brush.color)


def draw_text_field(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a long outline around paper, with a line of writing that does not fill it."""
    line = _line(box, 0.12)
    canvas.rounded(box, line, brush.color)
    fill = mix(brush.ground, WHITE if bright(brush.ground) else (0, 0, 0), 0.6)
    canvas.fill(inset(box, line), fill)
    write_line(canvas, _sub(box, 0.08, 0, 0.6, 1), round(0.52 * (box[3] - box[1])), ink(fill), brush.look)


def draw_toggle_switch(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a pill with a knob at one end."""
    canvas.rounded(box, _side(box) // 2, brush.color)
    height = box[3] - box[1]
    inner = max(1, height // 7)
    x = box[2] - height if brush.look % 3 else box[0]
    canvas.ellipse((x + inner, box[1] + inner, x + height - inner, box[3] - inner), mark(brush.color))


def draw_text(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw as many lines of writing as fit, `unit` pixels high each."""
    write_lines(canvas, box, brush.unit, brush.color, brush.look)


def draw_one_line(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw one line of writing, halfway down the box."""
    write_line(canvas, box, brush.unit, brush.color, brush.look)


def draw_caption(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a word or two in the middle of the box."""
    write_centered(canvas, box, brush.unit, brush.color, brush.look)


def draw_head(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw the head of a table, with writing all along it."""
    canvas.fill(box, brush.color)
    inner = (box[0] + brush.unit // 2, box[1], box[2] - brush.unit // 2, box[3])
    write_line(canvas, inner, round(0.7 * (box[3] - box[1])), mix(brush.color, ink(brush.color), 0.85), brush.look)


def draw_block(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw a plain rectangle."""
    canvas.fill(box, brush.color)


def draw_foot(canvas: Canvas, box: Box, brush: Brush) -> None:
    """Draw the foot of a dialog, with the round lower corners of its inside."""
    x1, y1, x2, y2 = box
    radius = 2 * corner(brush.unit) - max(2, round(0.2 * brush.unit))
    canvas.rounded(box, radius, brush.color)
    canvas.fill((x1, y1, x2, max(y1, y2 - max(0, radius))), brush.color)


def _icon_painter(glyph: str) -> Painter:
    def draw(canvas: Canvas, box: Box, brush: Brush) -> None:
        _glyph(canvas, box, glyph, brush.color)

    return draw


PAINTERS: Final[dict[str, Painter]] = {
    "window": draw_window,
    "panel": draw_panel,
    "dialog": draw_dialog,
    "toolbar": draw_toolbar,
    "list": draw_list,
    "table": draw_table,
    "dock": draw_dock,
    "title bar": draw_title_bar,
    "tab": draw_tab,
    "row": draw_row,
    "round button": draw_round_button,
    "square button": draw_square_button,
    "push button": draw_push_button,
    "slider": draw_slider,
    "check box": draw_check_box,
    "text field": draw_text_field,
    "toggle switch": draw_toggle_switch,
    **{f"{glyph} icon": _icon_painter(glyph) for glyph in GLYPHS},
}
DECORATIONS: Final[dict[str, Painter]] = {
    "text": draw_text,
    "line": draw_one_line,
    "caption": draw_caption,
    "foot": draw_foot,
    **dict.fromkeys(("rule", "strip"), draw_block),
    "head": draw_head,
}
