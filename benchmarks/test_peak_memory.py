"""What a call takes for itself at its peak, besides source and output: of saccade the rows in flight."""

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
    words = [sys.executable, str(SCRIPT), side, str(BUDGETS[row])]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines()
    if done.returncode and ("ImportError" in lines[-1] or "ModuleNotFoundError" in lines[-1]):
        cell.missing(TITLE, row, side, ImportError(lines[-1].split(": ", 1)[1]), UNIT)
    assert done.returncode == 0, done.stderr
    cell.put(TITLE, row, side, int(done.stdout) / 2**20, UNIT)
