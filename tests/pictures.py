"""Build images and color profiles for the media tests, so that none has to be stored."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

# Colorants of Display P3 and Adobe RGB (1998) adapted to D50, as their published profiles carry them.
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
_D50 = (0.9642, 1.0, 0.8249)


def encode(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """Return an image as a file's bytes."""
    stream = io.BytesIO()
    image.save(stream, format_name, **options)
    return stream.getvalue()


def noise(width: int, height: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Return uint8 noise [height, width, channels], of one channel [height, width]."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def corners(width: int = 96, height: int = 64) -> Image.Image:
    """Return red, green, blue and yellow corners (from the top left, clockwise) on gray."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    half_h, half_w = height // 2 - 8, width // 2 - 8
    pixels[:half_h, :half_w] = (255, 0, 0)
    pixels[:half_h, -half_w:] = (0, 255, 0)
    pixels[-half_h:, -half_w:] = (0, 0, 255)
    pixels[-half_h:, :half_w] = (255, 255, 0)
    return Image.fromarray(pixels)


def exif(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """Return an EXIF block with only the orientation tag."""
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    value = struct.pack(order + ("H2x" if kind == 3 else "L"), orientation)
    return b"Exif\x00\x00" + mark + struct.pack(order + "LHHHL", 8, 1, 0x0112, kind, 1) + value + b"\x00" * 4


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))


def png(width: int, height: int, bits: int, kind: int, data: bytes, *between: bytes, after: bytes = b"") -> bytes:
    """Assemble a PNG; `data` holds the rows with their filter bytes."""
    head = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, bits, kind, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(between) + body + after + chunk(b"IEND", b"")


def gray_tiff(width: int, height: int, bits: int, rows: bytes, photometric: int = 1) -> bytes:
    """Assemble a TIFF of one strip; `photometric` 0 means that zero is white."""
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 110, 277: 1, 279: len(rows)}
    entries = b"".join(struct.pack("<HHLL", tag, 4 if tag in (273, 279) else 3, 1, tags[tag]) for tag in tags)
    return b"II*\x00" + struct.pack("<LH", 8, len(tags)) + entries + b"\x00" * 4 + rows


def _tag_xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \x00\x00\x00\x00" + struct.pack(">3l", *(round(value * 65536) for value in values))


def _tag_gamma(gamma: float) -> bytes:
    return b"curv\x00\x00\x00\x00" + struct.pack(">LH2x", 1, round(gamma * 256))


def _tag_srgb_curve() -> bytes:
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\x00\x00\x00\x00" + struct.pack(">HH5l", 3, 0, *(round(n * 65536) for n in numbers))


def _tag_text(text: bytes) -> bytes:
    return b"text\x00\x00\x00\x00" + text + b"\x00" * (4 - len(text) % 4)


def _profile(space: bytes, connection: bytes, device: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"wtpt": _tag_xyz(_D50), b"cprt": _tag_text(b"none"), b"desc": _tag_text(b"test"), **tags}
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += b"\x00" * (-len(data) % 4)
        table += struct.pack(">4sLL", name, start + len(body), len(data))
        body += data
    rest = struct.pack(">L", len(tags)) + table + body
    head = struct.pack(">L4sL4s4s4s", 128 + len(rest), b"test", 0x04200000, device, space, connection)
    head += b"\x00" * 12 + b"acsp" + b"\x00" * 28 + _tag_xyz(_D50)[8:]
    return head.ljust(128, b"\x00") + rest


def rgb_profile(colorants: tuple[tuple[float, ...], ...], gamma: float | None) -> bytes:
    """Return an ICC matrix profile; gamma None is sRGB's own curve."""
    curve = _tag_srgb_curve() if gamma is None else _tag_gamma(gamma)
    tags = {b"%cXYZ" % c: _tag_xyz(xyz) for c, xyz in zip(b"rgb", colorants, strict=True)}
    return _profile(b"RGB ", b"XYZ ", b"mntr", {**tags, **{b"%cTRC" % c: curve for c in b"rgb"}})


def gray_profile(gamma: float) -> bytes:
    """Return an ICC profile of one channel."""
    return _profile(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": _tag_gamma(gamma)})


def cmyk_profile() -> bytes:
    """Return a CMYK profile of white paper whose full inks are one dark green, unlike any naive conversion."""
    identity = bytes(range(256))
    grid = b"".join(bytes((255, 128, 128)) if i == 0 else bytes((77, 90, 150)) for i in range(16))
    matrix = struct.pack(">9l", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    lut = b"mft1\x00\x00\x00\x00" + bytes((4, 3, 2, 0)) + matrix + identity * 4 + grid + identity * 3
    return _profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": lut})


def to_srgb(pixels: np.ndarray, colorants: tuple[tuple[float, ...], ...], gamma: float | None) -> np.ndarray:
    """Convert uint8 [..., 3] from an RGB matrix profile to sRGB by plain arithmetic."""
    value = pixels.astype(np.float64) / 255
    linear = value**gamma if gamma else np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    linear = linear @ np.array(colorants) @ np.linalg.inv(np.array(SRGB))
    linear = linear.clip(0, 1)
    result = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(result * 255).astype(np.uint8)
