"""Measure the peak memory of one call besides its source and its output, in a process of its own.

    python benchmarks/peak.py SIDE TOKENS

Prints bytes: the highest resident size during the call, less the size before it and less the output's. Linux only: the
kernel's high-water mark is reset before the call (proc(5), clear_refs).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peers
from inputs import noise

import mlx_saccade as saccade

SIZE = (3840, 2160)


def resident(mark: str) -> int:
    """Return the bytes of VmRSS (now) or VmHWM (highest so far)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(mark)))


def saccade_layout(layout: Any) -> Callable[[Any, int], peers.Work]:
    """Return a function that prepares saccade's call in a layout."""

    def prepare(pixels: Any, tokens: int) -> peers.Work:
        plan = saccade.plan((pixels.shape[1], pixels.shape[0]), budget=tokens)
        return lambda: saccade.patchify(pixels, plan, layout)

    return prepare


def pillow(pixels: Any, tokens: int) -> peers.Work:
    """Return Pillow's resize to the size of a budget."""
    return peers.pillow_resize(pixels, saccade.plan(SIZE, budget=tokens).resized_size)


SIDES = {
    "saccade, native": saccade_layout("native"),
    "saccade, reference": saccade_layout("reference"),
    "Pillow, resize alone": pillow,
    **peers.WHOLE_CALLS,
}


def main() -> None:
    side, tokens = sys.argv[1], int(sys.argv[2])
    SIDES[side](noise((280, 280)), 64)()  # loads imports, thread pools and tables
    work = SIDES[side](noise(SIZE), tokens)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    output = np.asarray(work())
    print(max(0, resident("VmHWM") - before - output.nbytes))


if __name__ == "__main__":
    main()
