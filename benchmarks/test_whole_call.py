"""Time the whole call from Python, an array of 3840x2160 to a model's input, at four budgets.

saccade returns its native layout, with the bits of each of transformers' back ends; plan, allocation and binding are
included. The peers return theirs, eight times the bytes. Outputs are compared before they are timed: native patches,
converted to the peers' layout, must equal the bits of transformers with that back end. The difference of the other
peers is printed, to the bits of the back end that they are named after, Pillow for mlx-vlm.

All sides start with the same array, rows of RGB pixels as decoders and screens return them. transformers' torchvision
path is also timed with channels separated beforehand, its fastest input.

All sides of a budget take turns: two hundred calls of a millisecond fit into one slow moment of a shared machine, six
of a tenth of a second hardly do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import peers
import pytest
from conftest import Cell
from inputs import BITS, BUDGETS, PILLOW_ORDER, as_reference
from numpy.typing import NDArray

import mlx_saccade as saccade

TURNS = range(4)
TITLE = "Whole call, 3840x2160 to the model's input"
STD = np.array(peers.STD).reshape(1, 3, 1)


def whole_call(pixels: NDArray[np.uint8], budget: int, backend: str) -> NDArray[np.uint8]:
    """Return saccade's native patches, planned and cut."""
    plan = saccade.plan((pixels.shape[1], pixels.shape[0]), budget=budget)
    return saccade.patchify(pixels, plan, **BITS[backend])


def expected_values(pixels: NDArray[np.uint8], budget: int, backend: str) -> NDArray[np.float32]:
    """Return saccade's patches in the peers' layout."""
    plan = saccade.plan((pixels.shape[1], pixels.shape[0]), budget=budget)
    return as_reference(whole_call(pixels, budget, backend), plan, backend)


def difference(theirs: Any, ours: NDArray[np.float32]) -> str:
    """Describe how far a peer's values differ, in steps of the 8-bit image."""
    if np.array_equal(theirs, ours):
        return "the same bits"
    distances = np.abs(np.asarray(theirs) - ours).reshape(len(ours), 3, -1) * STD * 255
    largest = float(distances.max())
    return f"differs by up to {largest:.0f}/255" if largest > 0.1 else "differs in the last bits of float32"


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("backend", BITS)
def test_saccade(cell: Cell, screen: NDArray[np.uint8], backend: str, row: str, turn: int) -> None:
    side = "saccade" if backend == "pillow" else f"saccade, {backend}"
    cell.time(TITLE, row, side, lambda: whole_call(screen, BUDGETS[row], backend), rounds=50)


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
    backend = peers.bits_of(side)
    note = difference(work(), expected_values(screen, BUDGETS[row], backend))
    assert not side.startswith("transformers") or note == "the same bits"
    cell.time(TITLE, row, side, work, note, rounds=2, warmup_rounds=0)
