"""The reference layout (float32, two frames) writes eight times the bytes: how near it comes to the memory's speed.

No layout can be made faster than its bytes can be written: all threads filling an array that is there say how fast that
is, one thread filling a new one what it costs to get its memory from the system first.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import Cell
from inputs import BUDGETS
from numpy.typing import NDArray

import mlx_saccade as saccade
from mlx_saccade import _core

TITLE = "Reference layout of 3840x2160"
SPEED = "Reference layout, bytes written in a second"
FILLED = f"filling, {_core.threads()} threads"


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(_core.threads()) as executor:
        yield executor


def put_speed(cell: Cell, row: str, side: str, size: int, seconds: float | None) -> None:
    if seconds is not None:
        cell.put(SPEED, row, side, size / seconds / 1e9, "GB/s")


@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("layout", ["reference", "native"])
def test_layouts(cell: Cell, screen: NDArray[np.uint8], layout: str, row: str) -> None:
    plan = saccade.plan((3840, 2160), budget=BUDGETS[row])
    size = plan.patches * (4704 if layout == "reference" else 588)

    def work() -> NDArray[np.generic]:
        return saccade.patchify(screen, plan, layout)  # type: ignore[arg-type]

    put_speed(cell, row, f"saccade, {layout}", size, cell.time(TITLE, row, f"saccade, {layout}", work))


@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("side", [FILLED, "filling new memory, 1 thread"])
def test_memory(cell: Cell, pool: ThreadPoolExecutor, side: str, row: str) -> None:
    plan = saccade.plan((3840, 2160), budget=BUDGETS[row])
    # Memory as the binding allocates it, in large pages where it is large.
    image = np.zeros((plan.resized_size[1], plan.resized_size[0], 3), np.uint8)
    there = _core.patchify_reference(image, 14, 2, 2, plan.family.mean, plan.family.std)
    parts = np.array_split(there, _core.threads())

    def fill() -> None:
        list(pool.map(lambda part: part.fill(1), parts))

    work = fill if side == FILLED else lambda: np.full(there.shape, 1, np.float32)
    put_speed(cell, row, side, there.nbytes, cell.time(TITLE, row, side, work))
