"""`mlx-saccade screens` as a process, without a display: what is missing, and mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import PROGRAM, assert_mistake, run_command

from mlx_saccade.evals.screens.applications import APPLICATIONS


def run_without_packages(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing on PATH, so that Xvfb and all programs are missing on any machine."""
    environment = os.environ | {"PATH": str(folder)}
    command = [*PROGRAM, "screens", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system is the mistake")
def test_missing_packages_are_named_in_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run_without_packages(tmp_path, "--out", str(out))
    assert_mistake(result, "Xvfb", "openbox", "apt install", "xvfb")
    assert not out.exists()


def test_check_prints_what_is_missing_and_exits_with_1(tmp_path: Path) -> None:
    result = run_without_packages(tmp_path, "--check")
    assert result.returncode == 1, result.stderr
    assert "missing: Xvfb, dbus-daemon, openbox" in result.stdout
    programs = {one.program for one in APPLICATIONS}
    assert f"0 of {len(programs)} programs are installed" in result.stdout


def test_check_prints_json(tmp_path: Path) -> None:
    answer = json.loads(run_without_packages(tmp_path, "--check", "--json").stdout)
    assert {"part": "Xvfb", "package": "xvfb"} in answer["missing"]
    assert {"program": "GIMP", "package": "gimp"} in answer["not_installed"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["--out", "folder"]),
        (["--out", "x", "--n", "0"], ["--n", "at least 1"]),
        (["--out", "x", "--size", "4K"], ["--size", "WIDTHxHEIGHT"]),
        (["--out", "x", "--size", "320x240"], ["--size", "640"]),
    ],
)
def test_mistakes_are_named_before_anything_is_started(words: list[str], expected: list[str], tmp_path: Path) -> None:
    assert_mistake(run_command("screens", *words, cwd=tmp_path), *expected)
    assert not (tmp_path / "x").exists()
