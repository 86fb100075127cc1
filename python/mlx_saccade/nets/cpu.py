"""What MLX's CPU backend does slowly, done by NumPy in MLX's own memory.

MLX 0.32 takes 20 ns for an exponential on x86 and NumPy half a nanosecond, so that attention and gates, which are made
of them, took nine tenths of a pass; and an array above 32 MB costs 2 ns a value to come by, so that scores are written
into one small buffer again and again. The arrays here are the memory of evaluated MLX arrays: nothing is copied in or
out, and `mx.get_peak_memory` sees all that is large.

The plain forms, in MLX's operations, stand beside the calls (`attention`, `rotary`, `gates`); the tests compare them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import families
from mlx_saccade.backend import device, mx
from mlx_saccade.nets.products import multiply

__all__ = [
    "FEW",
    "applies",
    "attend",
    "attend_causally",
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
"""Values up to which an evaluation in between costs more than MLX's own way."""

# Products are no faster with more queries, and their scores leave the cache.
_MOST_QUERIES = 256
# Values of several small segments' scores, or of a temporary, that stay in the cache.
_CACHED = 2**19


def applies(*arrays: mx.array) -> bool:
    """Whether arrays are computed on the CPU in float32, the one precision that has BLAS there."""
    return device() == "cpu" and all(array.dtype == mx.float32 for array in arrays)


def view(array: mx.array) -> Floats:
    """The memory of a float32 array, evaluated; what is written there changes the array."""
    mx.eval(array)
    return np.asarray(array)


def zeros(*shape: int) -> mx.array:
    """A float32 array with memory of its own, to be written through `view`."""
    made = mx.zeros(shape)
    mx.eval(made)
    return made


def queries(keys: int) -> int:
    """Queries of one head whose scores against so many keys fit `families.CPU_SCORE_BYTES`; at least one."""
    return max(1, min(_MOST_QUERIES, families.CPU_SCORE_BYTES // (4 * keys)))


def score_values(segments: int, length: int, heads: int) -> int:
    """Values that the scores of `attend` take: several small segments at a time, or some queries of one head."""
    one = heads * length * length
    if one <= _CACHED:
        return one * min(segments, _CACHED // one)
    return min(queries(length), length) * length


def attend(q: Floats, k: Floats, v: Floats, out: Floats, scale: float, scores: Floats) -> None:
    """Softmax attention inside each of S segments.

    Args:
        q: [S, L, H, d].
        k: as q.
        v: as q.
        out: as q; written.
        scale: of the scores.
        scores: `score_values(S, L, H)` values, overwritten.
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
    q: Floats, k: Floats, v: Floats, out: Floats, scale: float, scores: Floats, seen: NDArray[np.bool_] | None
) -> None:
    """Attention of the last L of S tokens to those before them and to themselves; each key head serves H / K heads.

    Args:
        q: [H, L, d].
        k: [K, S, d].
        v: as k.
        out: [L, H, d]; written.
        scale: of the scores.
        scores: `queries(S)` x S values, overwritten.
        seen: which keys a token may see, [L, S]; None: all before it.
    """
    (heads, length, _), (key_heads, total, _) = q.shape, k.shape
    most = queries(total)
    for first in range(0, length, most):
        rows = slice(first, min(first + most, length))
        count, until = rows.stop - first, total - length + rows.stop
        hidden = np.triu(np.ones((count, count), np.bool_), 1) if seen is None else ~seen[rows, :until]
        for head in range(heads):
            keys = head * key_heads // heads
            held = scores[: count * until].reshape(count, until)
            multiply(q[head, rows], k[keys, :until].T, held, scale)
            np.copyto(held[:, until - hidden.shape[1] :], -np.inf, where=hidden)
            _mix(held, v[keys, :until], out[rows, head])


def _attend(q: Floats, k: Floats, v: Floats, out: Floats, *, scale: float, scores: Floats) -> None:
    """[..., Q, d], [..., L, d], [..., L, d] -> out [..., Q, d]."""
    shape = (*q.shape[:-1], k.shape[-2])
    held = scores[: int(np.prod(shape))].reshape(shape)
    multiply(q, k.swapaxes(-1, -2), held, scale)
    _mix(held, v, out)


def _mix(scores: Floats, v: Floats, out: Floats) -> None:
    """Softmax of scores [..., Q, L], which are overwritten, times v [..., L, d] -> out [..., Q, d]."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    multiply(scores, v, out)
    out /= scores.sum(axis=-1, keepdims=True)


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
    """In place of gate, gate x sigmoid(gate) x up; both [N, I]."""
    for rows in _blocks(gate):
        gate[rows] /= _one_and_exp(-gate[rows])
        gate[rows] *= up[rows]


def quick_gelu_in_place(x: Floats) -> None:
    """In place of x, x times sigmoid(1.702 x); [N, I]."""
    for rows in _blocks(x):
        x[rows] /= _one_and_exp(np.float32(-1.702) * x[rows])


def _blocks(x: Floats) -> Iterator[slice]:
    """Rows whose temporaries stay in the cache."""
    step = max(1, _CACHED // x.shape[-1])
    yield from (slice(first, first + step) for first in range(0, len(x), step))


def _one_and_exp(x: Floats) -> Floats:
    """1 + exp(x), x overwritten; infinite past float32's range, where what is divided by it becomes 0, as it has to."""
    with np.errstate(over="ignore"):
        np.exp(x, out=x)
    x += 1
    return x
