"""Operations that MLX's CPU backend does slowly, done by NumPy and BLAS in MLX's own memory.

MLX 0.32 takes 20 ns for an exponential on x86, NumPy half a nanosecond. An array above 32 MB costs MLX 2 ns a value to
allocate, so scores go into one small buffer again and again. The arrays here are the memory of evaluated MLX arrays:
nothing is copied in or out, and `mx.get_peak_memory` sees all that is large.

The plain forms, in MLX's operations, stand beside the calls in `attention` and `layers`; the tests compare them.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.backend import blas, device, mx
from mlx_saccade.preprocess import tower_memory

__all__ = [
    "FEW",
    "Floats",
    "Gemv",
    "applies",
    "attend",
    "attend_causally",
    "bind_gemv",
    "by_keys",
    "by_values",
    "gelu_tanh_in_place",
    "multiply",
    "queries",
    "quick_gelu_in_place",
    "rotate_in_place",
    "score_values",
    "swiglu_in_place",
    "view",
    "zeros",
]

Floats = NDArray[np.float32]

FEW = 2**15
"""Values up to which an evaluation in between costs more than it saves."""

# Products are no faster with more queries, and their scores leave the cache.
_MOST_QUERIES = 256
# Values of several small segments' scores, or of a temporary, that stay in the cache.
_CACHED = 2**19


def applies(*arrays: mx.array) -> bool:
    """Return True for arrays on the CPU in float32, the one precision with BLAS there."""
    return device() == "cpu" and all(array.dtype == mx.float32 for array in arrays)


def view(array: mx.array) -> Floats:
    """Return the memory of a float32 array, evaluated; writing there changes the array."""
    mx.eval(array)
    return np.asarray(array)


def zeros(*shape: int) -> mx.array:
    """Return a float32 array with memory of its own, to write through `view`."""
    array = mx.zeros(shape)
    mx.eval(array)
    return array


# Matrix products of NumPy arrays, by the BLAS that MLX computes with.

Gemv = Callable[[float], None]
"""A product of bound arrays; the argument is 0.0 to overwrite the output, 1.0 to add to it."""

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
    """Write scale x a @ b for every entry of the leading axes, which are the same in all three.

    Args:
        a: [..., M, K]; values along one of its last two axes are neighbors, as in `b`.
        b: [..., K, N].
        out: [..., M, N]; values along its last axis are neighbors. It shares no memory with `a` or `b`.
        scale: factor of the product.
    """
    if _sgemm is None or not out.size:
        np.matmul(a * np.float32(scale), b, out=out)
        return
    (m, k), n = a.shape[-2:], b.shape[-1]
    order_a, stride_a = _order(a)
    order_b, stride_b = _order(b)
    _, stride_out = _order(out)
    starts = [_address(array) for array in (a, b, out)]
    steps = [array.strides[:-2] for array in (a, b, out)]
    for place in itertools.product(*map(range, a.shape[:-2])):
        at_a, at_b, at_out = (
            start + sum(index * step for index, step in zip(place, strides, strict=True))
            for start, strides in zip(starts, steps, strict=True)
        )
        _sgemm(_ROW_MAJOR, order_a, order_b, m, n, k, scale, at_a, stride_a, at_b, stride_b, 0.0, at_out, stride_out)


def _order(array: Floats) -> tuple[int, int]:
    """Return BLAS's order of the last two axes, as they are or transposed, and the values from row to row."""
    rows, columns = array.strides[-2:]
    high, wide = array.shape[-2:]
    if columns == _ITEM or wide == 1:
        return _AS_IT_IS, max(rows // _ITEM, wide)
    if rows == _ITEM or high == 1:
        return _TRANSPOSED, max(columns // _ITEM, high)
    raise ValueError(f"neither axis of strides {array.strides} has neighboring values")


def bind_gemv(x: Floats, weight: Floats, out: Floats) -> Gemv:
    """Return a function that computes out = x @ weight.T for few rows, always in the same memory.

    Args:
        x: [M, K]; all three are whole arrays in C order, and stay alive with the function.
        weight: [N, K].
        out: [M, N].
    """
    (rows, inner), count = x.shape, len(weight)
    assert all(array.flags.c_contiguous for array in (x, weight, out))
    sgemm, sgemv = _sgemm, _sgemv
    if sgemm is None or sgemv is None:

        def plain(beta: float) -> None:
            np.add(out * np.float32(beta) if beta else 0, x @ weight.T, out=out)

        return plain
    at_x, at_weight, at_out = _address(x), _address(weight), _address(out)
    steps = range(rows)
    arrays = (x, weight, out)  # or their memory would be free before the last call

    def row_by_row(beta: float, _: object = arrays) -> None:
        for row in steps:
            begin, end = at_x + row * inner * _ITEM, at_out + row * count * _ITEM
            sgemv(_ROW_MAJOR, _AS_IT_IS, count, inner, 1.0, at_weight, inner, begin, 1, beta, end, 1)

    def all_rows(beta: float, _: object = arrays) -> None:
        order = (_ROW_MAJOR, _AS_IT_IS, _TRANSPOSED, rows, count, inner)
        sgemm(*order, 1.0, at_x, inner, at_weight, inner, beta, at_out, count)

    return row_by_row if rows <= _ROWS_APART else all_rows


def by_keys(q: Floats, keys: Floats, out: Floats, scale: float) -> None:
    """Write the scores of one query for each head, scale x q . keys; each key head serves H / K heads.

    Args:
        q: [H, d], in C order.
        keys: [K, S, d]; values of a token, and tokens, are neighbors.
        out: [H, S]; the scores of a head are neighbors.
        scale: factor of the scores.
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
    """Write the sum of values by each head's shares, [H, S] and [K, S, d] -> out [H, d]; in memory as `by_keys`."""
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
    """Return [H, N] as [H / group, group, N], the same memory."""
    heads, count = array.shape
    strides = (group * array.strides[0], *array.strides)
    return np.lib.stride_tricks.as_strided(array, (heads // group, group, count), strides)


def _address(array: Floats) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


# Attention of many queries.


def queries(keys: int) -> int:
    """Return the queries of one head whose scores fit `tower_memory.CPU_SCORE_BYTES`, at least one."""
    return max(1, min(_MOST_QUERIES, tower_memory.CPU_SCORE_BYTES // (4 * keys)))


def score_values(segments: int, length: int, heads: int) -> int:
    """Return the values in `attend`'s scores: several small segments at a time, or some queries of one head."""
    one = heads * length * length
    if one <= _CACHED:
        return one * min(segments, _CACHED // one)
    return min(queries(length), length) * length


def attend(q: Floats, k: Floats, v: Floats, out: Floats, scale: float, scores: Floats) -> None:
    """Write softmax attention inside each of S segments.

    Args:
        q: [S, L, H, d].
        k: as q.
        v: as q.
        out: as q.
        scale: factor of the scores.
        scores: buffer of `score_values(S, L, H)` values.
    """
    segments, length, heads, _ = q.shape
    one = heads * length * length
    if one <= _CACHED:
        together = min(segments, _CACHED // one)
        for first in range(0, segments, together):
            part = slice(first, first + together)
            _attend(*(array[part].swapaxes(1, 2) for array in (q, k, v, out)), scale=scale, scores=scores)
        return
    most = queries(length)
    for segment in range(segments):
        for head in range(heads):
            keys, values = k[segment, :, head], v[segment, :, head]
            for first in range(0, length, most):
                rows = slice(first, first + most)
                _attend(q[segment, rows, head], keys, values, out[segment, rows, head], scale=scale, scores=scores)


def attend_causally(
    q: Floats, k: Floats, v: Floats, out: Floats, scale: float, scores: Floats, mask: NDArray[np.bool_] | None
) -> None:
    """Write attention of the last L of S tokens to themselves and those before; each key head serves H / K heads.

    Args:
        q: [H, L, d].
        k: [K, S, d].
        v: as k.
        out: [L, H, d].
        scale: factor of the scores.
        scores: buffer of `queries(S)` x S values.
        mask: keys that each token sees, [L, S]; None for all before it.
    """
    (heads, length, _), (key_heads, total, _) = q.shape, k.shape
    most = queries(total)
    for first in range(0, length, most):
        rows = slice(first, min(first + most, length))
        count, until = rows.stop - first, total - length + rows.stop
        hidden = np.triu(np.ones((count, count), np.bool_), 1) if mask is None else ~mask[rows, :until]
        for head in range(heads):
            keys = head * key_heads // heads
            part = scores[: count * until].reshape(count, until)
            multiply(q[head, rows], k[keys, :until].T, part, scale)
            np.copyto(part[:, until - hidden.shape[1] :], -np.inf, where=hidden)
            _mix(part, v[keys, :until], out[rows, head])


def _attend(q: Floats, k: Floats, v: Floats, out: Floats, *, scale: float, scores: Floats) -> None:
    """[..., Q, d], [..., L, d], [..., L, d] -> out [..., Q, d]."""
    shape = (*q.shape[:-1], k.shape[-2])
    part = scores[: int(np.prod(shape))].reshape(shape)
    multiply(q, k.swapaxes(-1, -2), part, scale)
    _mix(part, v, out)


def _mix(scores: Floats, v: Floats, out: Floats) -> None:
    """Write the softmax of scores [..., Q, L] times v [..., L, d] to out [..., Q, d]; the scores are overwritten."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    multiply(scores, v, out)
    out /= scores.sum(axis=-1, keepdims=True)


# Rotation and gates, value by value.


def rotate_in_place(x: Floats, cos: Floats, sin: Floats) -> None:
    """Turn the pairs (i, i + d/2) of x [..., d]; cos and sin [..., d/2] broadcast to its halves."""
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    moved = first * sin
    first *= cos
    first -= second * sin
    second *= cos
    second += moved


def swiglu_in_place(gate: Floats, up: Floats) -> None:
    """Replace gate by gate x sigmoid(gate) x up; both [N, I]."""
    for rows in _blocks(gate):
        gate[rows] /= _one_and_exp(-gate[rows])
        gate[rows] *= up[rows]


def gelu_tanh_in_place(x: Floats) -> None:
    """Replace x by x / 2 times 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)); [N, I]."""
    # The same as x sigmoid(2 sqrt(2 / pi) (...)), whose exponential is faster than tanh.
    slope, cubic = np.float32(-2 * np.sqrt(2 / np.pi)), np.float32(-2 * np.sqrt(2 / np.pi) * 0.044715)
    for rows in _blocks(x):
        inner = x[rows] * x[rows]
        inner *= cubic
        inner += slope
        inner *= x[rows]
        x[rows] /= _one_and_exp(inner)


def quick_gelu_in_place(x: Floats) -> None:
    """Replace x by x times sigmoid(1.702 x); [N, I]."""
    for rows in _blocks(x):
        x[rows] /= _one_and_exp(np.float32(-1.702) * x[rows])


def _blocks(x: Floats) -> Iterator[slice]:
    """Yield rows whose temporaries stay in the cache."""
    step = max(1, _CACHED // x.shape[-1])
    yield from (slice(first, first + step) for first in range(0, len(x), step))


def _one_and_exp(x: Floats) -> Floats:
    """Return 1 + exp(x) in x's memory; infinite past float32's range, where the quotient has to be 0."""
    with np.errstate(over="ignore"):
        np.exp(x, out=x)
    x += 1
    return x
