"""Resizing against several versions of Pillow, installed or not, and in every kernel up to 600 pixels a side."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pillow_reference import as_installed, as_version, pillow

import mlx_saccade as saccade
from mlx_saccade import _core
from mlx_saccade.preprocess.patchify import PassOrder

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
import pillow as recorded  # noqa: E402

HASHES = json.loads((GOLDEN / "pillow.json").read_text(encoding="utf-8"))
ORDERS = get_args(PassOrder)


@pytest.mark.parametrize("version", sorted(HASHES))
def test_equals_what_that_pillow_made(version: str) -> None:
    wrong = [
        (number, image.shape, size)
        for number, ((image, size), expected) in enumerate(zip(recorded.cases(), HASHES[version], strict=True))
        if recorded.digest(as_version(version, image, size)) != expected
    ]
    assert not wrong


def test_the_recorded_versions_differ() -> None:
    """Or the tests above would not tell the orders apart."""
    assert set(HASHES) == {"12.1.0", "12.3.0", "13.0.0"}
    assert len({tuple(hashes) for hashes in HASHES.values()}) == 3


@settings(max_examples=150)
@given(data=st.data())
def test_any_size_up_to_600_in_every_kernel(data: st.DataObject) -> None:
    """Against the installed Pillow in its order, and each kernel against the scalar one in both."""
    side = st.one_of(st.integers(1, 40), st.integers(1, 600))
    width, height, wide, high = (data.draw(side) for _ in range(4))
    gap = data.draw(st.integers(0, 3))
    noise = np.random.RandomState(data.draw(st.integers(0, 2**32 - 1))).randint(0, 256, (height, width + gap, 3))
    if data.draw(st.booleans()):
        noise = np.where(noise > 127, 255, 0)
    image = noise.astype(np.uint8)[:, :width]
    assert np.array_equal(as_installed(image, (wide, high)), pillow(np.ascontiguousarray(image), (wide, high)))
    try:
        for order in ORDERS:
            results = {}
            for kernel in _core.kernels():
                _core.select_kernel(kernel)
                results[kernel] = saccade.resize(image, (wide, high), pass_order=order)
                assert _core.last_kernel() == kernel
            for kernel, result in results.items():
                assert np.array_equal(result, results["scalar"]), (kernel, order)
    finally:
        _core.select_kernel(None)
