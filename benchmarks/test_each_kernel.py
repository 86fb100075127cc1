"""Time every kernel that the machine supports, with one thread and with all; tests compare them with the scalar one."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Cell
from inputs import BUDGETS
from numpy.typing import NDArray

import mlx_saccade as saccade
from mlx_saccade import _core

KERNELS = _core.kernels()


@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("threads", sorted({_core.threads(), 1}, reverse=True))
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel(cell: Cell, screen: NDArray[np.uint8], kernel: str, threads: int, row: str) -> None:
    plan = saccade.plan((3840, 2160), budget=BUDGETS[row])
    expected = saccade.patchify(screen, plan)
    _core.select_kernel(kernel)
    _core.limit_threads(threads)
    assert np.array_equal(saccade.patchify(screen, plan), expected)
    assert _core.last_kernel() == kernel
    title = f"Kernels, native layout of 3840x2160, {threads} thread{'s' if threads > 1 else ''}"
    rounds = 4 if kernel == "scalar" else 80
    cell.time(title, row, kernel, lambda: saccade.patchify(screen, plan), rounds=rounds, warmup_rounds=1)
