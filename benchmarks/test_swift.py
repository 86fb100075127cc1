"""Time plan and patches of a 4K BGRA frame from Swift beside the same call from Python.

Both call the same core. The Swift side is a release build in a process of its own; the patches of both sides are
compared before they are timed. Sides take turns.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import MILLISECONDS, Cell
from inputs import BUDGETS, noise
from numpy.typing import NDArray

import mlx_saccade as saccade

ROOT = Path(__file__).parents[1]
TITLE = "Plan and patches of a 3840x2160 BGRA frame"
SIDES = ("Swift, an array", "Swift, memory of the caller")
TURNS = range(4)
ROUNDS = 50
PRODUCT = "saccade-benchmark"


@pytest.fixture(scope="session")
def frame() -> NDArray[np.uint8]:
    """Return uint8 [2160, 3840, 4] of noise."""
    pixels = np.full((2160, 3840, 4), 255, np.uint8)
    pixels[..., :3] = noise((3840, 2160))
    return pixels


@pytest.fixture(scope="session")
def program() -> Path:
    """Build the Swift side; skip where Swift is missing."""
    if shutil.which("swift") is None:
        pytest.skip("swift is not on the path")
    command = ["swift", "build", "-c", "release", "--product", PRODUCT, "--scratch-path", ".build/bench"]
    environment = os.environ | {"SACCADE_MLX_SWIFT": "0"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return ROOT / ".build" / "bench" / "release" / PRODUCT


def patches(frame: NDArray[np.uint8], budget: int) -> NDArray[np.uint8]:
    """Return the patches from Python, planned and cut."""
    height, width, _ = frame.shape
    return saccade.patchify(frame, saccade.plan((width, height), budget=budget), pixel_format="bgrx")


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("row", BUDGETS)
def test_python(cell: Cell, frame: NDArray[np.uint8], row: str, turn: int) -> None:
    cell.time(TITLE, row, "Python", lambda: patches(frame, BUDGETS[row]), rounds=ROUNDS)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("row", BUDGETS)
def test_swift(cell: Cell, program: Path, frame: NDArray[np.uint8], row: str, turn: int, tmp_path: Path) -> None:
    frame.tofile(tmp_path / "frame")
    numbers = (str(number) for number in (3840, 2160, BUDGETS[row], ROUNDS))
    command = [str(program), str(tmp_path / "frame"), *numbers, str(tmp_path / "patches")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    expected = patches(frame, BUDGETS[row])
    assert np.array_equal(np.fromfile(tmp_path / "patches", np.uint8).reshape(expected.shape), expected)
    rounds = np.loadtxt(printed.splitlines(), ndmin=2)
    assert rounds.shape == (ROUNDS, len(SIDES))
    for side, fastest in zip(SIDES, rounds.min(axis=0), strict=True):
        earlier = cell.tables.value(TITLE, row, side)
        cell.put(TITLE, row, side, min(float(fastest), earlier), MILLISECONDS)
