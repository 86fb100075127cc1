"""The tables of benchmarks/ can be collected with whatever peers are installed, and one is made."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pytest_benchmark")
ROOT = Path(__file__).parents[2]


def tables(*arguments: str, path: str | None = None) -> str:
    """What a run prints; `path` comes first among the folders that it imports from."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    folders = [path, os.environ.get("PYTHONPATH")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
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


def test_a_peer_that_is_not_installed_stands_in_its_table_as_missing(tmp_path: Path) -> None:
    (tmp_path / "without_opencv.py").write_text("import sys\n\nsys.modules['cv2'] = None\n", encoding="utf-8")
    chosen = ["benchmarks/test_resizers.py", "-k", "OpenCV", "-p", "without_opencv"]
    shown = tables(*chosen, "--benchmark-disable", path=str(tmp_path))
    side = "OpenCV, area (no antialiased cubic)"
    table = shown[shown.index("**Resize alone** (milliseconds, the fastest call)") :].splitlines()
    assert table[2:5] == [f"| | {side} |", "|---|---|", "| 3840x2160 to 1316x728 | missing |"]
    assert re.fullmatch(rf"- {re.escape(side)}: import of cv2 halted.*; `make peers` installs it", table[6])
