"""The command line run as a user runs it, and what all its answers to mistakes have in common."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

PROGRAM = [sys.executable, "-m", "mlx_saccade"]


def run_command(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *words], capture_output=True, text=True, cwd=cwd, timeout=300, check=False)


def assert_mistake(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 2, result
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "knows generated screens only" not in line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("mlx-saccade")
    for word in words:
        assert word in lines[0]


def write_picture(path: Path) -> Path:
    """200 x 120 pixels of noise."""
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (120, 200, 3), dtype=np.uint8)).save(path)
    return path
