"""Measure how fast MLX multiplies matrices, to set other figures against."""

from __future__ import annotations

import time
from typing import Any


def matmul_peak(mx: Any, size: int, rounds: int) -> float:
    """Return the FLOP/s of MLX's float32 product of two square matrices, in the fastest of several rounds.

    `mx` is mlx.core, which the caller imports after it has chosen a BLAS.
    """
    a = mx.random.normal((size, size))
    mx.eval(a @ a)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        mx.eval(a @ a)
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)
