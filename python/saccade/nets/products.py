"""Matrix products of NumPy arrays by the BLAS that MLX computes with.

NumPy brings a BLAS of its own. The threads of both wait for work by spinning, so that products by turns in one and the
other take several times longer than in either.
"""

from __future__ import annotations

import ctypes
import itertools

import numpy as np
from numpy.typing import NDArray

from saccade.backend import blas

__all__ = ["multiply"]

Floats = NDArray[np.float32]

_ROW_MAJOR, _AS_IT_IS, _TRANSPOSED = 101, 111, 112
_ITEM = 4
_INTEGERS = [ctypes.c_int] * 6
_sgemm = None if blas is None else getattr(blas, "cblas_sgemm", None)
if _sgemm is not None:
    _float, _pointer, _int = ctypes.c_float, ctypes.c_void_p, ctypes.c_int
    _sgemm.argtypes = [*_INTEGERS, _float, _pointer, _int, _pointer, _int, _float, _pointer, _int]
    _sgemm.restype = None


def multiply(a: Floats, b: Floats, out: Floats, scale: float = 1.0) -> None:
    """Write scale x a @ b, over the leading axes, which are the same in all three.

    Args:
        a: [..., M, K]; of its last two axes one has neighbouring values, as in `b` and, the last, in `out`.
        b: [..., K, N].
        out: [..., M, N], no memory of it in `a` or `b`.
        scale: of the product.
    """
    if _sgemm is None or not out.size:
        np.matmul(a * np.float32(scale), b, out=out)
        return
    (m, k), n = a.shape[-2:], b.shape[-1]
    turned_a, rows_a = _order(a)
    turned_b, rows_b = _order(b)
    _, rows_out = _order(out)
    starts = [array.__array_interface__["data"][0] for array in (a, b, out)]
    steps = [array.strides[:-2] for array in (a, b, out)]
    for place in itertools.product(*map(range, a.shape[:-2])):
        at_a, at_b, at_out = (
            start + sum(index * step for index, step in zip(place, strides, strict=True))
            for start, strides in zip(starts, steps, strict=True)
        )
        _sgemm(_ROW_MAJOR, turned_a, turned_b, m, n, k, scale, at_a, rows_a, at_b, rows_b, 0.0, at_out, rows_out)


def _order(array: Floats) -> tuple[int, int]:
    """How BLAS is to read the last two axes: transposed or not, and values from one row to the next."""
    rows, columns = array.strides[-2:]
    high, wide = array.shape[-2:]
    if columns == _ITEM or wide == 1:
        return _AS_IT_IS, max(rows // _ITEM, wide)
    if rows == _ITEM or high == 1:
        return _TRANSPOSED, max(columns // _ITEM, high)
    raise ValueError(f"neither axis of strides {array.strides} has neighbouring values")
