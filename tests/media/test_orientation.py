"""EXIF orientation: every value, byte order and place of the tag, and sizes read without decoding."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
import pictures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode
from PIL import Image, ImageOps

from mlx_saccade import media

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
# The corners of the upright image, clockwise from the top left, by the meaning of the tag in the EXIF specification:
# "the 0th row is at the visual top of the image, the 0th column at its visual left-hand side", and so on.
UPRIGHT = {
    1: (RED, GREEN, BLUE, YELLOW),
    2: (GREEN, RED, YELLOW, BLUE),
    3: (BLUE, YELLOW, RED, GREEN),
    4: (YELLOW, BLUE, GREEN, RED),
    5: (RED, YELLOW, BLUE, GREEN),
    6: (YELLOW, RED, GREEN, BLUE),
    7: (BLUE, GREEN, RED, YELLOW),
    8: (GREEN, BLUE, YELLOW, RED),
}


def corner_colors(pixels: np.ndarray) -> list[tuple[int, ...]]:
    """The four corners, clockwise from the top left, as the nearest of the four colors."""
    found = (pixels[4, 4], pixels[4, -5], pixels[-5, -5], pixels[-5, 4])
    names = (RED, GREEN, BLUE, YELLOW)
    return [min(names, key=lambda c: np.abs(value.astype(int) - c).sum()) for value in found]


def check(data: bytes, orientation: int) -> None:
    frame = media.open_image(data)
    size = (64, 96) if orientation >= 5 else (96, 64)
    assert corner_colors(frame.pixels) == list(UPRIGHT[orientation])
    assert frame.source_size == size
    assert frame.pixels.shape == (size[1], size[0], 3)
    assert frame.stored.flags.c_contiguous
    assert media.image_size(data) == size


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_every_orientation(format_name: str, order: str, orientation: int) -> None:
    check(encode(pictures.corners(), format_name, exif=pictures.exif(orientation, order)), orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_every_orientation_of_tiff(compression: str, orientation: int) -> None:
    check(encode(pictures.corners(), "TIFF", tiffinfo={0x0112: orientation}, compression=compression), orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_behind_the_pixels_of_a_png(orientation: int) -> None:
    rows = np.asarray(pictures.corners())
    data = b"".join(b"\x00" + row.tobytes() for row in rows)
    late = pictures.chunk(b"eXIf", pictures.exif(orientation)[6:])
    check(pictures.png(96, 64, 8, 2, data, after=late), orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_a_pillow_image(orientation: int) -> None:
    data = encode(pictures.corners(), "JPEG", exif=pictures.exif(orientation))
    with Image.open(io.BytesIO(data)) as image:
        frame = media.open_image(image)
        assert media.image_size(image) == frame.source_size
        assert corner_colors(frame.pixels) == list(UPRIGHT[orientation])
        # Already turned by its owner: not turned again.
        np.testing.assert_array_equal(media.open_image(ImageOps.exif_transpose(image)).pixels, frame.pixels)


def test_orientation_in_xmp_and_in_a_raw_profile() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    check(encode(pictures.corners(), "JPEG", xmp=xmp), 6)
    block = pictures.exif(8)
    text = b"Raw profile type exif\x00\nexif\n%8d\n%s\n" % (len(block), block.hex().encode())
    rows = b"".join(b"\x00" + row.tobytes() for row in np.asarray(pictures.corners()))
    check(pictures.png(96, 64, 8, 2, rows, pictures.chunk(b"tEXt", text)), 8)


def test_orientation_can_be_left_alone() -> None:
    data = encode(pictures.corners(), "JPEG", exif=pictures.exif(6))
    assert media.open_image(data, orientation=False).source_size == (96, 64)
    assert media.image_size(data, orientation=False) == (96, 64)


@pytest.mark.parametrize(
    "block",
    [
        pictures.exif(0),
        pictures.exif(9),
        pictures.exif(6)[:20],
        pictures.exif(6, kind=7),
        b"Exif\x00\x00",
        b"Exif\x00\x00garbage that is no TIFF",
        b"Exif\x00\x00II*\x00" + struct.pack("<L", 1 << 31),
        b"Exif\x00\x00II*\x00" + struct.pack("<LH", 8, 65535),
    ],
)
@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
def test_a_malformed_tag_means_as_stored(format_name: str, block: bytes) -> None:
    plain = media.open_image(encode(pictures.corners(), format_name)).pixels
    frame = media.open_image(encode(pictures.corners(), format_name, exif=block))
    np.testing.assert_array_equal(frame.pixels, plain)
    assert frame.source_size == (96, 64)


@given(
    head=st.sampled_from([b"II*\x00", b"MM\x00*", b"II\x00*"]),
    body=st.binary(max_size=60),
    at=st.integers(0, 40),
    orientation=st.integers(0, 10),
    kind=st.sampled_from([1, 3, 4, 7]),
    order=st.sampled_from("<>"),
)
def test_damaged_exif_is_read_as_pillow_reads_it(
    head: bytes, body: bytes, at: int, orientation: int, kind: int, order: str
) -> None:
    """A sound tag with damage around it, or nothing but damage."""
    block = pictures.exif(orientation, order, kind)
    for exif in (b"Exif\x00\x00" + head + body, block[: 16 + at] + body + block[16 + at :]):
        image = pictures.corners(24, 20)
        image.info["exif"] = exif
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = ImageOps.exif_transpose(image).size
        except Exception:  # Pillow gives up on some damage; here it means as stored, or what could be read.
            expected = None
        size = media.image_size(image)
        assert media.open_image(image).source_size == size
        assert expected is None or size == expected
