"""Open a source that holds a file or a Pillow image, without its pixels, and decode these with few copies."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from PIL import Image

from mlx_saccade.errors import InputError, kind_of
from mlx_saccade.media import arrays, decode, fast_decoders, pages, sources
from mlx_saccade.media.color import Color, to_rgb
from mlx_saccade.media.orientation import read_orientation, turn_upright, upright_size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Encoded", "OpenedImage", "open_stream", "open_undecoded", "reduce", "stored_pixels"]


@dataclass(frozen=True)
class Encoded:
    """A file's bytes in memory, and the short name of where they came from."""

    data: bytes
    origin: str


class OpenedImage(NamedTuple):
    """An image whose pixels are not decoded; `file` is None for a `PIL.Image` that the caller made."""

    image: Image.Image
    file: BinaryIO | None
    origin: str
    turn: int
    notes: tuple[str, ...] = ()


@contextmanager
def open_undecoded(source: Any, *, allow_url: bool, max_pixels: int, page: int) -> Iterator[OpenedImage]:
    """Open a file or a Pillow image; arguments and errors as `mlx_saccade.media.image_size`."""
    if isinstance(source, Image.Image):
        origin = "PIL image"
        decode.check_size(source.size, origin, max_pixels)
        yield OpenedImage(source, None, origin, read_orientation(source), pages.select(source, None, page, origin))
        return
    stream, origin = open_stream(source, allow_url)
    with stream, decode.header(stream, origin, max_pixels=max_pixels) as image:
        notes = pages.select(image, stream, page, origin)
        decode.check_size(image.size, origin, max_pixels)
        yield OpenedImage(image, stream, origin, read_orientation(image, stream), notes)


def open_stream(source: Any, allow_url: bool) -> tuple[Any, str]:
    """Return the bytes of a source that holds a file, as a binary stream, and the source's short name.

    Raises:
        InputError: no such source, or it cannot be read.
        FileNotFoundError: no such file.
    """
    if isinstance(source, Encoded):
        return io.BytesIO(source.data), source.origin
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(sources.copied(source)), "bytes"  # BytesIO itself takes no memoryview with gaps
    if isinstance(source, str):
        return sources.open_text(source, allow_url=allow_url)
    if isinstance(source, os.PathLike):
        return sources.open_file(source), sources.short(os.fsdecode(source))
    if callable(getattr(source, "read", None)):
        return sources.read_object(source)
    if isinstance(source, list | tuple):
        raise InputError(
            f"image: expected one image; got a {type(source).__name__} of {len(source)}. Give one, or an array"
        )
    raise InputError(
        f"image: expected a path, bytes, a file object, a data URI, a PIL.Image or an array; got {kind_of(source)}"
    )


def stored_pixels(
    opened: OpenedImage, turn: int, *, background: tuple[int, int, int] | None, color: Color, notes: list[str]
) -> npt.NDArray[np.uint8]:
    """Return the upright pixels as a frame stores them, with as few copies as possible."""
    image = opened.image
    array = None if opened.file is None else fast_decoders.pixels(opened.file, image)
    if array is None:
        decode.load(image, opened.origin)
    if turn == 1 and _is_plain(image, array, background=background, color=color):
        return _shared_pixels(image) if array is None else array
    if array is not None:
        image = Image.fromarray(array)
        image.info = dict(opened.image.info)
    rgb = to_rgb(image, opened.origin, background=background, color=color, notes=notes)
    return _shared_pixels(turn_upright(rgb, turn))


def _is_plain(image: Image.Image, array: Any, *, background: tuple[int, int, int] | None, color: Color) -> bool:
    """Return True if the first three channels of the decoded image (`array`, or itself) need no conversion."""
    if (
        image.mode not in ("RGB", "RGBA")
        or (color == "convert" and "icc_profile" in image.info)
        or "transparency" in image.info
    ):
        return False
    if image.mode == "RGB" or background is None:
        return True
    opaque = image.getchannel("A").getextrema() == (255, 255) if array is None else array[:, :, 3].min() == 255
    return bool(opaque)


def _shared_pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Return the pixels of a decoded RGB or RGBA image, copied only where Pillow does not share them."""
    shared = arrays.borrow(image)
    return arrays.to_array(image) if shared is None else shared


def reduce(opened: OpenedImage, at_least: tuple[int, int] | None, turn: int) -> None:
    """Apply `decode.reduce` to a file; a `PIL.Image` of the caller's would be changed by it."""
    if at_least is not None and opened.file is not None:
        decode.reduce(opened.image, upright_size(at_least, turn))
