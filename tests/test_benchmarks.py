"""The tables of benchmarks/ can be collected with whatever peers are installed, and one is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pytest_benchmark")
ROOT = Path(__file__).parents[1]


def tables(*arguments: str) -> str:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_file_is_collected() -> None:
    shown = tables("--collect-only", "benchmarks")
    for path in (ROOT / "benchmarks").glob("test_*.py"):
        if "def test_" in path.read_text(encoding="utf-8"):
            assert f"benchmarks/{path.name}" in shown


def test_a_table_is_made() -> None:
    shown = tables("benchmarks/test_window_order.py", "--benchmark-disable")
    assert "passed" in shown
