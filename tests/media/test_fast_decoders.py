"""The optional decoders give what Pillow gives, and take what they are meant to take."""

from __future__ import annotations

import io
import itertools
import warnings
import zlib
from typing import Any

import damaged_images
import numpy as np
import pictures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encode, noise
from PIL import Image

from mlx_saccade import media
from mlx_saccade.errors import InputError
from mlx_saccade.media import fast_decoders

PHOTO = Image.fromarray(noise(67, 45))
RGBA = Image.fromarray(noise(67, 45, 4))


def taken(data: bytes) -> np.ndarray | None:
    """What the optional decoders make of a file."""
    with Image.open(io.BytesIO(data)) as image:
        return fast_decoders.pixels(io.BytesIO(data), image)


def agree(data: bytes, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    quick = media.open_image(data, **options)
    with monkeypatch.context() as patch:
        patch.setattr(fast_decoders, "pixels", lambda stream, image: None)
        plain = media.open_image(data, **options)
    np.testing.assert_array_equal(quick.pixels, plain.pixels)
    assert quick.source_size == plain.source_size
    assert not quick.stored.flags.writeable
    assert quick.stored.flags.c_contiguous


def test_they_are_installed_with_the_test_extra() -> None:
    assert all(fast_decoders.versions().values()), "install the extra `fast`: without it this file would prove nothing"


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        (encode(PHOTO, "PNG"), "RGB"),
        (encode(RGBA, "PNG"), "RGBA"),
        (encode(PHOTO, "JPEG"), "RGB"),
        (encode(PHOTO, "JPEG", progressive=True), "RGB"),
    ],
    ids=["PNG", "PNG RGBA", "JPEG", "progressive JPEG"],
)
def test_they_take_what_screens_and_cameras_write(data: bytes, mode: str) -> None:
    array = taken(data)
    assert array is not None
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == mode
        np.testing.assert_array_equal(array, np.asarray(image))


@pytest.mark.parametrize(
    "data",
    [
        encode(PHOTO.convert("P"), "PNG"),
        encode(PHOTO.convert("L"), "PNG"),
        encode(Image.fromarray(noise(67, 45, 2)), "PNG"),
        encode(PHOTO, "PNG", transparency=(1, 2, 3)),
        encode(Image.fromarray(np.zeros((4, 4), np.uint16)), "PNG"),
        pictures.png(2, 1, 16, 2, bytes(13)),
        encode(PHOTO, "PNG", save_all=True, append_images=[PHOTO.rotate(180)]),
        encode(PHOTO.convert("L"), "JPEG"),
        encode(PHOTO.convert("CMYK"), "JPEG"),
        encode(PHOTO, "WEBP"),
    ],
    ids=["palette", "grey", "LA", "tRNS", "16-bit grey", "16-bit RGB", "animated", "grey JPEG", "CMYK JPEG", "WebP"],
)
def test_they_leave_the_rest_to_pillow(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken(data) is None
    agree(data, monkeypatch)


def test_what_follows_the_pixels_is_pillows_to_refuse() -> None:
    data = pictures.png(2, 1, 8, 2, bytes(7), after=pictures.chunk(b"pHYs", b"\x00"))
    assert taken(data) is None
    with pytest.raises(InputError, match="Truncated pHYs chunk"):
        media.open_image(data)


@pytest.mark.parametrize("name", damaged_images.sound_files())
def test_every_format_is_the_same_with_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    agree(damaged_images.sound_files()[name], monkeypatch)


@pytest.mark.parametrize(
    ("orientation", "background", "color"),
    itertools.product(range(1, 9), [(255, 255, 255), (9, 80, 200), None], ["convert", "ignore"]),
)
def test_turns_alpha_and_profiles_come_after_them(
    orientation: int, background: Any, color: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = pictures.rgb_profile(pictures.DISPLAY_P3, None)
    for image, name in ((RGBA, "PNG"), (PHOTO, "PNG"), (PHOTO, "JPEG")):
        data = encode(image, name, exif=pictures.exif(orientation), icc_profile=profile)
        assert taken(data) is not None
        agree(data, monkeypatch, background=background, color=color)
        agree(data, monkeypatch, background=background, color=color, orientation=False)


def test_opaque_alpha_is_stored_as_it_is() -> None:
    pixels = noise(40, 30, 4)
    pixels[:, :, 3] = 255
    frame = media.open_image(encode(Image.fromarray(pixels), "PNG"))
    assert frame.stored.shape == (30, 40, 4)
    np.testing.assert_array_equal(frame.pixels, pixels[:, :, :3])


@settings(max_examples=150)
@given(st.data())
def test_generated_files(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    seed = data.draw(st.integers(0, 1 << 16))
    smooth = data.draw(st.booleans())
    pixels = noise(width, height, data.draw(st.sampled_from((3, 4))), seed)
    if smooth:
        pixels = np.cumsum(pixels % 5, axis=1).astype(np.uint8)
    image = Image.fromarray(pixels)
    if data.draw(st.booleans()):
        written = encode(image, "PNG", compress_level=data.draw(st.integers(0, 9)))
    else:
        written = encode(
            image.convert("RGB"),
            "JPEG",
            quality=data.draw(st.integers(1, 100)),
            subsampling=data.draw(st.integers(0, 2)),
            progressive=data.draw(st.booleans()),
            restart_marker_rows=data.draw(st.integers(0, 2)),
        )
    assert taken(written) is not None
    with pytest.MonkeyPatch.context() as patch:
        agree(written, patch)


def test_interlaced_png(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adam7 of an image one pixel wide and high is one pass of one pixel."""
    head = pictures.png(1, 1, 8, 2, bytes((0, 7, 8, 9)))
    data = bytearray(head)
    data[28] = 1
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    agree(bytes(data), monkeypatch)


def test_a_wrong_checksum_is_pillows_to_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(encode(PHOTO, "PNG"))
    data[-16] ^= 1  # the checksum of the pixels
    assert taken(bytes(data)) is None


def test_five_hundred_damaged_files() -> None:
    """`python tests/damaged_images.py` runs ten thousand."""
    counts = {"read": 0, "refused": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _, _, data in damaged_images.damage_files(500):
            counts[damaged_images.compare(data)] += 1
    assert min(counts.values()) >= 50, counts
