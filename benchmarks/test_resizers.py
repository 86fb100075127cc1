"""Time the resize alone, 3840x2160 to 1316x728, beside other resizers and a copy of the source."""

from __future__ import annotations

import numpy as np
import peers
import pytest
from conftest import Cell
from inputs import BITS
from numpy.typing import NDArray

import mlx_saccade as saccade

TITLE = "Resize alone"
SIZE = (1316, 728)
ROW = f"3840x2160 to {SIZE[0]}x{SIZE[1]}"


@pytest.mark.parametrize("backend", BITS)
def test_saccade(cell: Cell, screen: NDArray[np.uint8], backend: str) -> None:
    side = "saccade" if backend == "pillow" else f"saccade, {backend}"
    cell.time(TITLE, ROW, side, lambda: saccade.resize(screen, SIZE, **BITS[backend]), rounds=200)


@pytest.mark.parametrize("side", peers.RESIZERS)
def test_peers(cell: Cell, screen: NDArray[np.uint8], side: str) -> None:
    try:
        work = peers.RESIZERS[side](screen, SIZE)
    except ImportError as error:
        cell.missing(TITLE, ROW, side, error)
    ours = saccade.resize(screen, SIZE, **BITS[peers.bits_of(side)]).astype(int)
    largest = np.abs(np.asarray(work()).astype(int) - ours).max()
    assert (side != "Pillow" and "torchvision" not in side) or largest == 0
    note = "the same bits" if largest == 0 else f"differs by up to {largest}/255"
    cell.time(TITLE, ROW, side, work, note, rounds=8)


def test_copying_the_source(cell: Cell, screen: NDArray[np.uint8]) -> None:
    target = np.empty_like(screen)
    cell.time(TITLE, ROW, "copying the source", lambda: np.copyto(target, screen), "NumPy, one thread", rounds=30)
