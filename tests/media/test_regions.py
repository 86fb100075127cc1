"""Regions of images that are decoded with the whole image, once, and not before they are needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode, exif, noise
from PIL import Image

from mlx_saccade import media
from mlx_saccade.errors import InputError

PIXELS = noise(64, 40)


def pixels_of(source: Any) -> np.ndarray:
    return np.asarray(media.open_image(source).pixels)


@given(st.data())
def test_region_equals_the_pixels_cut_out_by_hand(data: st.DataObject) -> None:
    x, y = data.draw(st.integers(0, 63)), data.draw(st.integers(0, 39))
    width, height = data.draw(st.integers(1, 64 - x)), data.draw(st.integers(1, 40 - y))
    lazy = media.LazyImage(PIXELS).crop((x, y, width, height))
    assert (lazy.size, lazy.whole_size, lazy.region) == ((width, height), (64, 40), (x, y, width, height))
    np.testing.assert_array_equal(lazy.frame().pixels, PIXELS[y : y + height, x : x + width])


@pytest.mark.parametrize("form", ["PNG", "JPEG", "turned PNG"])
def test_region_of_a_file_is_in_its_upright_pixels_and_decoded_lazily(form: str) -> None:
    options = {"exif": exif(6)} if form == "turned PNG" else {}
    data = encode(Image.fromarray(PIXELS), form.split()[-1], **options)
    whole = media.LazyImage(data)
    part = whole.crop((3, 5, 20, 30))
    assert not part.is_decoded
    expected = pixels_of(data)[5:35, 3:23]
    np.testing.assert_array_equal(part.frame().pixels, expected)
    assert whole.is_decoded
    assert np.shares_memory(part.frame().stored, whole.frame().stored)
    part.release()
    assert not whole.is_decoded
    with part:
        frame = whole.frame()
        part.release()
        assert whole.frame() is frame
    assert not whole.is_decoded


def test_region_of_a_region_is_a_region_of_the_image() -> None:
    part = media.LazyImage(PIXELS).crop((10, 5, 40, 30)).crop((2, 3, 7, 8))
    assert part.region == (12, 8, 7, 8)
    np.testing.assert_array_equal(part.frame().pixels, PIXELS[8:16, 12:19])
    assert part.whole_size == (64, 40)


def test_region_stays_a_region_wherever_an_image_is_read() -> None:
    part = media.LazyImage(encode(Image.fromarray(PIXELS), "PNG")).crop((10, 5, 40, 30))
    expected = PIXELS[5:35, 10:50]
    np.testing.assert_array_equal(pixels_of(part), expected)
    np.testing.assert_array_equal(media.LazyImage(part).frame().pixels, expected)
    assert media.image_size(part) == media.LazyImage(part).size == (40, 30)
    assert media.encoded(part) is None
    assert media.Video([part], 1).size == (40, 30)


def test_regions_of_one_size_do_not_share_their_options() -> None:
    whole = media.LazyImage(PIXELS)
    options = [whole.crop(region).pixel_options for region in ((0, 0, 8, 8), (8, 0, 8, 8))]
    assert options[0] != options[1]
    assert "region" not in whole.pixel_options


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ((60, 0, 5, 5), r"inside the image of 64x40; got \(60, 0, 5, 5\), from \(60, 0\) to \(65, 5\)"),
        ((-1, 0, 5, 5), "inside the image of 64x40"),
        ((0, 36, 5, 5), "inside the image of 64x40"),
        ((0, 0, 0, 5), "with sides of at least 1; .* a size, not a corner"),
        ((20, 20, 10, -10), "with sides of at least 1"),
        ((0, 0, 5), r"expected \(x, y, width, height\) in whole pixels; got \(0, 0, 5\)"),
        ((0, 0, 5.5, 5), "in whole pixels"),
        ("0,0,5,5", "in whole pixels"),
        ({"left": 0, "top": 0, "width": 5, "height": 5}, "in whole pixels"),
        (None, "in whole pixels; got None"),
        (7, "in whole pixels; got 7"),
    ],
)
def test_region_outside_or_of_another_form_is_refused(region: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^region: .*{message}"):
        media.LazyImage(PIXELS).crop(region)


def test_region_takes_integers_of_numpy() -> None:
    part = media.LazyImage(PIXELS).crop(np.array([1, 2, 3, 4]))  # type: ignore[arg-type]
    assert part.region == (1, 2, 3, 4)
    assert all(type(number) is int for number in part.region)
