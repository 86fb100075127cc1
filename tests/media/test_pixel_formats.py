"""The order of channels: an object's own, the caller's, or an error; never a guess for four channels."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from captures import FORMATS, as_rgb, capture
from pictures import encode, noise
from PIL import Image
from screenshots import ScreenShot, Size

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.errors import InputError


class OldScreenShot:
    """A screenshot without NumPy's protocol."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._pixels = pixels

    @property
    def size(self) -> Size:
        return Size(self._pixels.shape[1], self._pixels.shape[0])

    @property
    def bgra(self) -> bytes:
        return self._pixels.tobytes()

    @property
    def rgb(self) -> bytes:
        raise AssertionError("a conversion in Python, which is slow")


@pytest.mark.parametrize("kind", [ScreenShot, OldScreenShot])
@pytest.mark.parametrize("fourth", [0, 255, "noise"])
def test_screenshot_of_mss_states_its_order_and_its_fourth_byte_is_ignored(kind: Any, fourth: Any) -> None:
    pixels = capture(3, 60, 40, "bgra")
    if fourth != "noise":
        pixels[..., 3] = fourth
    shot, rgb = kind(pixels), as_rgb(pixels, "bgra")
    frame = media.open_image(shot)
    np.testing.assert_array_equal(frame.pixels, rgb)
    assert frame.notes == ()
    assert media.image_size(shot) == (60, 40)
    plan = saccade.plan(shot)
    np.testing.assert_array_equal(saccade.patchify(shot, plan), saccade.patchify(rgb, plan))
    np.testing.assert_array_equal(saccade.resize(shot, (31, 17)), saccade.resize(rgb, (31, 17)))
    np.testing.assert_array_equal(media.open_image(shot, pixel_format="bgrx").pixels, rgb)
    with pytest.raises(InputError, match=r"expected 'bgra' or 'bgrx', as the \w+ says itself; got 'rgba'"):
        media.open_image(shot, pixel_format="rgba")


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_every_format_is_read_as_its_rgb_copy(pixel_format: Any) -> None:
    pixels = capture(5, 37, 23, pixel_format, gap=3)
    if pixel_format.endswith("a"):
        pixels[..., 3] = 255
    frame = media.open_image(pixels, pixel_format=pixel_format)
    np.testing.assert_array_equal(frame.pixels, as_rgb(pixels, pixel_format))
    plan = saccade.plan(frame)
    np.testing.assert_array_equal(saccade.patchify(frame, plan), saccade.patchify(as_rgb(pixels, pixel_format), plan))
    part = frame.crop((5, 3, 30, 20))
    np.testing.assert_array_equal(part.pixels, as_rgb(pixels, pixel_format)[3:20, 5:30])
    plan = saccade.plan(part)
    expected = saccade.patchify(np.ascontiguousarray(part.pixels), plan)
    np.testing.assert_array_equal(saccade.patchify(part, plan), expected)


@pytest.mark.parametrize("pixel_format", ["rgba", "bgra", "rgbx", "bgrx"])
def test_opaque_captures_are_read_in_place(pixel_format: Any) -> None:
    pixels = noise(60, 40, 4)
    pixels[..., 3] = 255
    assert np.shares_memory(media.open_image(pixels, pixel_format=pixel_format).stored, pixels)


def test_bgra_is_blended_as_the_same_rgba() -> None:
    rgba = noise(30, 20, 4)
    bgra = rgba[..., [2, 1, 0, 3]]
    for background in ((255, 255, 255), (1, 2, 3), None):
        expected = media.open_image(rgba, pixel_format="rgba", background=background).pixels
        made = media.open_image(bgra, pixel_format="bgra", background=background).pixels
        np.testing.assert_array_equal(made, expected)


def test_alpha_of_bgra_that_is_0_everywhere_is_padding_and_noted() -> None:
    pixels = capture(3, 30, 20, "bgra")
    pixels[..., 3] = 0
    frame = media.open_image(pixels, pixel_format="bgra")
    np.testing.assert_array_equal(frame.pixels, as_rgb(pixels, "bgra"))
    assert frame.notes == ("array: the fourth byte of all its pixels is 0, and was read as padding of 'bgra'",)
    pixels[0, 0, 3] = 1
    assert (media.open_image(pixels, pixel_format="bgra").pixels[5:] == 255).all()
    pixels[..., 3] = 0
    assert (media.open_image(pixels, pixel_format="rgba").pixels == 255).all()


@pytest.mark.parametrize(
    "read",
    [
        media.open_image,
        media.LazyImage,
        lambda image: media.Video([image], 1),
        lambda image: saccade.resize(image, (5, 5)),
        lambda image: saccade.patchify(image, saccade.plan(image)),
    ],
)
def test_four_channels_without_a_format_are_refused_by_all(read: Any) -> None:
    message = "pixel_format: expected 'rgba', 'bgra', 'rgbx' or 'bgrx' for an array of shape (20, 30, 4), as four"
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read(noise(30, 20, 4))
    assert "\n" not in str(caught.value)
    assert saccade.plan(noise(30, 20, 4)).source_size == (30, 20)


def test_options_apply_to_arrays_that_state_no_order_and_to_nothing_else() -> None:
    options = media.ImageOptions(pixel_format="bgr")
    pixels = noise(30, 20)
    np.testing.assert_array_equal(options.open(pixels).pixels, pixels[..., ::-1])
    np.testing.assert_array_equal(options.open(Image.fromarray(pixels)).pixels, pixels)
    np.testing.assert_array_equal(options.open(encode(Image.fromarray(pixels), "PNG")).pixels, pixels)
    lazy = media.LazyImage(pixels, options)
    np.testing.assert_array_equal(lazy.frame().pixels, pixels[..., ::-1])
    bgra = capture(1, 30, 20, "bgra")
    shot = media.ImageOptions(pixel_format="rgba").open(ScreenShot(bgra))
    np.testing.assert_array_equal(shot.pixels, as_rgb(bgra, "bgra"))
    with pytest.raises(InputError, match=r"pixel_format: expected 'rgb', .* or 'grey'; got 'argb'"):
        media.ImageOptions(pixel_format="argb")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "pixel_format"),
    [
        (Image.new("RGBA", (4, 4)), "bgra"),
        (encode(Image.new("RGB", (4, 4)), "PNG"), "bgr"),
        (media.open_image(noise(4, 4)), "bgr"),
        (media.LazyImage(noise(4, 4)), "bgr"),
    ],
)
def test_format_that_contradicts_a_source_is_refused(source: Any, pixel_format: Any) -> None:
    with pytest.raises(InputError, match=f"pixel_format: expected none for .* got '{pixel_format}'. Leave it out"):
        media.open_image(source, pixel_format=pixel_format)


def test_raw_bytes_are_asked_for_as_an_array() -> None:
    raw = noise(9, 7, 4).tobytes()
    with pytest.raises(InputError, match="raw pixels as an array"):
        media.open_image(raw)
    with pytest.raises(InputError, match="raw pixels as an array"):
        media.open_image(raw, pixel_format="bgra")


def test_format_that_says_the_same_as_its_source_is_fine() -> None:
    pixels = noise(9, 7, 4)
    for mode in ("RGB", "RGBA", "L"):
        image = Image.fromarray(pixels).convert(mode)
        same: Any = {"L": "grey"}.get(mode, mode.lower())
        expected = media.open_image(image).pixels
        np.testing.assert_array_equal(media.open_image(image, pixel_format=same).pixels, expected)
    assert media.open_image(encode(Image.fromarray(pixels), "PNG"), pixel_format="rgb").source_size == (9, 7)


def test_video_of_captures_takes_their_format_from_its_options() -> None:
    frames = noise(30, 20, 4)
    video = media.Video([frames, frames], 1, image_options=media.ImageOptions(pixel_format="bgra"))
    assert video.size == (30, 20)
