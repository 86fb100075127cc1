"""Other pixels than packed RGB: strided rows, RGBA, BGRA and grey give what their RGB copy gives, without a copy."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from captures import FORMATS, as_rgb, capture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import _core
from mlx_saccade.errors import InputError


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, 200),
    height=st.integers(1, 200),
    new_width=st.integers(1, 200),
    new_height=st.integers(1, 200),
    gap=st.integers(0, 9),
    pixel_format=st.sampled_from(FORMATS),
    pass_order=st.sampled_from(["pillow13", "horizontal"]),
    kernel=st.sampled_from(_core.kernels()),
)
def test_resize_reads_them_as_their_rgb_copy(
    seed: int,
    width: int,
    height: int,
    new_width: int,
    new_height: int,
    gap: int,
    pixel_format: Any,
    pass_order: Any,
    kernel: str,
) -> None:
    pixels, size = capture(seed, width, height, pixel_format, gap), (new_width, new_height)
    expected = saccade.resize(as_rgb(pixels, pixel_format), size, pass_order=pass_order)
    _core.select_kernel(kernel)
    try:
        made = saccade.resize(pixels, size, pass_order=pass_order, pixel_format=pixel_format)
    finally:
        _core.select_kernel(None)
    assert np.array_equal(made, expected)


@pytest.mark.parametrize("layout", ["native", "reference"])
@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (140, 84), (300, 417), (1, 150)])
def test_patchify_reads_them_as_their_rgb_copy(size: tuple[int, int], pixel_format: Any, layout: Any) -> None:
    pixels, plan = capture(5, *size, pixel_format, gap=3), saccade.plan(size, budget=90)
    made = saccade.patchify(pixels, plan, layout, pixel_format=pixel_format)
    assert np.array_equal(made, saccade.patchify(as_rgb(pixels, pixel_format), plan, layout))


def test_patchify_core_functions_take_formats_too() -> None:
    for name in ("rgb", "rgba", "bgra", "grey"):
        pixels = capture(2, 56, 84, name, gap=2)
        rgb = as_rgb(pixels, name)
        made = _core.patchify_native(pixels, 14, 2, 112, name)
        assert np.array_equal(made, _core.patchify_native(rgb, 14, 2, 112)), name
        normal = ([0.5, 0.4, 0.3], [0.2, 0.3, 0.1])
        floats = _core.patchify_reference(pixels, 14, 2, 2, *normal, name)
        assert np.array_equal(floats, _core.patchify_reference(rgb, 14, 2, 2, *normal)), name


def test_a_fourth_byte_is_ignored_as_pillow_drops_alpha() -> None:
    rgba = capture(7, 60, 50, "rgba")
    dropped = Image.fromarray(rgba).convert("RGB")
    expected = np.asarray(saccade.resize(np.asarray(dropped), (30, 20)))
    for alpha in (0, 128, 255):
        rgba[..., 3] = alpha
        assert np.array_equal(saccade.resize(rgba, (30, 20), pixel_format="rgba"), expected)


def test_pixels_that_do_not_follow_each_other_are_copied() -> None:
    bgra = capture(1, 80, 60, "bgra")
    for view in (bgra[:, ::2], bgra[::-1], bgra.transpose(1, 0, 2), np.broadcast_to(bgra[:1], bgra.shape)):
        expected = saccade.resize(as_rgb(view, "bgra"), (31, 23))
        assert np.array_equal(saccade.resize(view, (31, 23), pixel_format="bgra"), expected)


PEAK = """
import sys
import numpy as np
import mlx_saccade
pixel_format, layout = sys.argv[1:3]
channels, columns, rows, budget = map(int, sys.argv[3:])
image = np.zeros((rows, columns + 16, channels), np.uint8)[:, :columns]
image = image[..., 0] if channels == 1 else image
image[:] = 7
plan = mlx_saccade.plan((columns, rows), budget=budget)
mlx_saccade.patchify(image[:30, :30].copy(), mlx_saccade.plan((30, 30)), layout, pixel_format=pixel_format)

def peak():
    return 1024 * int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))

before = peak()
patches = mlx_saccade.patchify(image, plan, layout, pixel_format=pixel_format)
print(peak() - before, patches.nbytes)
"""


def peak(pixel_format: str, layout: str, *numbers: int) -> tuple[int, int]:
    """(bytes that a call takes besides its source, those of its output); numbers: channels, width, height, tokens."""
    words = [sys.executable, "-c", PEAK, pixel_format, layout, *map(str, numbers)]
    environment = os.environ | {"SACCADE_THREADS": "2"}  # each has strips of its own
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    taken, output = map(int, done.stdout.split())
    return taken, output


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
@pytest.mark.parametrize(("pixel_format", "channels"), [("rgb", 3), ("rgba", 4), ("bgra", 4), ("grey", 1)])
def test_no_copy_of_the_image_is_made(pixel_format: str, channels: int) -> None:
    taken, _ = peak(pixel_format, "native", channels, 4000, 3000, 256)
    assert taken < 3000 * 4000 * channels / 2  # a copy would be twice that


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
@pytest.mark.parametrize(("layout", "bytes_of_a_pixel"), [("native", 3), ("reference", 24)])
def test_no_whole_resized_image_is_made(layout: str, bytes_of_a_pixel: int) -> None:
    pixels = 10549 * 28 * 28
    taken, output = peak("rgb", layout, 3, 3840, 2160, 16384)
    assert output == pixels * bytes_of_a_pixel
    assert taken - output < 8e6 < pixels * 3


@pytest.mark.parametrize(
    ("pixels", "pixel_format", "message"),
    [
        (np.zeros((4, 4, 3), np.uint8), "bgra", r"'bgra' has 4 channels; got an array of shape \(4, 4, 3\)"),
        (np.zeros((4, 4, 4), np.uint8), "rgb", r"'rgb' has 3 channels; got an array of shape \(4, 4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), None, r"expected 'rgba', 'bgra', 'rgbx' or 'bgrx' for an array of shape \(4, "),
        (np.zeros((4, 4), np.uint16), "grey", r"image: expected a uint8 array; got uint16 \(4, 4\)"),
        (np.zeros((4, 4, 3), np.uint8), "gbr", "expected 'rgb', 'bgr', .* or 'grey'; got 'gbr'"),
        (Image.new("RGB", (4, 4)), "bgr", "expected none for an image of mode RGB, which states its own order; got 'b"),
        ("nowhere.png", "grey", "pixel_format: expected none for a file or an opened image.*; got 'grey'. Leave it"),
    ],
)
def test_other_arrays_are_refused(pixels: Any, pixel_format: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        saccade.resize(pixels, (2, 2), pixel_format=pixel_format)
    with pytest.raises(InputError, match=message):
        saccade.patchify(pixels, saccade.plan((4, 4)), pixel_format=pixel_format)


def test_strides_that_the_core_cannot_read_are_refused_there() -> None:
    bgra = capture(1, 8, 8, "bgra")
    for view in (bgra[:, ::-1], bgra[::-1], np.broadcast_to(bgra[:1], bgra.shape), bgra[..., 3::-1]):
        with pytest.raises(InputError, match="ascontiguousarray"):
            _core.resize(view, 4, 4, "pillow13", "bgra")
