"""The choice between GPU kernel and CPU core, which give the same bits.

"auto" takes the GPU only from the sizes on at which it was measured to be faster, in `assets/gpu_thresholds.json`, by
chip and kernel. MLX is imported only where that file, or the caller, names a GPU.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from mlx_saccade.errors import InputError, brief
from mlx_saccade.gpu.text import KERNELS

__all__ = ["MAX_INDEX", "Device", "choose", "dialect", "explain", "failed_kernels", "is_core"]

Device = Literal["auto", "cpu", "gpu"]
_THRESHOLDS = Path(__file__).parents[1] / "assets" / "gpu_thresholds.json"

MAX_INDEX = 2**31 - 1024
"""Most elements of an array: an index in a kernel is an int of 32 bits, and threads come in whole groups."""

failed_kernels: set[str] = set()
"""Kernels that MLX could not run in this process; a warning named each."""


def dialect() -> str | None:
    """Return the language of MLX's GPU, "metal" or "cuda"; None if MLX has no GPU."""
    from mlx_saccade.backend import mx

    if mx.metal.is_available():
        return "metal"
    cuda = getattr(mx, "cuda", None)
    return "cuda" if cuda is not None and cuda.is_available() else None


@cache
def _thresholds() -> dict[str, dict[str, int]]:
    """Return the least sizes at which the GPU was measured to be faster, by chip, then by kernel."""
    sizes: dict[str, dict[str, int]] = json.loads(_THRESHOLDS.read_text(encoding="utf-8"))
    return sizes


def _chip() -> str | None:
    """Return MLX's name of the GPU that it computes on; None if it computes on the CPU, or not at all after a fork."""
    from mlx_saccade.backend import device, is_own_process, mx

    if device() == "cpu" or not is_own_process():
        return None
    return str(mx.device_info().get("device_name", ""))


def _is_measured(kernel: str) -> bool:
    chips = _thresholds()
    return bool(chips) and any(kernel in sizes for sizes in chips.values())


def _threshold(kernel: str) -> int | None:
    """Return the least size at which "auto" takes the GPU; None for never. MLX is imported only if one was measured."""
    return _thresholds().get(_chip() or "", {}).get(kernel) if _is_measured(kernel) else None


def is_core(device: Device, kernel: str) -> bool:
    """Return True if a kernel runs on the CPU core at any size; quicker than `choose`, and without MLX."""
    # The type first: comparing an array with a string is neither true nor false.
    return isinstance(device, str) and (device == "cpu" or (device == "auto" and not _is_measured(kernel)))


def choose(device: Device, kernel: str, size: int, elements: int = 0) -> Literal["cpu", "gpu"]:
    """Return the device that a kernel runs on.

    Args:
        device: "auto", "cpu" or "gpu".
        kernel: a name in KERNELS.
        size: size of the work, in the kernel's unit.
        elements: elements of its largest array; "auto" leaves what a launch cannot index to the core.

    Raises:
        InputError: the device is unknown, or "gpu" where MLX has none.
    """
    if not isinstance(device, str) or device not in get_args(Device):
        raise InputError(f"device: expected 'auto', 'cpu' or 'gpu'; got {brief(device)}")
    if device == "gpu":
        if dialect() is None:
            raise InputError("device: expected 'auto' or 'cpu', because MLX has no GPU here; got 'gpu'")
        return "gpu"
    least = _threshold(kernel) if device == "auto" else None
    is_faster = least is not None and size >= least and elements <= MAX_INDEX
    return "gpu" if is_faster and kernel not in failed_kernels else "cpu"


def explain(kernel: str, size: int | None = None) -> str:
    """Return in words where "auto" runs a kernel, at a size (default: in general), and why."""
    if not _is_measured(kernel):
        return "CPU core (no GPU was measured to be faster yet)"
    least = _threshold(kernel)
    if least is None:
        return "CPU core (MLX has no GPU here that was measured to be faster)"
    rule = f"GPU from {least:,} {KERNELS[kernel].unit} on"
    if size is None:
        return f"{rule}, else CPU core"
    return f"{'GPU' if choose('auto', kernel, size) == 'gpu' else 'CPU core'} ({rule})"
