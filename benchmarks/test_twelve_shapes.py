"""Time twelve shapes beside Pillow and torchvision: wide and tall, 2 to 40 times smaller, larger, narrow, flat, small.

saccade resizes and patchifies by the core's own function, since no plan gives some of these shapes. Pillow and
torchvision only resize. saccade's resize must equal theirs before it is timed.
"""

from __future__ import annotations

import numpy as np
import peers
import pytest
from conftest import Cell
from inputs import PILLOW_ORDER, noise

from mlx_saccade import _core

TITLE = "Twelve shapes"
PILLOW = "pillow13" if PILLOW_ORDER == "pillow13" else "pillow12"
SHAPES = {
    "2 times smaller": ((3840, 2160), (1904, 1092)),
    "3 times smaller": ((3840, 2160), (1316, 728)),
    "3 times smaller, upright": ((2160, 3840), (728, 1316)),
    "7 times smaller": ((9000, 6000), (1204, 812)),
    "40 times smaller": ((7680, 4320), (196, 112)),
    "long page": ((1080, 8000), (392, 2912)),
    "panorama": ((8000, 1080), (2912, 392)),
    "a little larger": ((1920, 1080), (1932, 1092)),
    "twice as large": ((640, 480), (1288, 952)),
    "9 pixels wide": ((9, 4000), (28, 4004)),
    "9 pixels high": ((4000, 9), (4004, 28)),
    "small": ((200, 200), (196, 196)),
}


def label(row: str) -> str:
    """Return the name of a shape with its sizes."""
    (width, height), (new_width, new_height) = SHAPES[row]
    return f"{row}: {width}x{height} to {new_width}x{new_height}"


@pytest.mark.parametrize("row", SHAPES)
@pytest.mark.parametrize("side", ["saccade", "saccade, torchvision"])
def test_saccade(cell: Cell, side: str, row: str) -> None:
    source, size = SHAPES[row]
    pixels, backend = noise(source), "torchvision" if side != "saccade" else PILLOW
    resized = _core.resize(pixels, *size, backend)
    patches = _core.resize_patchify_native(pixels, *size, backend, 14, 2, 112)
    assert np.array_equal(patches, _core.patchify_native(resized, 14, 2, 112))
    work = lambda: _core.resize_patchify_native(pixels, *size, backend, 14, 2, 112)  # noqa: E731
    cell.time(TITLE, label(row), side, work, rounds=80)


@pytest.mark.parametrize("row", SHAPES)
def test_pillow(cell: Cell, row: str) -> None:
    source, size = SHAPES[row]
    pixels = noise(source)
    work = peers.pillow_resize(pixels, size)
    assert np.array_equal(np.asarray(work()), _core.resize(pixels, *size, PILLOW))
    cell.time(TITLE, label(row), "Pillow, resize alone", work, "the same bits", rounds=6, warmup_rounds=1)


@pytest.mark.parametrize("row", SHAPES)
@pytest.mark.parametrize("side", [side for side in peers.RESIZERS if side.startswith("torchvision")])
def test_torchvision(cell: Cell, side: str, row: str) -> None:
    source, size = SHAPES[row]
    pixels = noise(source)
    try:
        work = peers.RESIZERS[side](pixels, size)
    except ImportError as error:
        cell.missing(TITLE, label(row), f"{side}, resize alone", error)
    assert np.array_equal(np.asarray(work()), _core.resize(pixels, *size, "torchvision"))
    cell.time(TITLE, label(row), f"{side}, resize alone", work, "the same bits", rounds=6, warmup_rounds=1)
