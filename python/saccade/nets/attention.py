"""Attention inside segments of a packed sequence, its scores bounded in memory.

Where MLX has a fused kernel, scores never exist as an array. Where it has none (the CPU, head widths and precisions
that a GPU's kernels leave out) they would all exist at once, heads x length x length, so segments are then taken in
pieces of `families.query_chunk` queries, one piece at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from saccade import families
from saccade.backend import device, mx

__all__ = ["Run", "attend", "is_fused", "pieces"]

# Head widths of Metal's fused kernel in every version since 0.30; later ones only add to them.
_METAL_WIDTHS = (64, 80, 128)
_CUDNN_WIDEST = 128


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


def pieces(run: Run, heads: int) -> Iterator[Piece]:
    """Cut a run into calls whose scores stay within `families.SCORE_BYTES` (at least one query each)."""
    queries = families.query_chunk(run.length, heads)
    if queries < run.length:
        for number in range(run.count):
            for first in range(0, run.length, queries):
                last = min(first + queries, run.length)
                yield Piece(number, 1, first, last)
        return
    together = families.query_chunk(run.length, heads, segments=run.count) // run.length
    for number in range(0, run.count, together):
        yield Piece(number, min(together, run.count - number), 0, run.length)


def attend(q: mx.array, k: mx.array, v: mx.array, runs: Sequence[Run], scale: float) -> mx.array:
    """Attention of every patch to those of its segment.

    Args:
        q: [N, H, d].
        k: [N, H, d].
        v: [N, H, d].
        runs: segments that cover 0..N in order.
        scale: of the scores.

    Returns:
        [N, H d].
    """
    _, heads, width = q.shape
    fused = is_fused(device(), width, q.dtype)
    outputs: list[mx.array] = []
    done, pending = 0, 0  # outputs evaluated, and bytes of the scores of the others
    for run in runs:
        stop = run.start + run.count * run.length
        split = (run.count, run.length, heads, width)
        queries, keys, values = (t[run.start : stop].reshape(split).swapaxes(1, 2) for t in (q, k, v))
        parts = [Piece(0, run.count, 0, run.length)] if fused else list(pieces(run, heads))
        if len(parts) > 1:  # or every piece would copy them to have heads first in memory
            keys, values = mx.contiguous(keys), mx.contiguous(values)
        for part in parts:
            scores = 0 if fused else heads * part.count * (part.last - part.first) * run.length * 4
            if pending and pending + scores > families.SCORE_BYTES:
                # Evaluated here, or MLX would allocate the scores of many pieces before it frees the first.
                mx.eval(outputs[done:])
                done, pending = len(outputs), 0
            taken = slice(part.segment, part.segment + part.count)
            chosen = queries[taken, :, part.first : part.last]  # [segments, H, queries, d]
            mixed = mx.fast.scaled_dot_product_attention(chosen, keys[taken], values[taken], scale=scale)
            outputs.append(mixed.swapaxes(1, 2).reshape(-1, heads * width))
            pending += scores
    if not fused:
        mx.eval(outputs[done:])
    return mx.concatenate(outputs) if len(outputs) > 1 else outputs[0]
