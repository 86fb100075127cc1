"""NumPy arrays as images."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pictures import noise
from PIL import Image

from mlx_saccade import media
from mlx_saccade.errors import InputError


def test_rgb_bytes_are_taken_without_a_copy_and_cannot_be_written_through() -> None:
    pixels = noise(7, 5)
    frame = media.open_image(pixels)
    assert frame.source_size == (7, 5) == media.image_size(pixels)
    assert np.shares_memory(frame.pixels, pixels)
    assert not frame.pixels.flags.writeable
    assert pixels.flags.writeable
    assert frame.origin == "array"
    assert media.open_image(frame) is frame


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1)])
def test_grey(shape: tuple[int, ...]) -> None:
    pixels = noise(7, 5, 1).reshape(shape)
    frame = media.open_image(pixels)
    assert frame.pixels.shape == (5, 7, 3)
    assert (frame.pixels == pixels.reshape(5, 7, 1)).all()


def test_rgba_is_treated_as_a_pillow_image_of_the_same_values() -> None:
    pixels = noise(7, 5, 4)
    for options in ({}, {"background": (1, 2, 3)}, {"background": None}):
        expected = media.open_image(Image.fromarray(pixels), **options).pixels
        np.testing.assert_array_equal(media.open_image(pixels, pixel_format="rgba", **options).pixels, expected)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_is_the_array_it_holds() -> None:
    grey = noise(7, 5, 1).reshape(5, 7)
    frame = media.open_image(np.matrix(grey))
    assert type(frame.stored) is np.ndarray
    assert (frame.pixels == grey[:, :, None]).all()
    assert media.image_size(np.matrix(grey)) == (7, 5)


def test_other_types_and_byte_orders() -> None:
    deep = np.arange(60, dtype=np.uint16).reshape(4, 5, 3) * 1092
    expected = np.rint(deep / 257)
    np.testing.assert_array_equal(media.open_image(deep).pixels, expected)
    np.testing.assert_array_equal(media.open_image(deep.astype(">u2")).pixels, expected)
    flags = noise(7, 5, 1) > 127
    np.testing.assert_array_equal(media.open_image(flags).pixels[:, :, 0], flags * 255)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_floats_of_0_to_1_round_trip_every_byte(dtype: str) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    array = (pixels / 255).astype(dtype)
    np.testing.assert_array_equal(media.open_image(array).pixels[:, :, 0], pixels)


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4]))))
def test_layout_in_memory_does_not_matter(pixels: np.ndarray) -> None:
    pixel_format: Any = "rgba" if pixels.shape[2] == 4 else None
    expected = media.open_image(pixels, pixel_format=pixel_format).pixels
    for same in (np.asfortranarray(pixels), np.repeat(pixels, 2, axis=1)[:, ::2], pixels[::-1].copy()[::-1]):
        frame = media.open_image(same, pixel_format=pixel_format)
        np.testing.assert_array_equal(frame.pixels, expected)
        assert frame.stored.flags.c_contiguous


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((4, 4, 3), np.nan, np.float32), "array of float32: holds NaN or infinity"),
        (np.array([[0.5, np.inf]]), "array of float64: holds NaN or infinity"),
        (np.array([[0.0, 1.001]]), "values reach from 0 to 1.001, an image's are in 0..1"),
        (np.array([[-0.1, 1.0]], np.float32), "values reach from -0.1 to 1"),
        (np.full((4, 4, 3), 200.0), "convert 0..255 to uint8"),
        (np.zeros((4, 4, 3), np.int64), "array of int64: an image is uint8, uint16, bool or floats"),
        (np.zeros((4, 4, 3), np.int8), "array of int8"),
        (np.zeros((4, 4, 3), np.uint32), "array of uint32"),
        (np.zeros((4, 4, 3), np.complex64), "array of complex64"),
        (np.full((4, 4, 3), "x"), "array of <U1"),
        (np.full((4, 4, 3), None), "array of object"),
        (np.zeros((4, 4, 2), np.uint8), "array of shape (4, 4, 2): an image is [h, w], [h, w, 1]"),
        (np.zeros((4, 4, 5), np.uint8), "array of shape (4, 4, 5)"),
        (np.zeros((3, 40, 50), np.uint8), "channels come last; use array.transpose(1, 2, 0)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "array of shape (2, 4, 4, 3)"),
        (np.zeros((4,), np.uint8), "array of shape (4,)"),
        (np.zeros((), np.uint8), "array of shape ()"),
        (np.zeros((0, 4, 3), np.uint8), "array of shape (0, 4, 3): has no pixels"),
        (np.zeros((4, 0), np.float32), "array of shape (4, 0): has no pixels"),
        (np.ma.masked_equal(np.zeros((4, 4, 3), np.uint8), 0), "array is masked"),
    ],
)
def test_what_is_no_image_is_named(array: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        media.open_image(array)
    assert "\n" not in str(caught.value)
