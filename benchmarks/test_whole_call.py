"""The whole call from Python, an array of 3840x2160 in and a model's input out, at four budgets.

saccade makes its native layout, plan, allocation and binding included; the peers make theirs, which is eight times the
bytes: that is what they have to offer. Outputs are compared before they are timed: native patches, brought into the
peers' layout, have to be the bits of transformers' Pillow path, and the others' distance from them is stated.

All start from the same array, rows of RGB pixels as decoders and screens give them. transformers' torchvision path is
also timed from one whose channels have been separated beforehand, the form that it is fastest with.

All sides of a budget take turns: two hundred calls of a millisecond in a row may all fall into one of a shared
machine's bad moments, six of a tenth of a second hardly do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import peers
import pytest
from conftest import Cell
from inputs import BUDGETS, PILLOW_ORDER, as_reference
from numpy.typing import NDArray

import mlx_saccade as saccade

TURNS = range(4)
TITLE = "Whole call, 3840x2160 to the model's input"
STD = np.array(peers.STD).reshape(1, 3, 1)


def whole_call(pixels: NDArray[np.uint8], budget: int) -> NDArray[np.uint8]:
    plan = saccade.plan((pixels.shape[1], pixels.shape[0]), budget=budget)
    return saccade.patchify(pixels, plan, pass_order=PILLOW_ORDER)


def expected(pixels: NDArray[np.uint8], budget: int) -> NDArray[np.float32]:
    plan = saccade.plan((pixels.shape[1], pixels.shape[0]), budget=budget)
    return as_reference(whole_call(pixels, budget), plan)


def difference(theirs: Any, ours: NDArray[np.float32]) -> str:
    """In steps of the 8-bit image."""
    if np.array_equal(theirs, ours):
        return "the same bits"
    apart = np.abs(np.asarray(theirs) - ours).reshape(len(ours), 3, -1) * STD * 255
    most = float(apart.max())
    return f"differs by up to {most:.0f}/255" if most > 0.1 else "differs in the last bits of float32"


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("row", BUDGETS)
def test_saccade(cell: Cell, screen: NDArray[np.uint8], row: str, turn: int) -> None:
    cell.time(TITLE, row, "saccade", lambda: whole_call(screen, BUDGETS[row]), rounds=50)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("row", BUDGETS)
def test_pillow_resize(cell: Cell, screen: NDArray[np.uint8], row: str, turn: int) -> None:
    size = saccade.plan((3840, 2160), budget=BUDGETS[row]).resized_size
    work = peers.pillow_resize(screen, size)
    assert np.array_equal(np.asarray(work()), saccade.resize(screen, size, pass_order=PILLOW_ORDER))
    cell.time(TITLE, row, "Pillow, resize alone", work, "the same bits", rounds=2, warmup_rounds=0)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("side", peers.WHOLE_CALLS)
def test_peers(cell: Cell, screen: NDArray[np.uint8], side: str, row: str, turn: int) -> None:
    try:
        work = peers.WHOLE_CALLS[side](screen, BUDGETS[row])
    except ImportError as error:
        cell.missing(TITLE, row, side, error)
    note = difference(work(), expected(screen, BUDGETS[row]))
    assert side != "transformers, Pillow" or note == "the same bits"
    cell.time(TITLE, row, side, work, note, rounds=2, warmup_rounds=0)
