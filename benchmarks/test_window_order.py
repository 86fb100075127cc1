"""Time window order and positions of an image of 16,384 tokens beside transformers and mlx-vlm.

Each side returns its own arrays: NumPy's, torch's, MLX's (evaluated). mlx-vlm has no function for positions alone, so
its table of angles is included.

All sides of a row take turns: two hundred calls of a few microseconds fit into one slow moment of a shared machine.
"""

from __future__ import annotations

import numpy as np
import position_peers as peers
import pytest
from conftest import Cell

import mlx_saccade as saccade

TITLE = "Window order and positions, 16,384 tokens"
GRID = (1, 256, 256)
TURNS = range(4)

OURS = {
    "window order": lambda: saccade.window_index([GRID]),
    "rows and columns": lambda: saccade.vision_positions([GRID]),
    "both": lambda: (saccade.window_index([GRID]), saccade.vision_positions([GRID])),
    "M-RoPE of a prompt": lambda: saccade.mrope_positions(
        peers.prompt(GRID), image_grids=[GRID], **peers.TOKEN_IDS, merge_size=2
    ),
}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("row", OURS)
def test_saccade(cell: Cell, row: str, turn: int) -> None:
    cell.time(TITLE, row, "saccade", OURS[row], rounds=200)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("row", OURS)
@pytest.mark.parametrize("side", peers.SIDES)
def test_peers(cell: Cell, side: str, row: str, turn: int) -> None:
    try:
        works = peers.SIDES[side](GRID)
    except ImportError as error:
        cell.missing(TITLE, row, side, error)
    note = peers.compare(side, row, works[row](), OURS[row]())
    cell.time(TITLE, row, side, works[row], note, rounds=30)


def test_an_order_is_one() -> None:
    order, _ = saccade.window_index([GRID])
    assert np.array_equal(np.sort(order), np.arange(16384))
