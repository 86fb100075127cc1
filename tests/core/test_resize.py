"""Resizing, bit for bit against the installed Pillow, live on sizes and images that hypothesis makes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pillow_reference import ORDERS, as_installed, in_order, pillow

import mlx_saccade as saccade
from mlx_saccade import _core
from mlx_saccade.errors import InputError


def picture(seed: int, width: int, height: int, kind: str) -> NDArray[np.uint8]:
    random = np.random.RandomState(seed)
    noise = random.randint(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == "noise":
        return noise
    if kind == "edges":  # overshoot clips at both ends
        return np.where(noise > 127, 255, 0).astype(np.uint8)
    if kind == "flat":
        return np.broadcast_to(noise[0, 0], (height, width, 3)).copy()
    ramp = np.arange(height)[:, None, None] * 7 + np.arange(width)[None, :, None] * 3 + np.arange(3) * 50
    return (ramp % 256).astype(np.uint8)


SIDE = st.integers(1, 130)
KIND = st.sampled_from(["noise", "edges", "flat", "ramp"])


@settings(max_examples=400)
@given(seed=st.integers(0, 2**32 - 1), kind=KIND, width=SIDE, height=SIDE, new_width=SIDE, new_height=SIDE)
def test_equals_the_installed_pillow(
    seed: int, kind: str, width: int, height: int, new_width: int, new_height: int
) -> None:
    image = picture(seed, width, height, kind)
    resized = as_installed(image, (new_width, new_height))
    assert np.array_equal(resized, pillow(image, (new_width, new_height)))


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    long=st.integers(500, 3000),
    short=st.integers(1, 12),
    new_long=st.integers(1, 4000),
    new_short=st.integers(1, 12),
    upright=st.booleans(),
)
def test_long_thin_images(seed: int, long: int, short: int, new_long: int, new_short: int, upright: bool) -> None:
    size, new_size = ((short, long), (new_short, new_long)) if upright else ((long, short), (new_long, new_short))
    image = picture(seed, *size, "edges")
    assert np.array_equal(as_installed(image, new_size), pillow(image, new_size))


@pytest.mark.parametrize(
    ("size", "new_size"),
    [
        ((1, 1), (1, 1)),
        ((1, 1), (37, 53)),
        ((37, 53), (1, 1)),
        ((640, 480), (640, 480)),
        ((640, 480), (640, 100)),
        ((640, 480), (100, 480)),
        ((1237, 811), (532, 364)),
        ((811, 1237), (364, 532)),
        ((300, 200), (1204, 812)),
        ((400, 3000), (392, 392)),
    ],
)
def test_edges_and_common_sizes(size: tuple[int, int], new_size: tuple[int, int]) -> None:
    image = picture(7, *size, "noise")
    assert np.array_equal(as_installed(image, new_size), pillow(image, new_size))


def test_the_orders_differ_where_vertical_comes_first_and_only_there() -> None:
    tall, wide = picture(1, 60, 400, "edges"), picture(1, 400, 60, "edges")
    assert not np.array_equal(
        saccade.resize(tall, (56, 56), pass_order="pillow13"), saccade.resize(tall, (56, 56), pass_order="horizontal")
    )
    assert np.array_equal(
        saccade.resize(wide, (56, 56), pass_order="pillow13"), saccade.resize(wide, (56, 56), pass_order="horizontal")
    )


@settings(max_examples=100)
@given(seed=st.integers(0, 2**32 - 1), width=SIDE, height=SIDE, new_width=SIDE, new_height=SIDE)
def test_both_orders_against_any_pillow(seed: int, width: int, height: int, new_width: int, new_height: int) -> None:
    image, size = picture(seed, width, height, "edges"), (new_width, new_height)
    for order in ORDERS:
        assert np.array_equal(saccade.resize(image, size, pass_order=order), in_order(image, size, order))


# -- how arrays come in -----------------------------------------------------------------------------------------------


def test_crops_are_read_in_place_and_other_strides_too() -> None:
    image = picture(3, 90, 70, "noise")
    views = {
        "crop": image[5:60, 11:83],
        "every second row": image[::2],
        "upside down": image[::-1],
        "every second column": image[:, ::2],
        "mirrored": image[:, ::-1],
        "transposed": image.transpose(1, 0, 2),
        "BGR": image[..., ::-1],
        "planes": np.moveaxis(np.ascontiguousarray(np.moveaxis(image, -1, 0)), 0, -1),
        "one row": image[10:11],
        "one column": image[:, 10:11],
    }
    for name, view in views.items():
        expected = pillow(np.ascontiguousarray(view), (31, 29))
        assert np.array_equal(as_installed(view, (31, 29)), expected), name


def test_read_only_arrays_are_fine_and_inputs_are_left_alone() -> None:
    image = picture(4, 50, 40, "noise")
    before = image.copy()
    image.flags.writeable = False
    resized = saccade.resize(image, (50, 40))
    assert np.array_equal(image, before)
    assert not np.shares_memory(resized, image)
    resized[:] = 0  # the result is the caller's own
    assert np.array_equal(image, before)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), r"image: expected a uint8 array; got float32 \(4, 4, 3\)"),
        (np.zeros((4, 4, 3), np.int8), r"image: expected a uint8 array; got int8 \(4, 4, 3\)"),
        (np.full((4, 4, 3), np.nan), r"image: expected a uint8 array; got float64 \(4, 4, 3\)"),
        (np.zeros((4, 4, 4), np.uint8), r"pixel_format: expected .* for an array of shape \(4, 4, 4\)"),
        (np.zeros((3, 4, 40), np.uint8), r"array of shape \(3, 4, 40\): channels come last"),
        (np.zeros((4, 4, 2), np.uint8), r"array of shape \(4, 4, 2\): an image is"),
    ],
)
def test_other_arrays_are_refused(image: NDArray[np.generic], message: str) -> None:
    with pytest.raises(InputError, match=message):
        saccade.resize(image, (2, 2))
    with pytest.raises(
        InputError,
        match=re.escape(f"image: expected a uint8 array [height, width, 3]; got {image.dtype} {image.shape}"),
    ):
        _core.resize(image, 2, 2, "pillow13")


def test_an_image_without_pixels_is_refused() -> None:
    for shape in ((0, 4, 3), (4, 0, 3)):
        with pytest.raises(InputError, match=rf"array of shape \({shape[0]}, {shape[1]}, 3\): has no pixels"):
            saccade.resize(np.zeros(shape, np.uint8), (2, 2))
        with pytest.raises(InputError, match=rf"image: expected sides from 1 to 67108864; got {shape[1]}x{shape[0]}"):
            _core.resize(np.zeros(shape, np.uint8), 2, 2, "pillow13")


def test_the_core_does_not_copy_behind_the_callers_back() -> None:
    with pytest.raises(InputError, match="ascontiguousarray"):
        _core.resize(picture(0, 8, 8, "noise")[:, ::-1], 4, 4, "pillow13")


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((0, 5), "size: expected sides from 1 to 67108864; got 0x5"),
        ((5, -1), "size: expected sides from 1 to 67108864; got 5x-1"),
        ((2**26 + 1, 1), "size: expected sides from 1 to 67108864; got 67108865x1"),
        ((2**63, 1), "size: expected sides from 1 to 67108864"),
        ((5,), r"size: expected \(width, height\) in pixels, two integers; got \(5,\)"),
        ((5.0, 5), "two integers"),
        (7, "size: expected .* got 7"),
    ],
)
def test_impossible_sizes(size: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        saccade.resize(np.zeros((4, 4, 3), np.uint8), size)  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ["vertical", "torchvision", 13])
def test_unknown_pass_order(order: object) -> None:
    with pytest.raises(InputError, match=f"pass_order: expected 'pillow13' or 'horizontal'; got {order!r}"):
        saccade.resize(np.zeros((4, 4, 3), np.uint8), (2, 2), pass_order=order)  # type: ignore[arg-type]


def test_memory_of_large_results_is_used_again_only_after_they_are_gone() -> None:
    image, size = picture(5, 300, 200, "noise"), (2100, 1400)  # 8.8 MB each
    kept = [saccade.resize(image, size) for _ in range(3)]
    addresses = {array.ctypes.data for array in kept}
    assert len(addresses) == 3
    expected, part = kept[0].copy(), kept[1][:7]
    del kept[1:]
    for _ in range(4):
        saccade.resize(255 - image, size)
    assert np.array_equal(kept[0], expected)
    assert np.array_equal(part, expected[:7])
