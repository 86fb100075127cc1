"""Formats that are recognized by more than their first bytes, and files that are no images, by their names."""

from __future__ import annotations

import base64
import io
import struct
from pathlib import Path

import numpy as np
import pictures
import pytest
from PIL import Image

from mlx_saccade import media
from mlx_saccade.errors import InputError

PHOTO = pictures.corners(48, 40)
AVIF = pictures.encode(PHOTO, "AVIF", quality=90)


def rgb(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("major", [b"miaf", b"MA1B", b"av01", b"mif1", b"msf1"])
def test_avif_under_any_brand_of_its_family_is_read(major: bytes) -> None:
    np.testing.assert_array_equal(media.open_image(AVIF[:8] + major + AVIF[12:]).pixels, rgb(AVIF))
    length = int.from_bytes(AVIF[:4], "big")
    bare = AVIF[:16] + AVIF[16:length].replace(b"avif", b"av01") + AVIF[length:]
    np.testing.assert_array_equal(media.open_image(bare[:8] + major + bare[12:]).pixels, rgb(AVIF))


@pytest.mark.parametrize("form", ["ICO", "ICNS", "TGA"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_icons_and_tga_are_as_pillow_reads_them(form: str, mode: str) -> None:
    image = Image.fromarray(pictures.noise(128, 128, 3)).convert(mode)
    data = pictures.encode(image, form)
    np.testing.assert_array_equal(media.open_image(data).pixels, rgb(data))
    assert media.image_size(data) == ((1024, 1024) if form == "ICNS" else (128, 128))


@pytest.mark.parametrize(("mode", "options"), [("L", {}), ("P", {}), ("RGB", {"compression": "tga_rle"})])
def test_tga_of_each_kind_is_read(mode: str, options: dict[str, str]) -> None:
    data = pictures.encode(PHOTO.convert(mode), "TGA", **options)
    np.testing.assert_array_equal(media.open_image(data).pixels, np.asarray(PHOTO.convert(mode).convert("RGB")))


def test_icon_of_bitmaps_is_its_largest() -> None:
    data = pictures.encode(PHOTO.resize((64, 64)), "ICO", sizes=[(16, 16), (32, 32)], bitmap_format="bmp")
    assert media.open_image(data).source_size == (32, 32)


def test_huge_picture_inside_an_icon_is_refused_before_it_is_decoded() -> None:
    huge = pictures.png(30_000, 30_000, 8, 2, bytes(1 << 12))
    data = struct.pack("<3H4B2H2L", 0, 1, 1, 0, 0, 0, 0, 1, 24, len(huge), 22) + huge
    with pytest.raises(InputError, match=r"is 30000x30000, 900,000,000 pixels"):
        media.open_image(data)
    small = pictures.encode(PHOTO, "PNG")
    data = struct.pack("<3H4B2H2L", 0, 1, 1, 16, 16, 0, 0, 1, 24, len(small), 22) + small
    with pytest.raises(InputError, match="is no readable ICO file"):
        media.open_image(data)


FTYP = b"\x00\x00\x00\x18ftyp%b\x00\x00\x02\x00%bmp41"
LONG = b"<!-- " + b"license " * 4000 + b"-->\n"


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (FTYP % (b"isom", b"avc1"), "an MP4 or QuickTime film"),
        (FTYP % (b"qt  ", b"qt  "), "an MP4 or QuickTime film"),
        (FTYP % (b"M4V ", b"isom"), "an MP4 or QuickTime film"),
        (FTYP % (b"heix", b"mif1"), "a HEIC or HEIF image"),
        (FTYP % (b"msf1", b"hevc"), "a HEIC or HEIF image"),
        (b"\x00\x00\x10\x00moov" + bytes(40), "a QuickTime film"),
        (b"\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1fB\x86webm", "a Matroska or WebM film"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "an AVI film"),
        (b"\xff\x0a\xfa\x1f\x41", "a JPEG XL image"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n\x00\x00\x00\x14ftypjxl ", "a JPEG XL image"),
        (b"<?xml version='1.0'?>\n" + LONG + b"<svg:svg width='3'/>", "an SVG drawing"),
        (
            b"<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' [\n<!ENTITY a 'b'>\n]>\n" + LONG + b"<svg>",
            "an SVG drawing",
        ),
        ("\ufeff<svg width='3'/>".encode("utf-16-le"), "an SVG drawing"),
        (LONG + b"<HTML lang='en'><svg></svg>", "an HTML page"),
        (b"  <!DOCTYPE HTML>\n<title>x", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a Git LFS pointer"),
        (base64.b64encode(pictures.encode(PHOTO, "PNG")), "base64 text"),
        (base64.encodebytes(pictures.encode(PHOTO, "JPEG")), "base64 text"),
        (b"data:image/png;base64,iVBORw0KGgo=", "the text of a data URI"),
        (b"PK\x03\x04\x14\x00", "a ZIP archive"),
        (b"8BPS\x00\x01", "a Photoshop document"),
    ],
)
def test_file_that_is_no_image_is_named_for_what_it_is(data: bytes, named: str, tmp_path: Path) -> None:
    path = tmp_path / "shot.png"
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        media.open_image(path)
    assert f"shot.png: is {named}" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "data", [b"<feed/>", b"<!-- a comment --><rss/>", bytes(18), b"QkM and so on, in words", b"\x00" * 900]
)
def test_other_text_and_zeros_are_not_named(data: bytes) -> None:
    with pytest.raises(InputError, match="is not an image; supported formats: PNG"):
        media.open_image(data)
