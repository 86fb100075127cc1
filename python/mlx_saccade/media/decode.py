"""Decode the bytes of a file to a Pillow image, after its size has been checked.

The file's own first bytes choose the decoder, among those listed here; names and media types are not trusted. Pillow's
global settings are not changed; a program that sets `ImageFile.LOAD_TRUNCATED_IMAGES` gets truncated images.
"""

from __future__ import annotations

import functools
import importlib
import io
import os
import re
import struct
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, NamedTuple

from PIL import Image

from mlx_saccade.errors import InputError
from mlx_saccade.media import other_files, pdf

__all__ = ["BROKEN", "FORMATS", "MAX_PIXELS", "check_size", "header", "heard", "listen", "load", "reduce"]

MAX_PIXELS = 178_956_970
"""Default of the largest image that is decoded: 512 MiB of RGB, the limit of Pillow too."""


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
    _Format("ICO", "IcoImagePlugin", "IcoImageFile", ((0, b"\x00\x00\x01\x00"),)),
    _Format("ICNS", "IcnsImagePlugin", "IcnsImageFile", ((0, b"icns"),)),
)  # fmt: skip
# These are recognized by more than a signature.
_AVIF = _Format("AVIF", "AvifImagePlugin", "AvifImageFile", ())
_TGA = _Format("TGA", "TgaImagePlugin", "TgaImageFile", ())
# Read by pypdfium2, where that is installed.
_PDF = _Format("PDF", "", "", ())

FORMATS = tuple(decoder.name for decoder in (*_DECODERS, _AVIF, _TGA, _PDF))
_PREFIX = 512

# libtiff prints to standard error while it decodes: for some damage the only sign, since Pillow ignores it.
_STDERR = 2
_MAX_LINE = 120
_listening = threading.Event()
_one_at_a_time = threading.Lock()

# What Pillow's decoders raise over broken data; warnings are here because a caller may have made them errors.
BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, EOFError,
    RuntimeError, AssertionError, Warning, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
# What reading past the end of a header raises; its text speaks of buffers and indices.
_CUT_SHORT = (struct.error, IndexError, EOFError)
_ENDS = re.compile("truncated|end of file|EOF", re.IGNORECASE)


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
    prefix = stream.read(_PREFIX)
    if not prefix:
        raise InputError(f"{origin}: is empty; give an image")
    decoder = _decoder(prefix, stream, origin)
    stream.seek(0)
    if decoder.name == "AVIF":
        stream = _with_avif_brand(stream, prefix)
    if decoder.name == "ICO":
        _check_icons(stream, origin, max_pixels)
    try:
        image: Image.Image = _plugin(decoder)(stream, None)
    except ImportError:
        raise _unsupported(decoder.name, origin) from None
    except Image.DecompressionBombError:
        raise InputError(f"{origin}: has too many pixels for this Pillow; scale it down") from None
    except BROKEN as error:
        if not _available(decoder):
            raise _unsupported(decoder.name, origin) from None
        reason = _reason(error)
        if isinstance(error, _CUT_SHORT) or isinstance(error.__cause__, _CUT_SHORT) or _ENDS.search(reason):
            raise InputError(
                f"{origin}: is no readable {decoder.name} file (truncated); save or download it again"
            ) from None
        advice = "save it without a password" if decoder is _PDF and "password" in reason else "save it again"
        raise InputError(f"{origin}: is no readable {decoder.name} file ({reason}); {advice}") from None
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
    # An image whose `with` block ended before it was loaded has tiles to read and no file.
    closed = getattr(image, "fp", image) is None and bool(getattr(image, "tile", ()))
    lines: list[str] = []
    try:
        with heard(image) as lines:
            _in_one_block(image)
            size = image.size
            image.load()
            if image.size != size:  # an icon's directory may say another size
                raise ValueError(f"{image.size[0]}x{image.size[1]} pixels under the name of {size[0]}x{size[1]}")
    except BROKEN as error:
        if closed or "operation on closed" in str(error).lower():
            raise InputError(f"{origin}: is closed; open it again, or load() it before it is closed") from None
        lines = lines or [_reason(error)]
    if lines:
        raise InputError(f"{origin}: is truncated or broken ({lines[0]}); save or download it again")


def _in_one_block(image: Image.Image) -> None:
    """Allocate one piece of memory for an image that is not decoded yet, so that `arrays.borrow` can share it.

    By default Pillow splits images above 4.2 million pixels, which costs a copy. Its PNG and JPEG decoders use memory
    that is already allocated. Pillow does not promise that; without it the pixels are copied. A file cut before its
    pixels has no tiles, and gets no memory, so that Pillow still notices.
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
            "scale it down (in Python, open_image and ImageOptions take another max_pixels)"
        )


def _decoder(prefix: bytes, stream: BinaryIO, origin: str) -> _Format:
    for decoder in _DECODERS:
        if any(prefix.startswith(signature, at) for at, signature in decoder.signatures):
            return decoder
    if other_files.is_av1(prefix):
        return _AVIF
    head = prefix + stream.read(other_files.HEAD - len(prefix))
    what = other_files.name_of(head)
    if what is not None:
        raise InputError(f"{origin}: is {what}")
    if other_files.is_pdf(head):
        return _PDF
    if _is_tga(prefix):
        return _TGA
    raw = ". Give raw pixels as an array, with pixel_format" if origin == "bytes" else ""
    raise InputError(f"{origin}: is not an image; supported formats: {', '.join(FORMATS)}{raw}")


def _is_tga(prefix: bytes) -> bool:
    """Return True for the header of a TGA file, which has no signature: each field has one of its few values."""
    if len(prefix) < 18:
        return False
    has_palette, kind, entry_bits = prefix[1], prefix[2], prefix[7]
    width, height, depth, flags = struct.unpack_from("<HHBB", prefix, 12)
    depths = {1: (8,), 2: (15, 16, 24, 32), 3: (8, 16)}.get(kind & ~8, ())
    is_palette = has_palette == 1 and entry_bits in (15, 16, 24, 32) if kind & ~8 == 1 else has_palette == 0
    return bool(is_palette and kind & ~0b1011 == 0 and depth in depths and width and height and not flags & 0xC0)


def _with_avif_brand(stream: BinaryIO, prefix: bytes) -> BinaryIO:
    """Return an AVIF file with a brand that libavif looks for, a copy where it has none."""
    if {b"avif", b"avis"}.intersection(other_files.brands(prefix)):
        return stream
    return io.BytesIO(prefix[:8] + b"avif" + stream.read()[12:])


def _check_icons(stream: BinaryIO, origin: str, max_pixels: int) -> None:
    """Check the sizes of all images in an ICO file before Pillow decodes one of them on opening.

    Raises:
        InputError: one has too many pixels, or another size than the directory says.
    """
    head = stream.read(6)
    count = struct.unpack_from("<H", head, 4)[0] if len(head) == 6 else 0
    entries = stream.read(16 * count)
    for at in range(0, len(entries) - 15, 16):
        stream.seek(struct.unpack_from("<L", entries, at + 12)[0])
        image = stream.read(24).ljust(24, b"\x00")
        is_png = image.startswith(b"\x89PNG")
        width, height = struct.unpack_from(">LL", image, 16) if is_png else struct.unpack_from("<Ll", image, 4)
        size = width, abs(height) // (1 if is_png else 2)  # a bitmap is followed by its mask
        check_size(size, origin, max_pixels)
        listed = entries[at] or max(size[0], 256), entries[at + 1] or max(size[1], 256)
        if size != listed:
            raise InputError(f"{origin}: is no readable ICO file (it lists {listed} and holds {size}); save it again")
    stream.seek(0)


@functools.cache
def _plugin(decoder: _Format) -> Any:
    """Return Pillow's class for a format; `Image.open` is not used, because it applies its own limits."""
    if decoder is _PDF:
        return pdf.PdfImage
    plugin = getattr(importlib.import_module(f"PIL.{decoder.module}"), decoder.plugin)
    if decoder.name == "JPEG":
        # On opening it looks for a resolution in the EXIF block, and warns where that block is damaged.
        return type(decoder.plugin, (plugin,), {"getexif": lambda self: Image.Exif()})
    return plugin


def _available(decoder: _Format) -> bool:
    """Return True if this Pillow was built with the decoder."""
    from PIL import features

    feature = {"WebP": "webp", "JPEG": "jpg", "JPEG 2000": "jpg_2000", "AVIF": "avif"}.get(decoder.name)
    return feature is None or bool(features.check(feature))


def _unsupported(name: str, origin: str) -> InputError:
    if name == "PDF":
        return InputError(
            f"{origin}: is a PDF document, and pypdfium2, which renders its pages, is not installed: "
            "pip install pypdfium2"
        )
    return InputError(f"{origin}: is {name}, which this Pillow does not read; upgrade Pillow or convert it to PNG")


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:120] or type(error).__name__


def listen() -> None:
    """Treat lines that libtiff prints as damage, from now on and in the whole process."""
    if sys.__stderr__ is not None:  # else the descriptor may be any file, even the image
        _listening.set()


@contextmanager
def heard(image: Image.Image) -> Iterator[list[str]]:
    """Collect the first line printed while a TIFF is decoded in the block, if `listen` was called.

    Yields:
        An empty list; at the end of the block it has at most one line.
    """
    lines: list[str] = []
    with ExitStack() as stack:
        # A file, since a pipe would fill: nobody reads before the end, and there may be a line for each row.
        if _listening.is_set() and image.format == "TIFF":
            stack.enter_context(_one_at_a_time)
            try:
                caught, own = stack.enter_context(tempfile.TemporaryFile()), os.dup(_STDERR)
            except OSError:  # no place for the output
                pass
            else:
                stack.callback(_give_back, own, caught.fileno(), lines)
                os.dup2(caught.fileno(), _STDERR)
        yield lines


def _give_back(own: int, caught: int, lines: list[str]) -> None:
    os.dup2(own, _STDERR)
    os.close(own)
    first = os.pread(caught, 4 * _MAX_LINE, 0).decode(errors="replace").strip().partition("\n")[0]
    if first:
        # Pillow gives libtiff no file's name but this one.
        lines.append("".join(filter(str.isprintable, first)).removeprefix("tempfile.tif: ")[:_MAX_LINE])
