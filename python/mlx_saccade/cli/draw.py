"""Pictures with boxes drawn on them, and their file formats."""

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
    """Return Pillow's name of the format of a file name's suffix.

    Raises:
        InputError: a suffix other than .png, .jpg, .jpeg and .webp.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{path}: expected one of {', '.join(FORMATS)}; got {suffix or 'no suffix'}. Rename the file")
    return FORMATS[suffix]


def refuse_the_source(option: str, target: Path, image: str) -> None:
    """Refuse to write a picture over the image that it shows.

    Args:
        option: name of the option for `target`, for the message.
        target: path of the picture.
        image: the image, as the user gave it.

    Raises:
        InputError: `target` is the image itself.
    """
    from mlx_saccade.media import sources

    try:
        path = sources.named_file(image)
        same = path is not None and target.exists() and target.samefile(sources.find_file(path))
    except (OSError, ValueError):  # a size, or a missing file, which opening it reports
        same = False
    if same:
        raise InputError(f"{option} {target}: expected a new file; got the image itself. Name another file")


def draw_boxes(
    pixels: NDArray[np.uint8], boxes: Sequence[tuple[Sequence[float], str]], *, file_format: str = "PNG"
) -> bytes:
    """Return the file of a copy of an image with boxes and labels drawn on it.

    Args:
        pixels: uint8 [height, width, 3].
        boxes: ((x1, y1, x2, y2) in pixels of the image, label) of each box; the colors repeat after eight.
        file_format: PNG (default), JPEG or WEBP.

    Returns:
        The bytes of the file.

    Raises:
        InputError: the picture is too large for the format.
    """
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(pixels)
    canvas = ImageDraw.Draw(image)
    # Lines and text grow with the picture, so that a 4K one is legible when it is shrunk.
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
    """Return the bytes of an image's file.

    Args:
        image: the image.
        file_format: PNG, JPEG or WEBP.
        lossy: options of JPEG and WEBP, such as quality=92.

    Raises:
        InputError: the picture is too large for the format.
    """
    stream = io.BytesIO()
    try:
        image.save(stream, file_format, **({"compress_level": 3} if file_format == "PNG" else lossy))
    except (OSError, ValueError) as error:  # WebP ends at 16,383 pixels a side, JPEG at 65,500
        size = f"{image.width} x {image.height}"
        raise InputError(
            f"picture: expected a size that {file_format} can hold; got {size} ({error}). Save a .png"
        ) from None
    return stream.getvalue()
