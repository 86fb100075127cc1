"""Time one thread, all threads that the process may use, and a call after 20 ms idle, for both backends."""

from __future__ import annotations

import time

import numpy as np
import peers
import pytest
from conftest import MILLISECONDS, Cell
from inputs import BITS, BUDGETS
from numpy.typing import NDArray

import mlx_saccade as saccade
from mlx_saccade import _core

TITLE = "Threads, native layout of 3840x2160"
ALL = _core.threads()


@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("backend", BITS)
@pytest.mark.parametrize("threads", sorted({ALL, 1}, reverse=True))
def test_busy(cell: Cell, screen: NDArray[np.uint8], threads: int, backend: str, row: str) -> None:
    plan = saccade.plan((3840, 2160), budget=BUDGETS[row])
    _core.limit_threads(threads)
    side = (f"{threads} threads" if threads > 1 else "1 thread") + (", torchvision" if backend != "pillow" else "")
    cell.time(TITLE, row, side, lambda: saccade.patchify(screen, plan, **BITS[backend]), rounds=150)


@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("side", peers.RUST)
def test_peers(cell: Cell, screen: NDArray[np.uint8], side: str, row: str) -> None:
    """Time a peer that gives an image to one thread, however many there are; its layout has eight times the bytes."""
    try:
        work = peers.RUST[side]([screen], BUDGETS[row])
    except ImportError as error:
        cell.missing(TITLE, row, side, error)
    cell.time(TITLE, row, side, work, "one thread, float32 patches", rounds=8, warmup_rounds=1)


@pytest.mark.parametrize("row", BUDGETS)
def test_idle(cell: Cell, screen: NDArray[np.uint8], row: str) -> None:
    """Record the median call of an idle service, whose threads sleep and whose clocks fall between requests."""
    plan = saccade.plan((3840, 2160), budget=BUDGETS[row])
    saccade.patchify(screen, plan)
    times = []
    for _ in range(40):
        time.sleep(0.02)
        start = time.perf_counter()
        saccade.patchify(screen, plan)
        times.append(time.perf_counter() - start)
    side = f"{ALL} threads after 20 ms idle"
    note = f"the median; the fastest was {1000 * min(times):.2f}"
    cell.put(TITLE, row, side, 1000 * sorted(times)[len(times) // 2], MILLISECONDS, note)
