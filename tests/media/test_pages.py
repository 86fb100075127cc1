"""Pages of TIFF files, and color profiles that are set aside with a note."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pictures
import pytest
from PIL import Image

from mlx_saccade import media
from mlx_saccade.errors import InputError
from mlx_saccade.media import ImageOptions, pages

LEVELS = (250, 128, 20)


def scan(*, big: bool = False, compression: str = "tiff_lzw", **first: object) -> bytes:
    """Return a TIFF of three pages, each of one level and size."""
    images = [Image.new("L", (30 + number, 40), level) for number, level in enumerate(LEVELS)]
    stream = io.BytesIO()
    options = {"save_all": True, "append_images": images[1:], "compression": compression, "big_tiff": big, **first}
    images[0].save(stream, "TIFF", **options)
    return stream.getvalue()


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits"])
def test_each_page_of_a_tiff_is_an_image(big: bool, compression: str) -> None:
    data = scan(big=big, compression=compression)
    for page, level in enumerate(LEVELS, 1):
        frame = media.open_image(data, page=page)
        assert (frame.pixels == level).all()
        assert frame.source_size == (29 + page, 40) == media.image_size(data, page=page)
        assert frame.notes == (f"bytes: only page {page} of 3 pages was read",)
    assert (media.open_image(data).pixels == LEVELS[0]).all()


def test_open_pages_gives_all_pages_and_one_of_other_sources(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    path.write_bytes(scan())
    images = media.open_pages(path, ImageOptions(orientation=False, page=2))
    assert [int(image.frame().pixels[0, 0, 0]) for image in images] == list(LEVELS)
    assert [image.size[0] for image in images] == [30, 31, 32]
    assert images[2].options == ImageOptions(orientation=False, page=3)
    assert images[0].options.pixel_options != images[1].options.pixel_options
    for source in (
        pictures.encode(Image.new("RGB", (9, 9)), "PNG"),
        Image.new("RGB", (9, 9)),
        np.zeros((9, 9, 3), np.uint8),
    ):
        assert [image.size for image in media.open_pages(source)] == [(9, 9)]


def test_page_that_is_not_there_is_refused_with_the_count() -> None:
    with pytest.raises(InputError, match="page: expected 1 to 3, as it has 3 pages; got 4"):
        media.open_image(scan(), page=4)
    png = pictures.encode(Image.new("RGB", (9, 9)), "PNG")
    for source in (png, Image.new("RGB", (9, 9))):
        with pytest.raises(InputError, match="page: expected 1, its only page; got 2"):
            media.image_size(source, page=2)
    for page in (0, True, 1.0, "all"):
        with pytest.raises(InputError, match="page: expected a whole number"):
            ImageOptions(page=page)  # type: ignore[arg-type]


def retag(data: bytes, page: int, tag: int, *entry: int) -> bytes:
    """Return a little-endian TIFF with the entry of a tag replaced by (tag, type, count, value)."""
    changed = bytearray(data)
    (place,) = struct.unpack_from("<L", changed, 4)
    for _ in range(page - 1):
        (count,) = struct.unpack_from("<H", changed, place)
        (place,) = struct.unpack_from("<L", changed, place + 2 + 12 * count)
    (count,) = struct.unpack_from("<H", changed, place)
    places = [place + 2 + 12 * number for number in range(count)]
    where = next(one for one in places if struct.unpack_from("<H", changed, one) == (tag,))
    struct.pack_into("<HHLL", changed, where, *entry)
    return bytes(changed)


@pytest.mark.parametrize("kind", [1, 4, 5])
def test_smaller_copies_and_masks_are_not_pages(kind: int) -> None:
    data = retag(scan(compression="raw", tiffinfo={254: 2}), 2, 254, 254, 4, 1, kind)
    assert pages.page_frames(io.BytesIO(data)) == [0, 2]
    assert (media.open_image(data, page=2).pixels == LEVELS[2]).all()
    assert media.open_image(data).notes == ("bytes: only page 1 of 2 pages was read",)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
def test_an_animation_is_its_first_frame_with_a_note(form: str) -> None:
    frames = [Image.new("RGB", (32, 32), (level, level, level)) for level in (40, 120, 200)]
    data = pictures.encode(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
    assert media.open_image(data).notes == ("bytes: only the first frame of its animation was read",)
    assert abs(int(media.open_image(data).pixels[0, 0, 0]) - 40) < 4
    assert media.open_image(pictures.encode(frames[0], form)).notes == ()
    opened = Image.open(io.BytesIO(data))
    opened.seek(2)
    assert media.open_image(opened).notes == ()


def test_damaged_chain_of_directories_ends_the_pages() -> None:
    data = scan()
    for cut in range(8, len(data), 7):
        assert 1 <= len(pages.page_frames(io.BytesIO(data[:cut]))) <= 3
    circle = bytearray(scan(compression="raw"))
    (place,) = struct.unpack_from("<L", circle, 4)
    (count,) = struct.unpack_from("<H", circle, place)
    struct.pack_into("<L", circle, place + 2 + 12 * count, place)
    assert pages.page_frames(io.BytesIO(circle)) == [0]
    assert media.open_image(bytes(circle)).notes == ()


def test_profile_of_the_first_page_is_not_that_of_others() -> None:
    data = scan(compression="raw", icc_profile=pictures.gray_profile(1.2))
    assert int(media.open_image(data, page=2).pixels[0, 0, 0]) != LEVELS[1]
    bare = retag(data, 2, 34675, 65000, 4, 1, 0)
    assert (media.open_image(bare, page=2).pixels == LEVELS[1]).all()


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (b"no profile at all", "it cannot be read"),
        (pictures.gray_profile(2.2), "it is for GRAY, the pixels are RGB"),
        (pictures.cmyk_profile(), "it is for CMYK, the pixels are RGB"),
        (pictures.rgb_profile(pictures.DISPLAY_P3, None)[:300], "it cannot be"),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP", "AVIF"])
def test_profile_that_cannot_be_applied_is_set_aside_with_a_note(profile: bytes, why: str, form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    data = pictures.encode(Image.fromarray(pictures.noise(8, 8)), form, icc_profile=profile, **options)
    if b"icc" not in str(Image.open(io.BytesIO(data)).info.keys()).encode():
        pytest.skip("this encoder leaves the profile out")
    frame = media.open_image(data)
    np.testing.assert_array_equal(frame.pixels, media.open_image(data, color="ignore").pixels)
    assert len(frame.notes) == 1
    assert frame.notes[0].startswith(f"bytes: its color profile was set aside: {why}")
    assert media.open_image(data, color="ignore").notes == ()
    image = media.LazyImage(data)
    assert image.notes == ()
    image.frame()
    image.release()
    assert image.notes == frame.notes
