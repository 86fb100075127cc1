"""Draws boxes on an image, for people to look at."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["COLORS", "draw_boxes", "encode", "image_format", "refuse_the_source"]

COLORS = ("#e6194b", "#0a7d28", "#1f4fe0", "#b8860b", "#8e24aa", "#d35400", "#00838f", "#5d4037")
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def image_format(path: str | Path) -> str:
    """Pillow's name of the format that a file's ending asks for.

    Raises:
        InputError: an ending that is none of .png, .jpg, .jpeg, .webp.
    """
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise InputError(
            f"{path}: cannot tell the image format from {ending or 'no ending'}; use one of {', '.join(FORMATS)}"
        )
    return FORMATS[ending]


def refuse_the_source(option: str, target: Path, image: str) -> None:
    """Drawing over the only copy of a screenshot would lose it.

    Args:
        option: that gave `target`, for the message.
        target: to be written.
        image: what is drawn, as the user gave it.

    Raises:
        InputError: `target` is the image itself.
    """
    from mlx_saccade.media import sources

    try:
        path = sources.named_file(image)
        same = path is not None and target.exists() and target.samefile(path)
    except (OSError, ValueError):  # `image` is no file: a size, or missing, which opening it will say
        same = False
    if same:
        raise InputError(f"{option} {target}: is the image itself; name another file")


def draw_boxes(
    pixels: NDArray[np.uint8], boxes: Sequence[tuple[Sequence[float], str]], *, file_format: str = "PNG"
) -> bytes:
    """An encoded copy of an image with boxes and their labels drawn on it.

    Args:
        pixels: uint8 [height, width, 3].
        boxes: ((x1, y1, x2, y2) in pixels of that image, label) for each box; labels equal in number of colors cycle.
        file_format: PNG, JPEG or WEBP.

    Returns:
        The bytes of the image file.

    Raises:
        InputError: the format cannot hold a picture of this size.
    """
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(pixels)
    canvas = ImageDraw.Draw(image)
    # Lines and text keep the same share of the picture at every size, so that a 4K one is legible when shrunk.
    stroke = max(2, round(max(image.size) / 640))
    font = ImageFont.load_default(size=max(12, max(image.size) // 90))
    for index, ((x1, y1, x2, y2), label) in enumerate(boxes):
        color = COLORS[index % len(COLORS)]
        canvas.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=color, width=stroke)
        left, top, right, bottom = canvas.textbbox((0, 0), label, font=font)
        width, height = right - left + 2 * stroke, bottom - top + 3 * stroke
        x = min(max(0.0, x1), max(0, image.width - width))
        y = y1 - height if y1 >= height else min(y2, image.height - height)
        canvas.rectangle((x, y, x + width, y + height), fill=color)
        canvas.text((x + stroke - left, y + stroke - top), label, fill="white", font=font)
    return encode(image, file_format)


def encode(image: Image.Image, file_format: str, **lossy: int) -> bytes:
    """The bytes of an image file.

    Args:
        image: what to write.
        file_format: PNG, JPEG or WEBP.
        lossy: options of the latter two, such as quality=92.

    Raises:
        InputError: the format cannot hold a picture of this size.
    """
    stream = io.BytesIO()
    try:
        image.save(stream, file_format, **({"compress_level": 3} if file_format == "PNG" else lossy))
    except (OSError, ValueError) as error:  # WebP ends at 16,383 pixels a side, JPEG at 65,500
        size = f"{image.width} x {image.height}"
        raise InputError(f"a picture of {size} cannot be written as {file_format} ({error}); save a .png") from None
    return stream.getvalue()
