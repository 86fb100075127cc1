"""Resizing as torchvision: against its recorded results, and against its rule in NumPy in every kernel."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_choice import use_kernel
from numpy.typing import NDArray
from torchvision_reference import exact_weights, fixed_weights, resize

import mlx_saccade as saccade
from mlx_saccade import _core
from mlx_saccade.errors import InputError

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
import torchvision_pixels as recorded  # noqa: E402

DIGESTS = json.loads((GOLDEN / "torchvision_pixels.json").read_text(encoding="utf-8"))["resized"]

# -128 and 127, as signed bytes
MAX_TWO_DIGITS = 127 * 256 + 127


@pytest.mark.parametrize("kernel", _core.kernels())
def test_resize_equals_what_torchvision_made(kernel: str) -> None:
    with use_kernel(kernel):
        wrong = [
            (number, image.shape, size)
            for number, ((image, size), expected) in enumerate(zip(recorded.cases(), DIGESTS, strict=True))
            if recorded.digest(saccade.resize(image, size, backend="torchvision")) != expected
        ]
    assert not wrong


def test_recorded_cases_reach_what_differs() -> None:
    """Weights over and under what two signed bytes hold, and results that are not Pillow's."""
    largest = {axis: int(fixed_weights(exact_weights(*axis))[0].max()) for axis in recorded.LARGE_AXES}
    assert min(largest.values()) <= MAX_TWO_DIGITS < sorted(largest.values())[-4]
    assert max(largest.values()) < 2**15
    unlike_pillow = sum(
        recorded.digest(saccade.resize(image, size, pass_order="horizontal")) != expected
        for (image, size), expected in zip(recorded.cases(), DIGESTS, strict=True)
    )
    assert unlike_pillow > len(DIGESTS) // 4


def picture(seed: int, width: int, height: int, edges: bool) -> NDArray[np.uint8]:
    noise = np.random.RandomState(seed).randint(0, 256, (height, width, 3), dtype=np.uint8)
    return np.where(noise > 127, 255, 0).astype(np.uint8) if edges else noise


SIDE = st.one_of(st.integers(1, 40), st.integers(1, 400))


@settings(max_examples=120)
@given(
    seed=st.integers(0, 2**32 - 1),
    sides=st.tuples(SIDE, SIDE, SIDE, SIDE),
    axis=st.none() | st.sampled_from(recorded.LARGE_AXES),
    gap=st.integers(0, 3),
    edges=st.booleans(),
)
def test_resize_in_every_kernel_equals_the_rule(
    seed: int, sides: tuple[int, int, int, int], axis: tuple[int, int] | None, gap: int, edges: bool
) -> None:
    width, height, wide, high = sides
    if axis is not None:
        (width, wide), high = axis, min(high, 60)
    image = picture(seed, width + gap, height, edges)[:, :width]
    expected = resize(image, (wide, high))
    for kernel in _core.kernels():
        with use_kernel(kernel):
            resized = saccade.resize(image, (wide, high), backend="torchvision")
        assert np.array_equal(resized, expected), kernel


@pytest.mark.parametrize("sides", [(9000, 7), (1500, 1501), (20000, 1), (3840, 98), (960, 1000)])
def test_resize_of_long_rows_equals_the_rule(sides: tuple[int, int]) -> None:
    """Shrinks past 256 times, where torchvision's weights have Pillow's 22 bits, too."""
    width, wide = sides
    image = picture(5, width, 3, edges=True)
    expected = resize(image, (wide, 2))
    for kernel in _core.kernels():
        with use_kernel(kernel):
            assert np.array_equal(saccade.resize(image, (wide, 2), backend="torchvision"), expected), kernel


def test_an_image_that_keeps_its_size_is_copied() -> None:
    image = picture(1, 50, 40, edges=False)
    assert np.array_equal(saccade.resize(image, (50, 40), backend="torchvision"), image)


def test_tall_images_are_resized_horizontal_first() -> None:
    tall = picture(3, 20, 900, edges=True)
    expected = saccade.resize(tall, (28, 56), backend="torchvision")
    assert np.array_equal(expected, saccade.resize(tall, (28, 56), backend="torchvision", pass_order="horizontal"))
    assert np.array_equal(expected, resize(tall, (28, 56)))


@pytest.mark.parametrize("backend", ["pil", "Pillow", None, 2, np.zeros(2)])
def test_resize_refuses_an_unknown_backend(backend: Any) -> None:
    with pytest.raises(InputError, match="backend: expected 'pillow' or 'torchvision'; got"):
        saccade.resize(np.zeros((4, 4, 3), np.uint8), (2, 2), backend=backend)


def test_resize_refuses_another_pass_order_for_torchvision() -> None:
    with pytest.raises(InputError, match=r"pass_order: expected 'horizontal' or None for backend 'torchvision'"):
        saccade.resize(np.zeros((4, 4, 3), np.uint8), (2, 2), backend="torchvision", pass_order="pillow13")
