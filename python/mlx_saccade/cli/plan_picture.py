"""The picture of a plan: the resized image, its tokens and attention windows, and a legend with the sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli.draw import encode
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import sizes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlx_saccade.preprocess.plan import Plan

__all__ = ["Layout", "check_size", "render"]

Color = tuple[int, int, int]

PAPER: Color = (255, 255, 255)
INK: Color = (30, 34, 42)
FAINT: Color = (104, 112, 124)
GROUND: Color = (226, 230, 236)
WHOLE: Color = (21, 101, 216)
PARTIAL: Color = (232, 89, 12)

# Several copies of the resized image are in memory while it is drawn.
MAX_DRAWN_PIXELS = 1 << 25
# Small images are enlarged toward this many pixels; a strip longer than FOLD times its width is cut and stacked.
TARGET_SIDE = 1280
MAX_ZOOM = 16
FOLD = 4.5


@dataclass(frozen=True)
class Layout:
    """The layout of a picture; lengths are in drawn pixels.

    Attributes:
        zoom: drawn pixels per model pixel, each way.
        parts: number of pieces that the image is cut into along its longer side.
        length: length of a piece along that side, in whole tokens; the last piece may be shorter.
        across: the image is at least as wide as tall, and its pieces are stacked; else they are side by side.
        width: width of all pieces and the gaps between them.
        height: height of all pieces and the gaps between them.
        gap: gap between two pieces.
        text: height of the text.
    """

    zoom: int
    parts: int
    length: int
    across: bool
    width: int
    height: int
    gap: int
    text: int


def check_size(plan: Plan) -> None:
    """Refuse a plan whose picture would not fit into memory.

    Raises:
        InputError: the resized image has more than 2^25 pixels.
    """
    width, height = plan.resized_size
    if width * height > MAX_DRAWN_PIXELS:
        raise InputError(
            f"picture: expected at most {MAX_DRAWN_PIXELS:,} pixels; got {width}x{height}, which is too large to draw. "
            "Give a smaller --budget"
        )


def lay_out(plan: Plan) -> Layout:
    """Return a layout with legible tokens that is not much longer than wide."""
    width, height = plan.resized_size
    across = width >= height
    long, short = max(width, height), min(width, height)
    step = plan.family.window_size or plan.family.factor
    parts, length = 1, long
    if long > FOLD * short:
        # Stacked rows should be one and a half times as wide as they are high together; columns likewise.
        shape = 1.5 if across else 1 / 1.5
        pieces = max(1, round(math.sqrt(long / (shape * (short + plan.family.factor)))))
        length = min(long, math.ceil(long / pieces / step) * step)
        parts = math.ceil(long / length)
    zoom = max(1, min(MAX_ZOOM, TARGET_SIDE // max(length, parts * short)))
    length, short = length * zoom, short * zoom
    text = max(16, round(max(length, parts * short) / 62))
    gap = round(1.6 * text)
    stacked = parts * (short + gap) if parts > 1 else short
    wide, high = (length, stacked) if across else (stacked, length + (gap if parts > 1 else 0))
    return Layout(zoom, parts, length, across, wide, high, gap, text)


def render(plan: Plan, pixels: NDArray[np.uint8] | None = None, *, file_format: str = "PNG") -> bytes:
    """Draw a plan and return the bytes of the file.

    Args:
        plan: the plan to draw.
        pixels: the image at `plan.resized_size`, uint8 [height, width, 3]; None (default) draws a plain background.
        file_format: PNG (default), JPEG or WEBP.

    Raises:
        InputError: as `check_size`.
    """
    from PIL import Image

    check_size(plan)
    layout = lay_out(plan)
    picture = draw_grid(plan, layout, pixels)
    margin = layout.text + layout.text // 2
    lines = legend(plan, layout, plain=pixels is None)
    panel = draw_legend(lines, layout.text)
    beside = layout.height > 1.6 * layout.width
    if beside:
        size = (layout.width + panel.width + 3 * margin, max(layout.height, panel.height) + 2 * margin)
        corner = (layout.width + 2 * margin, margin)
    else:
        size = (max(layout.width, panel.width) + 2 * margin, layout.height + panel.height + 3 * margin)
        corner = (margin, layout.height + 2 * margin)
    paper = Image.new("RGB", size, PAPER)
    place_parts(paper, picture, layout, margin, plan)
    paper.paste(panel, corner)
    return encode(paper, file_format, quality=92)


def draw_grid(plan: Plan, layout: Layout, pixels: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Return the enlarged image with tokens and windows drawn on it, not yet cut: uint8 [height, width, 3]."""
    import numpy as np

    width, height = plan.resized_size
    if pixels is None:
        picture = np.full((height * layout.zoom, width * layout.zoom, 3), GROUND, np.uint8)
    else:
        picture = np.repeat(np.repeat(pixels, layout.zoom, axis=0), layout.zoom, axis=1)
    token = plan.family.factor * layout.zoom
    line = max(1, min(round(layout.text / 20), token // 12), token // 150)
    if plan.family.window_size is not None:
        shade_partial(picture, plan.family.window_size * layout.zoom, period=max(layout.text, token // 8))
    for start in range(token, width * layout.zoom, token):
        draw_contrast(picture[:, start : start + line])
    for start in range(token, height * layout.zoom, token):
        draw_contrast(picture[start : start + line])
    if plan.family.window_size is not None:
        stroke = max(2, min(round(layout.text / 11), token // 7), token // 60)
        outline_windows(picture, plan.family.window_size * layout.zoom, stroke=stroke)
    return picture


def draw_contrast(area: NDArray[np.uint8]) -> None:
    """Lighten dark pixels and darken light ones, so that a thin line shows on any background."""
    import numpy as np

    dark = area.mean(axis=2, keepdims=True) < 110
    area[:] = np.where(dark, area * 0.6 + 102, area * 0.62).astype(np.uint8)


def shade_partial(picture: NDArray[np.uint8], side: int, *, period: int) -> None:
    """Tint and hatch the windows of `side` drawn pixels that the right and bottom edges cut off."""
    height, width = picture.shape[:2]
    inner_w, inner_h = width // side * side, height // side * side
    for left, top, right, bottom in ((inner_w, 0, width, inner_h), (0, inner_h, width, height)):
        hatch(picture[top:bottom, left:right], origin=(left, top), period=period)


def hatch(area: NDArray[np.uint8], *, origin: tuple[int, int], period: int) -> None:
    """Tint an area and draw diagonals on it; `origin` is its (x, y) in the picture, so that areas join up."""
    import numpy as np

    rows = np.arange(area.shape[0])[:, None] + origin[1]
    columns = np.arange(area.shape[1])[None, :] + origin[0]
    stripe = ((rows + columns) % period < max(2, period // 9))[..., None]
    share = np.where(stripe, np.float32(0.5), np.float32(0.14))
    area[:] = (area * (1 - share) + np.array(PARTIAL, np.float32) * share).astype(np.uint8)


def outline_windows(picture: NDArray[np.uint8], side: int, *, stroke: int) -> None:
    """Outline every window just inside its edge, so that neighbors' lines are side by side in their own colors."""
    height, width = picture.shape[:2]
    for top in range(0, height, side):
        for left in range(0, width, side):
            window = picture[top : top + side, left : left + side]
            color = WHOLE if window.shape[:2] == (side, side) else PARTIAL
            for edge in (window[:stroke], window[-stroke:], window[:, :stroke], window[:, -stroke:]):
                edge[:] = color


def place_parts(paper: Any, picture: NDArray[np.uint8], layout: Layout, margin: int, plan: Plan) -> None:
    """Paste the pieces of the picture, each below the offset at which it starts."""
    from PIL import Image, ImageDraw

    canvas, font = ImageDraw.Draw(paper), _font(layout.text * 4 // 5)
    short = min(plan.resized_size) * layout.zoom
    for part in range(layout.parts):
        start = part * layout.length
        piece = picture[:, start : start + layout.length] if layout.across else picture[start : start + layout.length]
        below = layout.gap if layout.parts > 1 else 0
        x = margin if layout.across else margin + part * (short + layout.gap)
        y = margin + below + (part * (short + layout.gap) if layout.across else 0)
        if layout.parts > 1:
            axis = "x" if layout.across else "y"
            canvas.text((x, y - layout.text // 4), f"{axis} {start // layout.zoom}", fill=FAINT, font=font, anchor="ls")
        paper.paste(Image.fromarray(piece), (x, y))


def legend(plan: Plan, layout: Layout, *, plain: bool) -> list[tuple[str, str]]:
    """Return the (mark, text) of each line; the mark is "title", "token", "whole", "partial" or ""."""
    (source_w, source_h), (width, height), (scale_x, scale_y) = plan.source_size, plan.resized_size, plan.scale
    factor = plan.family.factor
    lines = [
        ("title", f"{source_w} x {source_h} px becomes {width} x {height} px: {plan.tokens:,} tokens"),
        ("token", f"{width // factor} x {height // factor} tokens of {factor} x {factor} px"),
    ]
    side = plan.family.window_size
    if side is None:
        lines.append(("", f"{plan.family.name} has no windows: every token attends to all others"))
    else:
        kinds = sizes.window_kinds(plan)
        cut = [kind for kind in kinds if not kind.whole]
        whole = sum(kind.count for kind in kinds if kind.whole)
        each = f" of {side} x {side} px, {(side // factor) ** 2} tokens each" if whole else ""
        lines.append(("whole", _count_text(whole, "whole window") + each))
        partial = _count_text(plan.windows - whole, "partial window")
        if len(cut) == 1:
            partial += f" of {cut[0].columns} x {cut[0].rows} tokens"
        elif cut:
            partial += f": {', '.join(f'{kind.count:,} of {kind.columns} x {kind.rows}' for kind in cut)} tokens"
        lines.append(("partial", partial))
    lines.append(("", f"budget {plan.budget}; a model pixel covers {scale_x:.3f} x {scale_y:.3f} source px"))
    notes = [f"drawn {layout.zoom} times as large"] if layout.zoom > 1 else []
    notes += [f"cut into {layout.parts} {'rows' if layout.across else 'columns'}"] if layout.parts > 1 else []
    notes += ["plain background: no image was given"] if plain else []
    return [*lines, ("", "; ".join(notes))] if notes else lines


def draw_legend(lines: list[tuple[str, str]], text: int) -> Any:
    """Return the legend as an image just large enough for its lines."""
    from PIL import Image, ImageDraw

    fonts = {"title": _font(round(text * 1.3))}
    plain, swatch, leading = _font(text), round(1.2 * text), round(1.7 * text)
    marked = swatch + text // 2
    widths = [
        fonts.get(mark, plain).getlength(words) + (0 if mark in ("title", "") else marked) for mark, words in lines
    ]
    panel = Image.new("RGB", (math.ceil(max(widths)) + 2, leading * len(lines) + text // 2), PAPER)
    canvas = ImageDraw.Draw(panel)
    y = 0
    for mark, words in lines:
        middle, x = y + leading // 2, 0
        if mark in ("token", "whole", "partial"):
            draw_swatch(canvas, mark, (0, middle - swatch // 2), swatch)
            x = marked
        color = FAINT if mark == "" else INK
        canvas.text((x, middle), words, fill=color, font=fonts.get(mark, plain), anchor="lm")
        y += leading + (text // 2 if mark == "title" else 0)
    return panel


def draw_swatch(canvas: Any, mark: str, corner: tuple[int, int], side: int) -> None:
    """Draw a small sample of a token, whole window or partial window."""
    (x, y), stroke = corner, max(2, side // 9)
    box = (x, y, x + side - 1, y + side - 1)
    if mark == "token":
        canvas.rectangle(box, fill=GROUND, outline=FAINT)
        canvas.line((x + side // 2, y, x + side // 2, y + side - 1), fill=FAINT)
        canvas.line((x, y + side // 2, x + side - 1, y + side // 2), fill=FAINT)
    elif mark == "whole":
        canvas.rectangle(box, fill=GROUND, outline=WHOLE, width=stroke)
    else:
        canvas.rectangle(box, fill=(248, 205, 180), outline=PARTIAL, width=stroke)
        canvas.line((x, y + side - 1, x + side - 1, y), fill=PARTIAL, width=stroke)


def _count_text(count: int, name: str) -> str:
    return f"{count:,} {name}{'s' * (count != 1)}" if count else f"no {name}s"


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=max(10, size))
