"""Modes, alpha, 16-bit grey and color profiles."""

from __future__ import annotations

import io
import struct

import numpy as np
import pictures
import pytest
from pictures import encode, noise
from PIL import Image, ImageCms

from mlx_saccade import media
from mlx_saccade.errors import InputError


def opened(image: Image.Image, format_name: str = "PNG", **options: object) -> np.ndarray:
    save = {key: options.pop(key) for key in ("quality", "icc_profile", "transparency", "lossless") if key in options}
    return media.open_image(encode(image, format_name, **save), **options).pixels


def distance(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def palette_image() -> Image.Image:
    image = Image.new("P", (9, 7))
    image.putpalette([10, 20, 30, 200, 100, 50, 0, 255, 0, 90, 90, 90])
    image.putdata([i % 4 for i in range(63)])
    return image


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "RGBX"])
def test_modes_without_alpha_are_as_pillow_converts_them(mode: str) -> None:
    image = palette_image() if mode == "P" else Image.fromarray(noise(9, 7)).convert(mode)
    frame = media.open_image(image)
    assert frame.origin == "PIL image"
    np.testing.assert_array_equal(frame.pixels, np.asarray(image.convert("RGB")))


def test_a_cmyk_jpeg_is_as_pillow_converts_it() -> None:
    data = encode(pictures.corners().convert("CMYK"), "JPEG", quality=95)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "CMYK"
        expected = np.asarray(image.convert("RGB"))
    pixels = media.open_image(data).pixels
    np.testing.assert_array_equal(pixels, expected)
    assert distance(pixels[2, 2], np.array([255, 0, 0])) < 20


def test_a_lossless_webp_gives_its_pixels() -> None:
    pixels = noise(17, 11)
    np.testing.assert_array_equal(opened(Image.fromarray(pixels), "WEBP", lossless=True), pixels)


@pytest.mark.parametrize("format_name", ["BMP", "TIFF", "PPM", "PNG"])
def test_plain_formats_give_their_pixels(format_name: str) -> None:
    pixels = noise(17, 11)
    np.testing.assert_array_equal(opened(Image.fromarray(pixels), format_name), pixels)


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    values = np.arange(0, 65536, 37, dtype=np.uint16)[:1760].reshape(40, 44)
    pixels = opened(Image.fromarray(values))
    np.testing.assert_array_equal(pixels[:, :, 0], np.rint(values / 257).astype(np.uint8))
    assert (pixels == pixels[:, :, :1]).all()
    assert 0 < pixels[0, 20, 0] < 255, "Pillow's own conversion would be white here"


def test_sixteen_bit_grey_of_other_files() -> None:
    values = np.linspace(0, 65535, 60).astype(np.uint16).reshape(6, 10)
    expected = np.rint(values / 257).astype(np.uint8)
    pgm = b"P5 10 6 65535\n" + values.astype(">u2").tobytes()
    np.testing.assert_array_equal(media.open_image(pgm).pixels[:, :, 0], expected)
    np.testing.assert_array_equal(opened(Image.fromarray(values), "TIFF")[:, :, 0], expected)
    np.testing.assert_array_equal(media.open_image(Image.fromarray(values)).pixels[:, :, 0], expected)


def test_grey_tiffs_of_twelve_bits_and_of_white_as_zero_are_as_light_as_they_say() -> None:
    packed = bytes([0x00, 0x08, 0x00, 0xFF, 0xF0, 0x10])  # 0, 2048, 4095 and 16 in twelve bits each
    assert media.open_image(pictures.gray_tiff(4, 1, 12, packed)).pixels[0, :, 0].tolist() == [0, 128, 255, 1]
    values = np.array([[0, 0x1234, 0x8080, 65535]], "<u2")
    for photometric, wanted in ((1, values), (0, 65535 - values)):
        data = pictures.gray_tiff(4, 1, 16, values.tobytes(), photometric)
        np.testing.assert_array_equal(media.open_image(data).pixels[:, :, 0], np.rint(wanted / 257).astype(np.uint8))


def test_sixteen_bit_grey_with_alpha_is_read_by_its_high_bytes() -> None:
    row = struct.pack(">4H", 0x12FF, 0xFFFF, 0x80FF, 0xFFFF)
    assert media.open_image(pictures.png(2, 1, 16, 4, b"\x00" + row)).pixels[0, :, 0].tolist() == [0x12, 0x80]


def test_sixteen_bit_grey_with_a_transparent_value() -> None:
    row = struct.pack(">3H", 0x1234, 0x1235, 0xFFFF)
    data = pictures.png(3, 1, 16, 0, b"\x00" + row, pictures.chunk(b"tRNS", struct.pack(">H", 0x1234)))
    assert media.open_image(data).pixels[0, :, 0].tolist() == [255, 18, 255]
    assert media.open_image(data, background=None).pixels[0, :, 0].tolist() == [18, 18, 255]


def test_sixteen_bit_rgb_is_as_pillow_reads_it() -> None:
    row = struct.pack(">6H", 0x12FF, 0x3400, 0xFFFF, 0x0000, 0x80FF, 0x7FFF)
    data = pictures.png(2, 1, 16, 2, b"\x00" + row)
    assert media.open_image(data).pixels.tolist() == [[[0x12, 0x34, 0xFF], [0, 0x80, 0x7F]]]
    keyed = pictures.png(
        2, 1, 16, 2, b"\x00" + row, pictures.chunk(b"tRNS", struct.pack(">3H", 0x12FF, 0x3400, 0xFFFF))
    )
    assert media.open_image(keyed).pixels.shape == (1, 2, 3)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_modes_without_a_range_are_refused(mode: str) -> None:
    with pytest.raises(InputError, match=f"mode {mode} does not say its range"):
        media.open_image(Image.new(mode, (4, 4)))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InputError, match="mode LAB is not read"):
        media.open_image(Image.new("LAB", (4, 4)))


def test_what_lies_under_alpha_0_does_not_show() -> None:
    first, second = noise(20, 10, 4, 1), noise(20, 10, 4, 2)
    first[:, :, 3] = second[:, :, 3] = np.where(noise(20, 10, 1, 3) < 128, 0, 255)
    second[:, :, :3] = np.where(first[:, :, 3:] == 0, second[:, :, :3], first[:, :, :3])
    assert (first != second).any()
    a, b = opened(Image.fromarray(first)), opened(Image.fromarray(second))
    np.testing.assert_array_equal(a, b)
    assert (a[first[:, :, 3] == 0] == 255).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_composited_as_pillow_does_over_white(mode: str) -> None:
    image = Image.fromarray(noise(30, 20, 4)).convert(mode)
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    np.testing.assert_array_equal(opened(image), np.asarray(Image.alpha_composite(white, rgba).convert("RGB")))


def test_the_background_can_be_chosen_and_alpha_dropped() -> None:
    pixels = noise(30, 20, 4)
    image = Image.fromarray(pixels)
    np.testing.assert_array_equal(opened(image, background=None), pixels[:, :, :3])
    alpha = pixels[:, :, 3:].astype(float) / 255
    expected = pixels[:, :, :3] * alpha + np.array([10, 200, 30]) * (1 - alpha)
    assert np.abs(opened(image, background=(10, 200, 30)) - expected).max() <= 1


def test_opaque_rgba_equals_rgb() -> None:
    pixels = noise(30, 20, 4)
    pixels[:, :, 3] = 255
    np.testing.assert_array_equal(opened(Image.fromarray(pixels)), pixels[:, :, :3])


@pytest.mark.parametrize("transparency", [2, bytes([0, 255, 128, 255])])
def test_a_palette_with_transparency(transparency: int | bytes) -> None:
    image = palette_image()
    pixels = opened(image, transparency=transparency)
    dropped = opened(image, transparency=transparency, background=None)
    np.testing.assert_array_equal(dropped, np.asarray(image.convert("RGB")))
    clear = 2 if isinstance(transparency, int) else 0
    assert pixels[0, clear].tolist() == [255, 255, 255]
    assert pixels[0, 3].tolist() == [90, 90, 90]
    if isinstance(transparency, bytes):
        assert np.abs(pixels[0, 2].astype(int) - [127, 255, 127]).max() <= 1


@pytest.mark.parametrize(("mode", "color", "transparency"), [("L", 7, 7), ("RGB", (1, 2, 3), (1, 2, 3)), ("1", 0, 0)])
def test_one_transparent_color(mode: str, color: object, transparency: object) -> None:
    image = Image.new(mode, (4, 2), color)
    assert (opened(image, transparency=transparency) == 255).all()
    np.testing.assert_array_equal(
        opened(image, transparency=transparency, background=None), np.asarray(image.convert("RGB"))
    )


def test_premultiplied_alpha_is_divided_out() -> None:
    image = Image.new("RGBA", (2, 2), (200, 100, 50, 128))
    expected = media.open_image(image).pixels.astype(int)
    assert np.abs(media.open_image(image.convert("RGBa")).pixels - expected).max() <= 1


@pytest.mark.parametrize(
    ("colorants", "gamma"), [(pictures.DISPLAY_P3, None), (pictures.ADOBE_RGB, 2.19921875)], ids=["p3", "adobe"]
)
@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "WEBP"])
def test_profiles_are_converted_to_srgb(colorants: tuple, gamma: float | None, format_name: str) -> None:
    pixels = noise(64, 48)
    options = {"lossless": True} if format_name == "WEBP" else {}
    data = encode(Image.fromarray(pixels), format_name, icc_profile=pictures.rgb_profile(colorants, gamma), **options)
    converted = media.open_image(data).pixels
    assert distance(converted, pictures.to_srgb(pixels, colorants, gamma)) <= 1
    assert distance(converted, pixels) > 20
    np.testing.assert_array_equal(media.open_image(data, color="ignore").pixels, pixels)


def test_a_display_p3_red_is_brighter_than_any_srgb_red() -> None:
    """Known values, so that the arithmetic above is not its own judge: P3 (234, 51, 35) is sRGB's pure red."""
    profile = pictures.rgb_profile(pictures.DISPLAY_P3, None)
    pixels = opened(Image.new("RGB", (2, 2), (234, 51, 35)), icc_profile=profile)
    assert np.abs(pixels[0, 0].astype(int) - [255, 0, 0]).max() <= 4


def test_an_srgb_profile_leaves_the_pixels_as_they_are() -> None:
    pixels = noise(64, 48)
    for profile in (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        pictures.rgb_profile(pictures.SRGB, None),
    ):
        np.testing.assert_array_equal(opened(Image.fromarray(pixels), icc_profile=profile), pixels)


def test_alpha_is_laid_over_a_background_in_srgb() -> None:
    """The profile is of the image's colors; the background is sRGB and stays what was asked."""
    profile = pictures.rgb_profile(pictures.DISPLAY_P3, None)
    pixels = noise(40, 30, 4)
    result = opened(Image.fromarray(pixels), icc_profile=profile, background=(200, 30, 90))
    alpha = pixels[:, :, 3:].astype(float) / 255
    colors = pictures.to_srgb(pixels[:, :, :3], pictures.DISPLAY_P3, None)
    expected = colors * alpha + np.array([200, 30, 90]) * (1 - alpha)
    assert np.abs(result - expected).max() <= 2


def test_palettes_take_profiles() -> None:
    profile = pictures.rgb_profile(pictures.DISPLAY_P3, None)
    image = palette_image()
    expected = pictures.to_srgb(np.asarray(image.convert("RGB")), pictures.DISPLAY_P3, None)
    assert distance(opened(image, icc_profile=profile), expected) <= 1


def test_grey_profiles() -> None:
    pixels = noise(40, 30, 1)
    expected = np.rint(1.055 * (pixels / 255) ** (1.8 / 2.4) * 255 - 0.055 * 255)
    converted = opened(Image.fromarray(pixels), icc_profile=pictures.gray_profile(1.8))
    light = pixels > 40
    assert np.abs(converted[:, :, 0][light] - expected[light]).max() <= 1
    assert np.abs(converted[:, :, 0].astype(int) - pixels).max() > 10
    with_alpha = Image.fromarray(pixels)
    with_alpha.putalpha(255)
    assert with_alpha.mode == "LA"
    np.testing.assert_array_equal(opened(with_alpha, icc_profile=pictures.gray_profile(1.8)), converted)
    deep = Image.fromarray(pixels.astype(np.uint16) * 257)
    assert distance(opened(deep, icc_profile=pictures.gray_profile(1.8)), converted) <= 1


def test_grey_takes_an_rgb_profile() -> None:
    pixels = noise(40, 30, 1)
    expected = pictures.to_srgb(np.repeat(pixels[:, :, None], 3, 2), pictures.ADOBE_RGB, 2.19921875)
    profile = pictures.rgb_profile(pictures.ADOBE_RGB, 2.19921875)
    assert distance(opened(Image.fromarray(pixels), icc_profile=profile), expected) <= 1


def test_cmyk_profiles() -> None:
    """One full ink of a JPEG: the profile's dark green (L 30, a -38, b 22), not the naive conversion's magenta."""
    image = Image.new("CMYK", (16, 16), (0, 255, 0, 0))
    pixels = opened(image, "JPEG", quality=95, icc_profile=pictures.cmyk_profile())
    assert np.abs(pixels[8, 8].astype(int) - [0, 84, 32]).max() <= 12
    naive = opened(image, "JPEG", quality=95, icc_profile=pictures.cmyk_profile(), color="ignore")
    assert naive[8, 8, 1] < 20


@pytest.mark.parametrize("profile", [b"no profile at all", pictures.gray_profile(2.2), pictures.cmyk_profile()])
def test_a_broken_or_foreign_profile_is_set_aside_with_a_note(profile: bytes) -> None:
    pixels = noise(8, 8)
    data = encode(Image.fromarray(pixels), "TIFF", icc_profile=profile)
    frame = media.open_image(data)
    np.testing.assert_array_equal(frame.pixels, pixels)
    assert frame.notes[0].startswith("bytes: its color profile was set aside")
    np.testing.assert_array_equal(media.open_image(data, color="ignore").pixels, pixels)


@pytest.mark.parametrize("cut", range(20, 480, 23))
def test_truncated_profiles_are_never_an_error(cut: int) -> None:
    whole = pictures.rgb_profile(pictures.DISPLAY_P3, None)
    data = encode(Image.fromarray(noise(8, 8)), "TIFF", icc_profile=whole[:cut])
    assert all("color profile" in note for note in media.open_image(data).notes)
