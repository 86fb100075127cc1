"""Attention with scores bounded in memory: inside segments of packed patches, and causal attention of tokens.

Where MLX has a fused kernel, scores never exist as an array. Elsewhere (on the CPU, and for head widths and precisions
without a kernel) all scores would exist at once, heads x length x length. So segments are then cut into pieces of
`tower_memory.query_chunk` queries, one piece at a time. In float32 on the CPU, NumPy computes them (`cpu_ops`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlx_saccade.backend import device, mx
from mlx_saccade.models import cpu_ops
from mlx_saccade.models.execution import EvalBudget, Run, Segments
from mlx_saccade.preprocess import tower_memory

__all__ = [
    "Mask",
    "Piece",
    "Run",
    "attend",
    "attend_causally",
    "attend_in_mlx",
    "attention_mask",
    "fused_width",
    "is_fused",
    "pieces",
]

Mask = mx.array | str | None
"""The keys that each query sees, as `mx.fast.scaled_dot_product_attention` takes it."""

# Head widths of Metal's fused kernel in every version since 0.30; later versions only add to them.
_METAL_WIDTHS = (64, 80, 128)
_CUDNN_WIDEST = 128
# Queries of one fused call: 1.4 TFLOP against the largest image's patches, where all of them would take 22.
_FUSED_QUERIES = 4096


@dataclass(frozen=True)
class Piece:
    """The part of a run in one attention call.

    Attributes:
        segment: the first segment.
        count: segments.
        first: the first query of each segment.
        last: the query after the last one.
    """

    segment: int
    count: int
    first: int
    last: int


def fused_width(device: str, head_dim: int, dtype: mx.Dtype) -> int | None:
    """Return the width of heads at which MLX attends without writing out scores; None if there is none.

    A head may be padded with zeros to a wider one, by at most a quarter of its values: scores stay the same, and the
    padded values of the result are cut off.

    Args:
        device: "cpu", "metal" or "cuda".
        head_dim: width of a head.
        dtype: precision of queries, keys and values.
    """
    if is_fused(device, head_dim, dtype):
        return head_dim
    wider = [width for width in _METAL_WIDTHS if head_dim <= width <= 1.25 * head_dim]
    return wider[0] if wider and is_fused(device, wider[0], dtype) else None


def is_fused(device: str, head_dim: int, dtype: mx.Dtype) -> bool:
    """Return True if MLX attends without writing out scores, for more than eight queries and no mask.

    Args:
        device: "cpu", "metal" or "cuda".
        head_dim: width of a head.
        dtype: precision of queries, keys and values.
    """
    if device == "metal":
        return head_dim in _METAL_WIDTHS
    # cuDNN's kernel, on the Ampere generation and later.
    return device == "cuda" and dtype != mx.float32 and head_dim % 8 == 0 and head_dim <= _CUDNN_WIDEST


def pieces(run: Run, heads: int, *, fused: bool = False) -> Iterator[Piece]:
    """Cut a run into calls whose scores fit `tower_memory.SCORE_BYTES`, each of at least one query.

    A fused kernel has no scores. Its calls are cut so that none takes a GPU seconds.
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


def attend(q: mx.array, k: mx.array, v: mx.array, segments: Segments, scale: float, budget: EvalBudget) -> mx.array:
    """Return attention of every patch to the patches of its segment.

    Args:
        q: [N, H, d].
        k: [N, H, d].
        v: [N, H, d].
        segments: the segments, and their costs.
        scale: factor of the scores.
        budget: of the pass.

    Returns:
        [N, H d].
    """
    if cpu_ops.applies(q, k, v):
        return _attend_on_cpu(q, k, v, segments, scale, budget)
    return attend_in_mlx(q, k, v, segments, scale, budget)


def attend_in_mlx(
    q: mx.array, k: mx.array, v: mx.array, segments: Segments, scale: float, budget: EvalBudget
) -> mx.array:
    """As `attend`, in MLX's operations."""
    _, heads, width = q.shape
    fused = is_fused(device(), width, q.dtype)
    outputs: list[mx.array] = []
    done, pending = 0, 0  # outputs evaluated, and bytes of the scores of the others
    for run, cost in zip(segments.runs, segments.costs, strict=True):
        stop = run.start + run.count * run.length
        split = (run.count, run.length, heads, width)
        queries, keys, values = (t[run.start : stop].reshape(split).swapaxes(1, 2) for t in (q, k, v))  # [S, H, L, d]
        parts = list(pieces(run, heads, fused=fused))
        if len(parts) > 1:  # or every piece would copy them to have heads first in memory
            keys, values = mx.contiguous(keys), mx.contiguous(values)
        for part in parts:
            count = part.count * (part.last - part.first)
            scores = 0 if fused else heads * count * run.length * 4
            if pending and pending + scores > tower_memory.SCORE_BYTES:
                # Evaluated here, or MLX would allocate the scores of many pieces before it frees the first.
                mx.eval(outputs[done:])
                done, pending = len(outputs), 0
            budget.reserve(count * cost)
            rows = slice(part.segment, part.segment + part.count)
            chosen = queries[rows, :, part.first : part.last]  # [segments, H, queries, d]
            mixed = mx.fast.scaled_dot_product_attention(chosen, keys[rows], values[rows], scale=scale)
            outputs.append(mixed.swapaxes(1, 2).reshape(-1, heads * width))  # [segments x queries, H d]
            budget.record(*outputs)
            pending += scores
    return mx.concatenate(outputs) if len(outputs) > 1 else outputs[0]


def _attend_on_cpu(
    q: mx.array, k: mx.array, v: mx.array, segments: Segments, scale: float, budget: EvalBudget
) -> mx.array:
    count, heads, width = q.shape
    mx.eval(q, k, v)
    most = max(cpu_ops.score_values(run.count, run.length, heads) for run in segments.runs)
    out, buffer = cpu_ops.zeros(count, heads * width), cpu_ops.zeros(most)
    mixed, scores = cpu_ops.view(out).reshape(count, heads, width), cpu_ops.view(buffer)
    queries, keys, values = cpu_ops.view(q), cpu_ops.view(k), cpu_ops.view(v)
    for run, cost in zip(segments.runs, segments.costs, strict=True):
        # Long segments are one call each, so that progress shows.
        together = run.count if cost == 0 else 1
        for number in range(0, run.count, together):
            budget.reserve(together * run.length * cost)
            rows = slice(run.start + number * run.length, run.start + (number + together) * run.length)
            split = (together, run.length, heads, width)
            parts = [array[rows].reshape(split) for array in (queries, keys, values, mixed)]  # [S, L, H, d]
            cpu_ops.attend(parts[0], parts[1], parts[2], parts[3], scale, scores)
            budget.record(out)
    return out


def attention_mask(length: int, offset: int, padding: Sequence[int]) -> Mask:
    """Return the mask of the new tokens, as `mx.fast.scaled_dot_product_attention` takes it.

    Args:
        length: new tokens.
        offset: tokens before them.
        padding: tokens of padding at the start of each row. Only a padding token itself attends to it, so that no row
            of scores is empty.

    Returns:
        Without padding "causal", or None for one token; else bool [B, 1, length, offset + length].
    """
    if not any(padding):
        return "causal" if length > 1 else None
    keys = mx.arange(offset + length)
    queries = mx.arange(offset, offset + length)[:, None]
    visible = keys >= mx.array(list(padding))[:, None, None, None]
    return (visible & (keys <= queries)) | (keys == queries)


def attend_causally(q: mx.array, k: mx.array, v: mx.array, scale: float, mask: Mask) -> mx.array:
    """Return attention of the last L of S tokens to the tokens before them; each key head serves H / K heads.

    Args:
        q: [B, H, L, d].
        k: [B, K, S, d].
        v: as k.
        scale: factor of the scores.
        mask: "causal"; None for one token; or bool [B, 1, L, S].

    Returns:
        [B, L, H d].
    """
    batch, heads, length, width = q.shape
    keys = k.shape[2]
    if length == 1 or heads * length * keys <= cpu_ops.FEW or not cpu_ops.applies(q, k, v):
        mixed = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=mask)
        return mixed.swapaxes(1, 2).reshape(batch, length, heads * width)  # [B, L, H d]
    mx.eval(q, k, v)
    buffer = cpu_ops.zeros(min(cpu_ops.queries(keys), length) * keys)
    out, scores = cpu_ops.zeros(batch, length, heads * width), cpu_ops.view(buffer)
    rows_out = cpu_ops.view(out).reshape(batch, length, heads, width)
    visible = np.asarray(mask)[:, 0] if isinstance(mask, mx.array) else None  # [B, L, S]
    for row in range(batch):
        row_q, row_k, row_v = (cpu_ops.view(array)[row] for array in (q, k, v))
        row_mask = None if visible is None else visible[row]
        cpu_ops.attend_causally(row_q, row_k, row_v, rows_out[row], scale, scores, row_mask)
    return out
