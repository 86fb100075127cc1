"""Time the start of the command line beside a Python that does nothing.

    python -m pytest benchmarks/test_start.py

The targets are 0.2 s for `mlx-saccade --help` and 0.35 s for `mlx-saccade plan 3840x2160`.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "mlx-saccade --help": ["-m", "mlx_saccade", "--help"],
    "mlx-saccade plan 3840x2160": ["-m", "mlx_saccade", "plan", "3840x2160"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_start(benchmark, name: str) -> None:
    benchmark.group = "start"
    command = [sys.executable, *COMMANDS[name]]
    result = benchmark.pedantic(
        lambda: subprocess.run(command, capture_output=True, text=True, check=True), rounds=15, warmup_rounds=2
    )
    assert result.stderr == ""
    assert ("usage" in result.stdout) == ("--help" in command)
    assert ("1,222" in result.stdout) == ("plan" in command)
