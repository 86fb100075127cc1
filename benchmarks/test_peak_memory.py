"""Measure the peak memory of a call besides source and output; saccade's is the rows in flight."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import peak
import pytest
from conftest import Cell
from inputs import BUDGETS

TITLE = "Peak memory besides source and output, 3840x2160"
UNIT = "MiB; the source has 23.7"
SCRIPT = Path(__file__).with_name("peak.py")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="NOT MEASURED: the high-water mark is Linux's")
@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("side", peak.SIDES)
def test_peak(cell: Cell, side: str, row: str) -> None:
    command = [sys.executable, str(SCRIPT), side, str(BUDGETS[row])]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = process.stderr.strip().splitlines()
    if process.returncode and ("ImportError" in lines[-1] or "ModuleNotFoundError" in lines[-1]):
        cell.missing(TITLE, row, side, ImportError(lines[-1].split(": ", 1)[1]), UNIT)
    assert process.returncode == 0, process.stderr
    cell.put(TITLE, row, side, int(process.stdout) / 2**20, UNIT)
