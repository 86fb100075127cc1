"""Matrix products of NumPy arrays by the BLAS that MLX computes with.

NumPy brings a BLAS of its own. The threads of both wait for work by spinning, so that products by turns in one and the
other take several times longer than in either.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.backend import blas

__all__ = ["Again", "Floats", "again", "by_keys", "by_values", "multiply"]

Floats = NDArray[np.float32]

Again = Callable[[float], None]
"""Takes a product once more; the argument is what of the output is kept: 0.0 to write over it, 1.0 to add to it."""

_ROW_MAJOR, _AS_IT_IS, _TRANSPOSED = 101, 111, 112
_ITEM = 4
_INTEGERS = [ctypes.c_int] * 6
# OpenBLAS copies the weights before it multiplies matrices, which costs as much as two to five rows apart.
_ROWS_APART = 2
_float, _pointer, _int = ctypes.c_float, ctypes.c_void_p, ctypes.c_int
_sgemm = None if blas is None else getattr(blas, "cblas_sgemm", None)
if _sgemm is not None:
    _sgemm.argtypes = [*_INTEGERS, _float, _pointer, _int, _pointer, _int, _float, _pointer, _int]
    _sgemm.restype = None
_sgemv = None if blas is None else getattr(blas, "cblas_sgemv", None)
if _sgemv is not None:
    _sgemv.argtypes = [*_INTEGERS[:4], _float, _pointer, _int, _pointer, _int, _float, _pointer, _int]
    _sgemv.restype = None


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
    starts = [_address(array) for array in (a, b, out)]
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


def again(x: Floats, weight: Floats, out: Floats) -> Again:
    """A product of few rows that is taken many times, always of the same memory: out = x @ weight.T.

    Args:
        x: [M, K]; all three are whole arrays in C order, and are kept.
        weight: [N, K].
        out: [M, N].
    """
    (rows, inner), count = x.shape, len(weight)
    assert all(array.flags.c_contiguous for array in (x, weight, out))
    sgemm, sgemv = _sgemm, _sgemv
    if sgemm is None or sgemv is None:

        def plain(kept: float) -> None:
            np.add(out * np.float32(kept) if kept else 0, x @ weight.T, out=out)

        return plain
    at_x, at_weight, at_out = _address(x), _address(weight), _address(out)
    steps = range(rows)
    held = (x, weight, out)  # or their memory would be free before the last call

    def apart(kept: float, _: object = held) -> None:
        for row in steps:
            begin, end = at_x + row * inner * _ITEM, at_out + row * count * _ITEM
            sgemv(_ROW_MAJOR, _AS_IT_IS, count, inner, 1.0, at_weight, inner, begin, 1, kept, end, 1)

    def together(kept: float, _: object = held) -> None:
        order = (_ROW_MAJOR, _AS_IT_IS, _TRANSPOSED, rows, count, inner)
        sgemm(*order, 1.0, at_x, inner, at_weight, inner, kept, at_out, count)

    return apart if rows <= _ROWS_APART else together


def by_keys(q: Floats, keys: Floats, out: Floats, scale: float) -> None:
    """Scores of one query a head, scale x q . keys; each key head serves H / K heads.

    Args:
        q: [H, d], in C order.
        keys: [K, S, d]; values of a token, and tokens, are neighbours.
        out: [H, S], written; the scores of a head are neighbours.
        scale: of the scores.
    """
    (heads, width), (key_heads, total, _) = q.shape, keys.shape
    group = heads // key_heads
    if _sgemv is None:
        np.matmul(q.reshape(key_heads, group, width) * np.float32(scale), keys.swapaxes(1, 2), out=_grouped(out, group))
        return
    at_q, at_keys, at_out = _address(q), _address(keys), _address(out)
    for head in range(heads):
        matrix, row = at_keys + head // group * keys.strides[0], at_q + head * q.strides[0]
        order = (_ROW_MAJOR, _AS_IT_IS, total, width)
        _sgemv(*order, scale, matrix, width, row, 1, 0.0, at_out + head * out.strides[0], 1)


def by_values(shares: Floats, values: Floats, out: Floats) -> None:
    """What each head takes of the values, [H, S] and [K, S, d] -> out [H, d]; in memory as `by_keys`."""
    (heads, total), (key_heads, _, width) = shares.shape, values.shape
    group = heads // key_heads
    if _sgemv is None:
        np.matmul(_grouped(shares, group), values, out=_grouped(out, group))
        return
    at_shares, at_values, at_out = _address(shares), _address(values), _address(out)
    for head in range(heads):
        matrix, row = at_values + head // group * values.strides[0], at_shares + head * shares.strides[0]
        order = (_ROW_MAJOR, _TRANSPOSED, total, width)
        _sgemv(*order, 1.0, matrix, width, row, 1, 0.0, at_out + head * out.strides[0], 1)


def _grouped(array: Floats, group: int) -> Floats:
    """[H, N] as [H / group, group, N], the same memory."""
    heads, count = array.shape
    strides = (group * array.strides[0], *array.strides)
    return np.lib.stride_tricks.as_strided(array, (heads // group, group, count), strides)


def _address(array: Floats) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
