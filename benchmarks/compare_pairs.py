"""Try `mlx-saccade bench compare` on real runs of preprocessing: pairs that are equal, and pairs with a slowdown.

    python benchmarks/compare_pairs.py --pairs 10 --rounds 10 20 40 --slowdown 1.6      # about a minute

The slowdown is put in on purpose: each call of ours waits until it has taken a multiple of its own time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import _core
from mlx_saccade.bench import preprocess
from mlx_saccade.bench.compare import compare
from mlx_saccade.bench.run import Run
from mlx_saccade.preprocess import patchify

BUDGETS, SIZE = (64, 256), (720, 1280)


@contextmanager
def slowed(times: float) -> Iterator[None]:
    """Make every call of `patchify` take `times` as long."""
    original = patchify.patchify

    def slow(*words: Any, **options: Any) -> Any:
        start = time.perf_counter()
        patches = original(*words, **options)
        end = start + times * (time.perf_counter() - start)
        while time.perf_counter() < end:
            pass
        return patches

    patchify.patchify = slow
    try:
        yield
    finally:
        patchify.patchify = original


def measure(pixels: NDArray[np.uint8], rounds: int, times: float = 1.0) -> Run:
    with slowed(times):
        return preprocess.run_of(preprocess.compare(pixels, BUDGETS, rounds))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--rounds", type=int, nargs="+", default=[10, 20, 40])
    parser.add_argument("--slowdown", type=float, default=1.6)
    options = parser.parse_args()
    pixels = np.random.RandomState(0).randint(0, 256, (*SIZE, 3), dtype=np.uint8)
    _core.limit_threads(1)
    print("| rounds | false alarms on equal runs | slowdowns found |\n|---|---|---|")
    for rounds in options.rounds:
        alarms = caught = 0
        for _ in range(options.pairs):
            before, equal, slow = (measure(pixels, rounds, times) for times in (1.0, 1.0, options.slowdown))
            alarms += any(change.lost for change in compare(before, equal))
            caught += any(change.lost for change in compare(before, slow))
        print(f"| {rounds} | {alarms} of {options.pairs} | {caught} of {options.pairs} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
