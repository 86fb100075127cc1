"""Resizing against the installed torchvision itself."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_choice import use_kernel

import mlx_saccade as saccade
from mlx_saccade import _core

sys.path.insert(0, str(Path(__file__).parents[1] / "golden"))
import torchvision_pixels as recorded

pytestmark = pytest.mark.live
SIDE = st.one_of(st.integers(1, 40), st.integers(1, 900))


@pytest.fixture(scope="module", autouse=True)
def torchvision() -> None:
    pytest.importorskip("torch")
    recorded.skip_absent_operators()
    pytest.importorskip("torchvision")


@settings(max_examples=400)
@given(
    seed=st.integers(0, 2**32 - 1),
    sides=st.tuples(SIDE, SIDE, SIDE, SIDE),
    axis=st.none() | st.sampled_from(recorded.LARGE_AXES),
)
def test_resize_equals_torchvision(seed: int, sides: tuple[int, int, int, int], axis: tuple[int, int] | None) -> None:
    width, height, wide, high = sides
    if axis is not None:
        width, wide = axis
    image = recorded.picture(seed, height, width)
    expected = recorded.resized(image, (wide, high))
    for kernel in _core.kernels():
        with use_kernel(kernel):
            assert np.array_equal(saccade.resize(image, (wide, high), backend="torchvision"), expected), kernel
