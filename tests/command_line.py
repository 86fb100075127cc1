"""Run the command line as a user does, and check its answer to a mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

PROGRAM = [sys.executable, "-m", "mlx_saccade"]


def run_command(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `mlx-saccade` with arguments in a process of its own."""
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, cwd=cwd, timeout=300, check=False)


def assert_mistake(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check for status 2, no output and one line of error that holds `words`."""
    assert result.returncode == 2, result
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "knows generated screens only" not in line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("mlx-saccade")
    for word in words:
        assert word in lines[0]


def write_picture(path: Path) -> Path:
    """Write 200 x 120 pixels of noise and return the path."""
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (120, 200, 3), dtype=np.uint8)).save(path)
    return path
