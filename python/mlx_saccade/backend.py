"""MLX, imported after the BLAS that its CPU backend should use.

On Linux, MLX's CPU wheel carries reference BLAS. A BLAS that is in the global scope before it is found first, so
OpenBLAS, where it is installed, is loaded here: float32 matmul of 1,024 x 1,024 went from 3 to 107 GFLOP/s on 2 cores.
`SACCADE_OPENBLAS=0` leaves it out. Every module that computes takes `mx` and `nn` from here.

OpenBLAS chooses its kernels by the CPU's model number, and for a model newer than itself takes those of 2004: 0.3.21
made 62 GFLOP/s on a Xeon of 2024, and 290 once told what the CPU can do. So it is told, by the instruction set, unless
`OPENBLAS_CORETYPE` is set already.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

__all__ = ["blas", "blas_kernels", "device", "mx", "nn", "openblas"]

_LIBRARY = "libopenblas.so.0"
_CORE_TYPE = "OPENBLAS_CORETYPE"
# OpenBLAS's name of its kernels, and what they need as /proc/cpuinfo spells it; the best first.
_CORES = (
    ("SkylakeX", {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}),
    ("Haswell", {"avx2", "fma"}),
)


def core_type(cpuinfo: str) -> str | None:
    """OpenBLAS's name of the best kernels for an x86 CPU, by the text of /proc/cpuinfo; None: OpenBLAS chooses."""
    for line in cpuinfo.splitlines():
        if line.startswith("flags"):
            flags = set(line.partition(":")[2].split())
            return next((name for name, needed in _CORES if needed <= flags), None)
    return None


def _load_openblas() -> ctypes.CDLL | None:
    """Load OpenBLAS into the global scope; None where it is not wanted, not needed or not there."""
    if sys.platform != "linux" or os.environ.get("SACCADE_OPENBLAS") == "0":
        return None
    given = os.environ.get(_CORE_TYPE)
    try:
        core = None if given is not None else core_type(Path("/proc/cpuinfo").read_text())
    except OSError:
        core = None
    if core is not None:
        os.environ[_CORE_TYPE] = core  # read once, while the library loads
    try:
        return ctypes.CDLL(_LIBRARY, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return None
    finally:
        if core is not None:
            del os.environ[_CORE_TYPE]


blas = _load_openblas()
openblas = None if blas is None else _LIBRARY


def blas_kernels() -> str | None:
    """The CPU whose kernels OpenBLAS runs, in its words ("SkylakeX"); None without OpenBLAS, or if it does not say."""
    name = getattr(blas, "openblas_get_corename", None)
    if name is None:
        return None
    name.restype = ctypes.c_char_p
    return str(name().decode())


import mlx.core as mx  # noqa: E402
import mlx.nn as nn  # noqa: E402


def device() -> str:
    """Where MLX computes by default: "cpu", "metal" or "cuda"."""
    if mx.default_device() == mx.cpu:
        return "cpu"
    return "metal" if mx.metal.is_available() else "cuda"
