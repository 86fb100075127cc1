"""MLX, imported after the BLAS that its CPU backend should use; every module that computes imports `mx` from here.

On Linux, MLX's CPU wheel carries reference BLAS, which is slow. The dynamic linker prefers a BLAS that is already in
the global scope, so OpenBLAS, if it is installed, is loaded first. `SACCADE_OPENBLAS=0` leaves it out. Where a program
has imported MLX before, MLX is directed to OpenBLAS afterwards.

OpenBLAS chooses its kernels by the CPU's model number, and takes the slowest for a model newer than itself. So
`OPENBLAS_CORETYPE` is set by the CPU's instruction sets while it loads, unless it is set already.
"""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
from pathlib import Path

from mlx_saccade import blas as linkage
from mlx_saccade.errors import InputError

__all__ = [
    "blas",
    "blas_kernels",
    "claim_process",
    "device",
    "is_own_process",
    "is_reference",
    "mlx_blas",
    "mx",
    "nn",
    "openblas",
]

_LIBRARY = "libopenblas.so.0"
_CORE_TYPE = "OPENBLAS_CORETYPE"
# OpenBLAS's name of its kernels, and the flags of /proc/cpuinfo that they need; the best first.
_CORES = (
    ("SkylakeX", {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}),
    ("Haswell", {"avx2", "fma"}),
)


def core_type(cpuinfo: str) -> str | None:
    """Return OpenBLAS's name of the best kernels for the text of /proc/cpuinfo; None leaves the choice to OpenBLAS."""
    for line in cpuinfo.splitlines():
        if line.startswith("flags"):
            flags = set(line.partition(":")[2].split())
            return next((name for name, needed in _CORES if needed <= flags), None)
    return None


def _load_openblas() -> ctypes.CDLL | None:
    """Load OpenBLAS into the global scope; return None if it is disabled, not needed or not installed."""
    if sys.platform != "linux" or os.environ.get("SACCADE_OPENBLAS") == "0":
        return None
    preset = os.environ.get(_CORE_TYPE)
    try:
        core = None if preset is not None else core_type(Path("/proc/cpuinfo").read_text())
    except OSError:
        core = None
    if core is not None:
        os.environ[_CORE_TYPE] = core  # OpenBLAS reads it once, while it loads
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
    """Return the name of OpenBLAS's active kernels, such as "SkylakeX"; None without OpenBLAS or if unknown."""
    name = getattr(blas, "openblas_get_corename", None)
    if name is None:
        return None
    name.restype = ctypes.c_char_p
    return str(name().decode())


import mlx.core as mx  # noqa: E402
import mlx.nn as nn  # noqa: E402


def mlx_blas() -> str | None:
    """Return the path of the BLAS that MLX calls on the CPU; None if it is not known."""
    return linkage.library(mx.__file__)


def _direct_to_openblas(library: ctypes.CDLL) -> None:
    """Replace reference BLAS where MLX is bound to it already, and warn where that is impossible."""
    path = mlx_blas()
    if path is None or not is_reference(path) or linkage.direct(mx.__file__, library):
        return
    warnings.warn(
        f"MLX was imported before mlx_saccade and keeps its slow BLAS ({path}). Import mlx_saccade.models before mlx",
        RuntimeWarning,
        stacklevel=2,
    )


def is_reference(path: str) -> bool:
    """Return True for the file name of reference BLAS."""
    return Path(path).name.startswith("libblas")


if blas is not None:
    _direct_to_openblas(blas)


def device() -> str:
    """Return MLX's default device: "cpu", "metal" or "cuda"."""
    if mx.default_device() == mx.cpu:
        return "cpu"
    return "metal" if mx.metal.is_available() else "cuda"


_process: int | None = None  # that has computed


def claim_process() -> None:
    """Record that this process computes.

    Raises:
        InputError: it was forked from a process that had computed; MLX's threads are missing here, and it would hang.
    """
    global _process
    if _process is None:
        _process = os.getpid()
    elif _process != os.getpid():
        raise InputError(
            "mlx_saccade: expected a process of its own; got one forked after its parent had loaded a model, where MLX "
            "hangs. Start processes with multiprocessing.get_context('spawn'), or load models only after the fork"
        )


def is_own_process() -> bool:
    """Return False in a process that was forked from one that had computed."""
    return _process in (None, os.getpid())
