"""From the bytes of a file to a decoded Pillow image, with nothing decoded before its size is known to be bearable.

The file's own first bytes choose the decoder, among those listed here; names and media types are not trusted. Pillow's
global settings are not changed; a program that sets `ImageFile.LOAD_TRUNCATED_IMAGES` gets truncated images.
"""

from __future__ import annotations

import functools
import importlib
import os
import struct
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from PIL import Image

from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["FORMATS", "MAX_PIXELS", "check_size", "header", "heard", "listen", "load", "reduce"]

MAX_PIXELS = 178_956_970
"""Largest image that is decoded unless the caller says otherwise: 512 MiB of RGB, where Pillow too refuses."""


class _Format(NamedTuple):
    name: str
    module: str
    plugin: str
    signatures: tuple[tuple[int, bytes], ...]


# MPO, which many cameras write, begins as JPEG and is read as one: its first picture.
_DECODERS = (
    _Format("PNG", "PngImagePlugin", "PngImageFile", ((0, b"\x89PNG\r\n\x1a\n"),)),
    _Format("JPEG", "JpegImagePlugin", "JpegImageFile", ((0, b"\xff\xd8\xff"),)),
    _Format("WebP", "WebPImagePlugin", "WebPImageFile", ((8, b"WEBP"),)),
    _Format("GIF", "GifImagePlugin", "GifImageFile", ((0, b"GIF87a"), (0, b"GIF89a"))),
    _Format("BMP", "BmpImagePlugin", "BmpImageFile", ((0, b"BM"),)),
    _Format(
        "TIFF", "TiffImagePlugin", "TiffImageFile",
        ((0, b"II*\x00"), (0, b"MM\x00*"), (0, b"II+\x00"), (0, b"MM\x00+")),
    ),
    _Format("PPM", "PpmImagePlugin", "PpmImageFile", tuple((0, b"P%d" % digit) for digit in range(1, 7))),
    _Format("JPEG 2000", "Jpeg2KImagePlugin", "Jpeg2KImageFile", ((0, b"\xff\x4f\xff\x51"), (4, b"jP  \r\n\x87\n"))),
    _Format("AVIF", "AvifImagePlugin", "AvifImageFile", ((4, b"ftypavif"), (4, b"ftypavis"))),
)  # fmt: skip

FORMATS = tuple(decoder.name for decoder in _DECODERS)

# What Pillow's decoders raise over broken data; warnings are here because a caller may have made them errors.
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, EOFError,
    RuntimeError, AssertionError, Warning, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip


@contextmanager
def header(stream: BinaryIO, origin: str, *, max_pixels: int) -> Iterator[Image.Image]:
    """Open an image without decoding its pixels.

    Args:
        stream: seekable, at its beginning; the caller closes it.
        origin: for messages.
        max_pixels: largest product of the sides.

    Yields:
        The image, lazily opened: `load` decodes it.

    Raises:
        InputError: empty, not an image, a format that is not read, a broken header, or too many pixels.
    """
    prefix = stream.read(512)
    if not prefix:
        raise InputError(f"{origin}: is empty; give an image")
    decoder = _decoder(prefix, origin)
    stream.seek(0)
    try:
        plugin = _plugin(decoder)
    except ImportError:
        raise _unsupported(decoder.name, origin) from None
    try:
        image: Image.Image = plugin(stream, None)
    except Image.DecompressionBombError:
        raise InputError(f"{origin}: has too many pixels for this Pillow; scale it down") from None
    except _BROKEN as error:
        if not _available(decoder):
            raise _unsupported(decoder.name, origin) from None
        raise InputError(f"{origin}: is no readable {decoder.name} file ({_reason(error)}); save it again") from None
    try:
        check_size(image.size, origin, max_pixels)
        yield image
    finally:
        # Drops Pillow's reference to the stream, never the stream itself.
        image.close()


def load(image: Image.Image, origin: str) -> None:
    """Decode the pixels of an image; of an animation, the first frame.

    Raises:
        InputError: the data is truncated or broken, or the image of a caller is closed.
    """
    # Left by its `with` before it was loaded, an image has pixels to read and nothing to read them from.
    closed = getattr(image, "fp", image) is None and bool(getattr(image, "tile", ()))
    said: list[str] = []
    try:
        with heard(image) as said:
            _in_one_block(image)
            image.load()
    except _BROKEN as error:
        if closed or "operation on closed" in str(error).lower():
            raise InputError(f"{origin}: is closed; open it again, or load() it before it is closed") from None
        said = said or [_reason(error)]
    if said:
        raise InputError(f"{origin}: is truncated or broken ({said[0]}); save or download it again")


def _in_one_block(image: Image.Image) -> None:
    """Have an image that is not decoded yet lie in one piece of memory, which `shared.borrow` can lend.

    By itself Pillow cuts what has more than 4.2 million pixels, and the copy that joins it is a fifth of the time that
    a 4K screenshot takes. Its PNG and JPEG decoders use memory that they find; Pillow does not promise so, and where it
    does not, or no longer has the function, the pixels are copied as before. Given memory it would not notice that
    nothing is there to decode: files cut before their pixels have no tiles.
    """
    allocate = getattr(Image.core, "new_block", None)
    waits = getattr(image, "tile", ()) and getattr(image, "_im", image) is None
    if allocate is not None and waits and image.format in ("PNG", "JPEG") and image.mode in ("RGB", "RGBA"):
        image.im = allocate(image.mode, image.size)


def reduce(image: Image.Image, at_least: tuple[int, int]) -> None:
    """Make a JPEG file that `header` opened decode at 1/2, 1/4 or 1/8 of its size; other formats stay as they are.

    Args:
        image: not yet decoded.
        at_least: (width, height) as stored, which both sides keep.
    """
    if image.format == "JPEG":
        image.draft(image.mode, at_least)


def check_size(size: tuple[int, int], origin: str, max_pixels: int) -> None:
    """Refuse an image with no pixels or too many.

    Raises:
        InputError: naming the size.
    """
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"{origin}: is {width}x{height}; an image has at least one pixel")
    if width * height > max_pixels:
        raise InputError(
            f"{origin}: is {width}x{height}, {width * height:,} pixels; at most {max_pixels:,} are decoded: "
            "scale it down (in Python, open_image and Reading take another max_pixels)"
        )


def _decoder(prefix: bytes, origin: str) -> _Format:
    for decoder in _DECODERS:
        if any(prefix.startswith(signature, at) for at, signature in decoder.signatures):
            return decoder
    what = _foreign(prefix)
    if what is not None:
        raise InputError(f"{origin}: is {what}; convert it to PNG or JPEG first")
    raise InputError(f"{origin}: is not an image; read are {', '.join(FORMATS)}")


def _foreign(prefix: bytes) -> str | None:
    """The name of a kind of file that is often mistaken for one that is read here."""
    if prefix[4:8] == b"ftyp" and prefix[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"):
        return "a HEIC or HEIF image, which is not read"
    text = prefix.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text):
        return "an SVG drawing, which has no pixels"
    if text.startswith(b"%pdf-"):
        return "a PDF document, not an image"
    return None


@functools.cache
def _plugin(decoder: _Format) -> Any:
    """Pillow's class for a format: called by itself, because `Image.open` applies limits of its own."""
    plugin = getattr(importlib.import_module(f"PIL.{decoder.module}"), decoder.plugin)
    if decoder.name == "JPEG":
        # On opening it looks for a resolution in the EXIF block, and warns where that block is damaged.
        return type(decoder.plugin, (plugin,), {"getexif": lambda self: Image.Exif()})
    return plugin


def _available(decoder: _Format) -> bool:
    """Whether this Pillow was built with the decoder."""
    from PIL import features

    feature = {"WebP": "webp", "JPEG": "jpg", "JPEG 2000": "jpg_2000", "AVIF": "avif"}.get(decoder.name)
    return feature is None or bool(features.check(feature))


def _unsupported(name: str, origin: str) -> InputError:
    return InputError(f"{origin}: is {name}, which this Pillow does not read; upgrade Pillow or convert it to PNG")


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:120] or type(error).__name__


# What libtiff prints on standard error while it decodes: of some damage the only sign, for Pillow reads on.
_STDERR = 2
_LONGEST = 120
_asked = threading.Event()
_one_at_a_time = threading.Lock()


def listen() -> None:
    """From now on take what libtiff prints for damage, in the whole process."""
    if sys.__stderr__ is not None:  # else the descriptor may be any file's by now, the image's own too
        _asked.set()


@contextmanager
def heard(image: Image.Image) -> Iterator[list[str]]:
    """The first line that is printed while a TIFF is decoded within, filled in at the end; where nobody listens, none.

    Yields:
        An empty list, then of at most one line.
    """
    lines: list[str] = []
    with ExitStack() as kept:
        # A file and no pipe: nobody reads before the end, and there may be a line for each row.
        if _asked.is_set() and image.format == "TIFF":
            kept.enter_context(_one_at_a_time)
            try:
                caught, own = kept.enter_context(tempfile.TemporaryFile()), os.dup(_STDERR)
            except OSError:  # nowhere to keep what is printed
                pass
            else:
                kept.callback(_give_back, own, caught.fileno(), lines)
                os.dup2(caught.fileno(), _STDERR)
        yield lines


def _give_back(own: int, caught: int, lines: list[str]) -> None:
    os.dup2(own, _STDERR)
    os.close(own)
    first = os.pread(caught, 4 * _LONGEST, 0).decode(errors="replace").strip().partition("\n")[0]
    if first:
        # Pillow gives libtiff no file's name but this one.
        lines.append("".join(filter(str.isprintable, first)).removeprefix("tempfile.tif: ")[:_LONGEST])
