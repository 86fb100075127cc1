"""Launches of GPU kernels by MLX."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.errors import InputError
from mlx_saccade.gpu.choice import MAX_INDEX, dialect, failed_kernels
from mlx_saccade.gpu.text import KERNELS, constants, text

if TYPE_CHECKING:
    from mlx_saccade.backend import mx

__all__ = ["check_index", "launch", "table"]

# MLX passes smaller inputs in another address space.
_MIN_INPUT = 8


def check_index(name: str, count: int) -> None:
    """Raise InputError if a kernel cannot index so many elements of `name`."""
    if count > MAX_INDEX:
        raise InputError(f"{name}: expected at most {MAX_INDEX} elements on the GPU; got {count}. Use device='cpu'")


@cache
def _compiled(kernel: str, language: str) -> Any:
    """Return MLX's callable of a kernel. MLX finds compiled kernels by name, so each source has its own."""
    from mlx_saccade.backend import mx

    header, body = text(kernel, language)
    digest = hashlib.sha256((header + body).encode()).hexdigest()[:12]
    entry = KERNELS[kernel]
    options: dict[str, Any] = {
        "name": f"saccade_{kernel}_{digest}",
        "input_names": [name for name, _ in entry.inputs],
        "output_names": [name for name, _ in entry.outputs],
        "header": header,
        "source": body,
    }
    if language == "cuda":
        return mx.fast.cuda_kernel(**options)
    try:
        return mx.fast.metal_kernel(**options, compile_options={"math_mode": "safe"})
    except TypeError:  # an MLX without this option, where the mode is safe
        return mx.fast.metal_kernel(**options)


def launch(
    kernel: str, inputs: Sequence[NDArray[Any]], shapes: Sequence[tuple[int, ...]], groups: int
) -> list[NDArray[Any]] | None:
    """Run a kernel on MLX's GPU.

    Args:
        kernel: a name in KERNELS.
        inputs: its inputs, uint8 or int32.
        shapes: shapes of its outputs.
        groups: groups of threads.

    Returns:
        The outputs; None, after one warning per kernel, if MLX cannot compile or run it.
    """
    if kernel in failed_kernels:
        return None
    from mlx_saccade.backend import claim_process, mx

    claim_process()
    threads = constants(kernel)["THREADS"]
    types: dict[str, mx.Dtype] = {"uchar": mx.uint8, "int": mx.int32}
    try:
        outputs = _compiled(kernel, dialect() or "")(
            inputs=[mx.array(_padded(values)) for values in inputs],
            output_shapes=list(shapes),
            output_dtypes=[types[name] for _, name in KERNELS[kernel].outputs],
            grid=(groups * threads, 1, 1),
            threadgroup=(threads, 1, 1),
            stream=mx.gpu,
        )
        mx.eval(outputs)
        return [np.asarray(output) for output in outputs]
    except (RuntimeError, ValueError) as error:
        failed_kernels.add(kernel)
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        warnings.warn(
            f"mlx_saccade: MLX could not run the GPU kernel {kernel} ({reason}). The CPU core computes instead, with "
            "the same bits",
            RuntimeWarning,
            stacklevel=3,
        )
        return None


def _padded(values: NDArray[Any]) -> NDArray[Any]:
    """Return a flat array of at least _MIN_INPUT elements."""
    flat = values.reshape(-1)
    return flat if flat.size >= _MIN_INPUT else np.concatenate([flat, np.zeros(_MIN_INPUT - flat.size, flat.dtype)])


def table(kernel: str, prefix: str, rows: Sequence[dict[str, int]], end: int) -> NDArray[np.int32]:
    """Return a kernel's table: the number of rows, the rows with their fields in the text's order, and the end."""
    fields = constants(kernel)
    width = fields[f"{prefix}_INTS"]
    table = np.zeros(1 + (len(rows) + 1) * width, np.int64)
    table[0] = len(rows)
    for i, row in enumerate(rows):
        for name, value in row.items():
            table[1 + i * width + fields[f"{prefix}_{name}"]] = value
    table[1 + len(rows) * width] = end
    return table.astype(np.int32)
