"""Decoders that beat Pillow's where they are installed (the extra `fast`), with Pillow's own result.

Only what is certain to come out the same goes through them: PNG of 8 bits a channel in RGB or RGBA, and JPEG of three
components. Everything else, and every file that they stumble over, is Pillow's to decode or to refuse. Measured on 4K
screens (benchmarks/test_decoders.py): kornia-rs takes 0.3 of Pillow's time for a PNG, simplejpeg 0.6 for a JPEG.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

__all__ = ["pixels", "versions"]

_PNG = b"\x89PNG\r\n\x1a\n"
_IHDR = b"\x00\x00\x00\rIHDR"
# Of PNG's IHDR: bit depth and color type, 2 for RGB and 6 for RGBA.
_PNG_MODES = {(8, 2): "RGB", (8, 6): "RGBA"}


_MODULES = {"kornia-rs": "kornia_rs.io", "simplejpeg": "simplejpeg"}
"""Distribution -> module of each optional decoder."""


def versions() -> dict[str, str | None]:
    """Return the version of each optional decoder, by its distribution; None where it is not installed."""
    return {
        name: None if _module(module) is None else importlib.metadata.version(name) for name, module in _MODULES.items()
    }


def pixels(stream: BinaryIO, image: Image.Image) -> npt.NDArray[np.uint8] | None:
    """Decode a file that Pillow has opened, where a faster decoder gives what Pillow would.

    Args:
        stream: the file, seekable; its position is kept.
        image: the same file opened by Pillow, its pixels not yet decoded.

    Returns:
        uint8 [h, w, 3] for an image of mode RGB, [h, w, 4] for RGBA, not turned and without any color profile applied;
        None where Pillow has to decode it.
    """
    if getattr(image, "is_animated", False) or "transparency" in image.info:
        return None
    decode = {"PNG": _png, "JPEG": _jpeg}.get(image.format or "")
    if decode is None:
        return None
    position = stream.tell()
    try:
        stream.seek(0)
        array = decode(stream, image)
    except Exception:  # damaged: Pillow says what is wrong with it; kornia-rs raises no narrower class
        return None
    finally:
        stream.seek(position)
    wanted = (image.height, image.width, len(image.getbands()))
    return array if array is not None and array.shape == wanted else None


def _png(stream: BinaryIO, image: Image.Image) -> npt.NDArray[np.uint8] | None:
    reader = _module(_MODULES["kornia-rs"])
    data = stream.read() if reader is not None else b""
    if not data.startswith(_PNG + _IHDR):
        return None
    mode = _PNG_MODES.get((data[24], data[25]))
    if mode is None or mode != image.mode or not _whole(data):
        return None
    array: npt.NDArray[np.uint8] = reader.decode_image_png_u8(data, (image.height, image.width), mode.lower())
    return array


def _whole(data: bytes) -> bool:
    """Tell whether every chunk of a PNG is there and has its checksum, and none but the end follows the pixels.

    kornia-rs does not look at all of it. Pillow reads what follows the pixels, and refuses a file where that is broken.
    """
    view, position, in_pixels = memoryview(data), len(_PNG), False
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 8 + length
        if end + 4 > len(data) or zlib.crc32(view[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return False
        name = data[position + 4 : position + 8]
        if name == b"IEND":
            return True
        if in_pixels and name != b"IDAT":
            return False
        in_pixels = name == b"IDAT"
        position = end + 4
    return False


def _jpeg(stream: BinaryIO, image: Image.Image) -> npt.NDArray[np.uint8] | None:
    reader = _module(_MODULES["simplejpeg"])
    if reader is None or image.mode != "RGB":
        return None
    data = stream.read()
    # Asked first, so that a file which the two read differently is not given memory by the wrong size.
    height, width, *_ = reader.decode_jpeg_header(data)
    if (width, height) != image.size:
        return None
    array: npt.NDArray[np.uint8] = reader.decode_jpeg(data, colorspace="RGB", fastdct=False, fastupsample=False)
    return array


@functools.cache
def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
