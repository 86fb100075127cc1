"""Time eight screenshots of 3840x2160 in one call, beside eight calls and the peers' batches."""

from __future__ import annotations

import numpy as np
import peers
import pytest
from conftest import Cell
from inputs import BITS, as_reference, noise
from numpy.typing import NDArray

import mlx_saccade as saccade

TITLE = "Eight images"
ROW = "8 of 3840x2160, 1,280 tokens each"
SMALL = "8 of 200x200"


@pytest.fixture(scope="module")
def screens() -> list[NDArray[np.uint8]]:
    """Return eight images of 3840x2160."""
    return [noise((3840, 2160), seed) for seed in range(8)]


@pytest.mark.parametrize("row", [ROW, SMALL])
@pytest.mark.parametrize("side", ["saccade, one call", "saccade, eight calls", "saccade, torchvision, one call"])
def test_saccade(cell: Cell, screens: list[NDArray[np.uint8]], side: str, row: str) -> None:
    images = screens if row == ROW else [noise((200, 200), seed) for seed in range(8)]
    plans = [saccade.plan((image.shape[1], image.shape[0])) for image in images]
    bits = BITS[peers.bits_of(side)]

    def one_call() -> NDArray[np.uint8]:
        return saccade.patchify(images, plans, **bits)

    def eight_calls() -> NDArray[np.uint8]:
        parts = [saccade.patchify(i, p, **bits) for i, p in zip(images, plans, strict=True)]
        return np.concatenate(parts)

    assert np.array_equal(one_call(), eight_calls())
    cell.time(TITLE, row, side, one_call if side.endswith("one call") else eight_calls, rounds=30)


@pytest.mark.parametrize("side", peers.BATCHES)
def test_peers(cell: Cell, screens: list[NDArray[np.uint8]], side: str) -> None:
    try:
        work = peers.BATCHES[side](screens, 1280)
    except ImportError as error:
        cell.missing(TITLE, ROW, side, error)
    plan = saccade.plan((3840, 2160))
    patches = np.asarray(work())
    assert patches.shape == (8 * plan.patches, 1176)
    backend = peers.bits_of(side)
    first = as_reference(saccade.patchify(screens[0], plan, **BITS[backend]), plan, backend)
    note = "the same bits" if np.array_equal(patches[: plan.patches], first) else ""
    cell.time(TITLE, ROW, side, work, note, rounds=3, warmup_rounds=0)
