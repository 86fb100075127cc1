"""Measure the processor time of calls with one thread, which other load on the machine hardly changes.

The sides of the whole call and the comparison of bits are those of test_whole_call.py. Shapes 34 to 39 times smaller
are resized alone. Every side is limited to one thread, and all sides of a row take turns. A side's number is the
processor time of its fastest call, threads included.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import peers
import pytest
from conftest import Cell
from inputs import BITS, BUDGETS, noise
from numpy.typing import NDArray
from test_whole_call import difference, expected_values, whole_call

import mlx_saccade as saccade
from mlx_saccade import _core

TITLE = "Processor time of the whole call, one thread, 3840x2160 to the model's input"
UNIT = "milliseconds of processor time, the fastest call"
ROUNDS, QUICK = 10, 0.02

SMALLER = "Processor time of a resize 34 to 39 times smaller, one thread"
SHAPES = {
    "1920x1080 to 56x28": ((1920, 1080), (56, 28)),
    "3840x2160 to 98x56": ((3840, 2160), (98, 56)),
    "7680x4320 to 196x112": ((7680, 4320), (196, 112)),
}


def fastest(sides: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the processor time in seconds of each side's fastest call; quick ones are called ten times a round."""
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(ROUNDS):
        for side, work in sides.items():
            for _ in range(10 if times[side] and times[side][0] < QUICK else 1):
                start = time.process_time()
                work()
                times[side].append(time.process_time() - start)
    return {side: min(each) for side, each in times.items()}


@pytest.mark.parametrize("row", BUDGETS)
def test_processor_time(cell: Cell, screen: NDArray[np.uint8], row: str) -> None:
    budget = BUDGETS[row]
    _core.limit_threads(1)
    sides: dict[str, Callable[[], Any]] = {
        "saccade": lambda: whole_call(screen, budget, "pillow"),
        "saccade, torchvision": lambda: whole_call(screen, budget, "torchvision"),
    }
    assert list(BITS) == ["pillow", "torchvision"]
    notes, missing = {}, {}
    for side, prepare in peers.WHOLE_CALLS.items():
        try:
            sides[side] = prepare(screen, budget)
        except ImportError as error:
            missing[side] = error
            continue
        notes[side] = difference(sides[side](), expected_values(screen, budget, peers.bits_of(side)))
    if any("torchvision" in side for side in notes):
        import torch

        torch.set_num_threads(1)
    for side, seconds in fastest(sides).items():
        cell.put(TITLE, row, side, 1000 * seconds, UNIT, notes.get(side, ""))
    for side, error in missing.items():
        cell.missing(TITLE, row, side, error, UNIT)


@pytest.mark.parametrize("row", SHAPES)
def test_shrinks(cell: Cell, row: str) -> None:
    source, size = SHAPES[row]
    pixels = noise(source)
    _core.limit_threads(1)
    sides: dict[str, Callable[[], Any]] = {
        "saccade": lambda: saccade.resize(pixels, size, **BITS["pillow"]),
        "saccade, torchvision": lambda: saccade.resize(pixels, size, backend="torchvision"),
    }
    missing = {}
    for side in ("Pillow", "torchvision, channels last", "torchvision, channels first"):
        try:
            sides[side] = peers.RESIZERS[side](pixels, size)
        except ImportError as error:
            missing[side] = error
            continue
        ours = "saccade" if side == "Pillow" else "saccade, torchvision"
        assert np.array_equal(np.asarray(sides[side]()), sides[ours]())
    if len(sides) > 3:
        import torch

        torch.set_num_threads(1)
    for side, seconds in fastest(sides).items():
        cell.put(SMALLER, row, side, 1000 * seconds, UNIT)
    for side, error in missing.items():
        cell.missing(SMALLER, row, side, error, UNIT)
