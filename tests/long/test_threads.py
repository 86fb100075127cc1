"""Programs that use an engine from many threads, fifty runs each: no abort, no hang, right answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from thread_programs import PROGRAMS

TESTS = Path(__file__).parents[1]
RUNS = 50


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_run_answers_and_ends_cleanly(name: str) -> None:
    command = [sys.executable, str(TESTS / "thread_programs.py"), name]
    results = [subprocess.run(command, capture_output=True, text=True, timeout=120, check=False) for _ in range(RUNS)]
    assert [(one.returncode, one.stdout, one.stderr) for one in results] == [(0, "", "")] * RUNS
