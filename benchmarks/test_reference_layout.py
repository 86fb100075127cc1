"""Time the reference layout (float32, two frames, eight times the bytes) beside the speed of memory.

Writing the bytes is the bound of a layout. All threads fill an array that exists; one thread fills a new one, which
adds the cost of memory from the system.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import peers
import pytest
from conftest import Cell
from inputs import BITS, BUDGETS
from numpy.typing import NDArray

import mlx_saccade as saccade
from mlx_saccade import _core

TITLE = "Reference layout of 3840x2160"
SPEED = "Reference layout, bytes written in a second"
FILL = f"filling, {_core.threads()} threads"


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    """Provide a pool with as many threads as the core uses."""
    with ThreadPoolExecutor(_core.threads()) as executor:
        yield executor


def put_speed(cell: Cell, row: str, side: str, size: int, seconds: float | None) -> None:
    """Record the bytes written a second, unless timing is disabled."""
    if seconds is not None:
        cell.put(SPEED, row, side, size / seconds / 1e9, "GB/s")


@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("backend", BITS)
@pytest.mark.parametrize("layout", ["reference", "native"])
def test_layouts(cell: Cell, screen: NDArray[np.uint8], layout: str, backend: str, row: str) -> None:
    plan = saccade.plan((3840, 2160), budget=BUDGETS[row])
    size = plan.patches * (4704 if layout == "reference" else 588)
    side = f"saccade, {layout}" + (", torchvision" if backend != "pillow" else "")

    def work() -> NDArray[np.generic]:
        return saccade.patchify(screen, plan, layout, **BITS[backend])  # type: ignore[arg-type]

    put_speed(cell, row, side, size, cell.time(TITLE, row, side, work))


@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("side", peers.RUST)
def test_peers(cell: Cell, screen: NDArray[np.uint8], side: str, row: str) -> None:
    try:
        work = peers.RUST[side]([screen], BUDGETS[row])
    except ImportError as error:
        cell.missing(TITLE, row, side, error)
    plan = saccade.plan((3840, 2160), budget=BUDGETS[row])
    ours = saccade.patchify(screen, plan, "reference", **BITS[peers.bits_of(side)])
    note = "the same bits" if np.array_equal(work(), ours) else "other bits"
    put_speed(cell, row, side, ours.nbytes, cell.time(TITLE, row, side, work, note, rounds=8, warmup_rounds=1))


@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("side", [FILL, "filling new memory, 1 thread"])
def test_memory(cell: Cell, pool: ThreadPoolExecutor, side: str, row: str) -> None:
    plan = saccade.plan((3840, 2160), budget=BUDGETS[row])
    # Memory allocated by the binding, in large pages if it is large.
    image = np.zeros((plan.resized_size[1], plan.resized_size[0], 3), np.uint8)
    output = _core.patchify_reference(image, 14, 2, 2, plan.family.mean, plan.family.std)
    parts = np.array_split(output, _core.threads())

    def fill() -> None:
        list(pool.map(lambda part: part.fill(1), parts))

    work = fill if side == FILL else lambda: np.full(output.shape, 1, np.float32)
    put_speed(cell, row, side, output.nbytes, cell.time(TITLE, row, side, work))
