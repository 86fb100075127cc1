"""Attention, its scores bounded in memory: inside segments of a packed sequence, and of tokens to those before them.

Where MLX has a fused kernel, scores never exist as an array. Where it has none (the CPU, head widths and precisions
that a GPU's kernels leave out) they would all exist at once, heads x length x length, so segments are then taken in
pieces of `tower_memory.query_chunk` queries, one piece at a time; in float32 on the CPU by NumPy (`cpu`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlx_saccade.backend import device, mx
from mlx_saccade.models import cpu_ops
from mlx_saccade.models.execution import EvalBudget
from mlx_saccade.preprocess import tower_memory

__all__ = ["Mask", "Run", "attend", "attend_causally", "attend_in_mlx", "is_fused", "pieces"]

Mask = mx.array | str | None
"""Which keys may be seen, as `mx.fast.scaled_dot_product_attention` takes it."""

# Head widths of Metal's fused kernel in every version since 0.30; later ones only add to them.
_METAL_WIDTHS = (64, 80, 128)
_CUDNN_WIDEST = 128
# Queries of one fused call: 1.4 TFLOP against the largest image's patches, where all of them would take 22.
_FUSED_QUERIES = 4096


@dataclass(frozen=True)
class Run:
    """`count` attention segments of `length` patches each, one after another from patch `start`."""

    start: int
    count: int
    length: int


@dataclass(frozen=True)
class Piece:
    """What one attention call takes of a run: queries `first` to `last` of segments `segment` to `segment + count`."""

    segment: int
    count: int
    first: int
    last: int


def is_fused(device: str, head_dim: int, dtype: mx.Dtype) -> bool:
    """Whether MLX attends without writing scores out, for more than eight queries and no mask.

    Args:
        device: "cpu", "metal" or "cuda".
        head_dim: width of a head.
        dtype: of queries, keys and values.
    """
    if device == "metal":
        return head_dim in _METAL_WIDTHS
    # cuDNN's kernel, on the Ampere generation and later.
    return device == "cuda" and dtype != mx.float32 and head_dim % 8 == 0 and head_dim <= _CUDNN_WIDEST


def pieces(run: Run, heads: int, *, fused: bool = False) -> Iterator[Piece]:
    """Cut a run into calls whose scores stay within `tower_memory.SCORE_BYTES` (at least one query each).

    A fused kernel has no scores; its calls are cut so that none keeps a GPU busy for seconds.
    """
    queries = _FUSED_QUERIES if fused else tower_memory.query_chunk(run.length, heads)
    if queries < run.length:
        for number in range(run.count):
            for first in range(0, run.length, queries):
                last = min(first + queries, run.length)
                yield Piece(number, 1, first, last)
        return
    together = run.count if fused else tower_memory.query_chunk(run.length, heads, segments=run.count) // run.length
    for number in range(0, run.count, together):
        yield Piece(number, min(together, run.count - number), 0, run.length)


def attend(
    q: mx.array, k: mx.array, v: mx.array, runs: Sequence[Run], scale: float, pace: EvalBudget, work: Sequence[int]
) -> mx.array:
    """Attention of every patch to those of its segment.

    Args:
        q: [N, H, d].
        k: [N, H, d].
        v: [N, H, d].
        runs: segments that cover 0..N in order.
        scale: of the scores.
        pace: is told of each call.
        work: quarters of a patch-layer that a query costs, one a run.

    Returns:
        [N, H d].
    """
    if cpu_ops.applies(q, k, v):
        return _attend_on_the_cpu(q, k, v, runs, scale, pace, work)
    return attend_in_mlx(q, k, v, runs, scale, pace, work)


def attend_in_mlx(
    q: mx.array, k: mx.array, v: mx.array, runs: Sequence[Run], scale: float, pace: EvalBudget, work: Sequence[int]
) -> mx.array:
    """As `attend`, in MLX's operations."""
    _, heads, width = q.shape
    fused = is_fused(device(), width, q.dtype)
    outputs: list[mx.array] = []
    done, pending = 0, 0  # outputs evaluated, and bytes of the scores of the others
    for run, cost in zip(runs, work, strict=True):
        stop = run.start + run.count * run.length
        split = (run.count, run.length, heads, width)
        queries, keys, values = (t[run.start : stop].reshape(split).swapaxes(1, 2) for t in (q, k, v))
        parts = list(pieces(run, heads, fused=fused))
        if len(parts) > 1:  # or every piece would copy them to have heads first in memory
            keys, values = mx.contiguous(keys), mx.contiguous(values)
        for part in parts:
            asked = part.count * (part.last - part.first)
            scores = 0 if fused else heads * asked * run.length * 4
            if pending and pending + scores > tower_memory.SCORE_BYTES:
                # Evaluated here, or MLX would allocate the scores of many pieces before it frees the first.
                mx.eval(outputs[done:])
                done, pending = len(outputs), 0
            pace.before(asked * cost)
            taken = slice(part.segment, part.segment + part.count)
            chosen = queries[taken, :, part.first : part.last]  # [segments, H, queries, d]
            mixed = mx.fast.scaled_dot_product_attention(chosen, keys[taken], values[taken], scale=scale)
            outputs.append(mixed.swapaxes(1, 2).reshape(-1, heads * width))
            pace.made(*outputs)
            pending += scores
    return mx.concatenate(outputs) if len(outputs) > 1 else outputs[0]


def _attend_on_the_cpu(
    q: mx.array, k: mx.array, v: mx.array, runs: Sequence[Run], scale: float, pace: EvalBudget, work: Sequence[int]
) -> mx.array:
    count, heads, width = q.shape
    mx.eval(q, k, v)
    out, scores = cpu_ops.zeros(count, heads * width), cpu_ops.zeros(max(_scores(run, heads) for run in runs))
    mixed, held = cpu_ops.view(out).reshape(count, heads, width), cpu_ops.view(scores)
    queries, keys, values = cpu_ops.view(q), cpu_ops.view(k), cpu_ops.view(v)
    for run, cost in zip(runs, work, strict=True):
        # A segment a call where they are long, so that progress shows.
        together = run.count if cost == 0 else 1
        for number in range(0, run.count, together):
            pace.before(together * run.length * cost)
            rows = slice(run.start + number * run.length, run.start + (number + together) * run.length)
            split = (together, run.length, heads, width)
            of = [array[rows].reshape(split) for array in (queries, keys, values, mixed)]
            cpu_ops.attend(of[0], of[1], of[2], of[3], scale, held)
            pace.made(out)
    return out


def _scores(run: Run, heads: int) -> int:
    return cpu_ops.score_values(run.count, run.length, heads)


def attend_causally(q: mx.array, k: mx.array, v: mx.array, scale: float, mask: Mask) -> mx.array:
    """Attention of the last L of S tokens to those before them; each key head serves H / K heads.

    Args:
        q: [B, H, L, d].
        k: [B, K, S, d].
        v: as k.
        scale: of the scores.
        mask: "causal"; None for one token; or bool [B, 1, L, S].

    Returns:
        [B, L, H d].
    """
    batch, heads, length, width = q.shape
    keys = k.shape[2]
    if length == 1 or heads * length * keys <= cpu_ops.FEW or not cpu_ops.applies(q, k, v):
        mixed = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=mask)
        return mixed.swapaxes(1, 2).reshape(batch, length, heads * width)
    mx.eval(q, k, v)
    out, scores = cpu_ops.zeros(batch, length, heads * width), cpu_ops.zeros(min(cpu_ops.queries(keys), length) * keys)
    into, held = cpu_ops.view(out).reshape(batch, length, heads, width), cpu_ops.view(scores)
    seen = np.asarray(mask)[:, 0] if isinstance(mask, mx.array) else None
    for row in range(batch):
        asked, known, told = (cpu_ops.view(array)[row] for array in (q, k, v))
        cpu_ops.attend_causally(asked, known, told, into[row], scale, held, None if seen is None else seen[row])
    return out
