"""MLX, imported after the BLAS that its CPU backend should use.

On Linux, MLX's CPU wheel carries reference BLAS. A BLAS that is in the global scope before it is found first, so
OpenBLAS, where it is installed, is loaded here: float32 matmul of 1,024 x 1,024 went from 3 to 107 GFLOP/s on 2 cores.
`SACCADE_OPENBLAS=0` leaves it out. Every module that computes takes `mx` and `nn` from here.
"""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["device", "mx", "nn", "openblas"]

_LIBRARY = "libopenblas.so.0"


def _load_openblas() -> str | None:
    """Load OpenBLAS into the global scope; its name, or None where it is not wanted, not needed or not there."""
    if sys.platform != "linux" or os.environ.get("SACCADE_OPENBLAS") == "0":
        return None
    try:
        ctypes.CDLL(_LIBRARY, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return None
    return _LIBRARY


openblas = _load_openblas()

import mlx.core as mx  # noqa: E402
import mlx.nn as nn  # noqa: E402


def device() -> str:
    """Where MLX computes by default: "cpu", "metal" or "cuda"."""
    if mx.default_device() == mx.cpu:
        return "cpu"
    return "metal" if mx.metal.is_available() else "cuda"
