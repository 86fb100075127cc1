"""Which way up an image is: the EXIF orientation, read from the header alone.

Follows what Pillow's `ImageOps.exif_transpose` would do, with a reader of its own because Pillow's decodes a whole PNG
to look for the tag and warns about damage elsewhere in the EXIF block. A malformed or unknown value means "as stored".
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from PIL import Image

__all__ = ["read_orientation", "turn_upright", "upright_size"]

_ORIENTATION_TAG = 0x0112
_SHORT, _LONG = 3, 4
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the image turned and mirrored upright."""
    method = _TRANSPOSE.get(orientation)
    return image if method is None else image.transpose(method)


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return (width, height) after `turn_upright`."""
    return (size[1], size[0]) if orientation >= 5 else size


def read_orientation(image: Image.Image, stream: BinaryIO | None = None) -> int:
    """Return the orientation of an opened image, 1 to 8; 1 if it is missing or malformed.

    Args:
        image: opened, its pixels not necessarily decoded.
        stream: what it was opened from, to look behind a PNG's pixels, where the tag may stand; its position is kept.
    """
    # Pillow turns TIFF upright itself, in `size` already.
    if image.format == "TIFF":
        return 1
    exif = image.info.get("exif")
    if exif is None and image.format == "PNG":
        exif = _raw_profile(image.info.get("Raw profile type exif"))
        if exif is None and stream is not None:
            exif = _late_exif(stream)
    value = _from_exif(exif) if isinstance(exif, bytes) else None
    if value is None:
        value = _from_xmp(image.info.get("XML:com.adobe.xmp") or image.info.get("xmp"))
    return value if value in _TRANSPOSE else 1


def _from_exif(data: bytes) -> int | None:
    """Return the tag's value in the first directory of an EXIF block; None if it is missing."""
    while data.startswith(b"Exif\x00\x00"):
        data = data[6:]
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(data[:4])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(order + "L", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, values = struct.unpack_from(order + "HHL", data, entry)
            if tag == _ORIENTATION_TAG:
                if values != 1 or kind not in (_SHORT, _LONG):
                    return 1
                return int(struct.unpack_from(order + ("H" if kind == _SHORT else "L"), data, entry + 8)[0])
    except struct.error:
        return None
    return None


def _from_xmp(xmp: object) -> int | None:
    if isinstance(xmp, bytes):
        xmp = xmp.decode("utf-8", "replace")
    match = re.search(r'tiff:Orientation(?:="|>)([0-9])', xmp) if isinstance(xmp, str) else None
    return int(match[1]) if match else None


def _raw_profile(text: object) -> bytes | None:
    """Read ImageMagick's form in a PNG text chunk: a name and a length, then hexadecimal."""
    if not isinstance(text, str):
        return None
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return None


def _late_exif(stream: BinaryIO) -> bytes | None:
    """Return the eXIf chunk of a PNG, found by stepping over the other chunks."""
    position = stream.tell()
    try:
        stream.seek(8)
        while len(head := stream.read(8)) == 8:
            length, name = struct.unpack(">L4s", head)
            if name == b"eXIf":
                return stream.read(length) if length < 1 << 24 else None
            if name == b"IEND":
                return None
            stream.seek(length + 4, 1)
        return None
    finally:
        stream.seek(position)
