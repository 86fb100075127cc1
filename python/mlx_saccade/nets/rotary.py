"""Rotary positions: of patches in the plane, and of tokens in time, height and width.

Angles are float32 whatever the model computes in, and one for each pair of values that they turn; symbols in shapes:
N patches, B batch, L tokens, d head width.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlx_saccade.backend import mx
from mlx_saccade.nets import cpu

__all__ = ["frequencies", "mrope", "plane", "rotate", "rotate_beginning"]


def plane(coordinates: mx.array, head_dim: int, theta: float) -> tuple[mx.array, mx.array]:
    """Cosine and sine of the two-dimensional rotary embedding: rows turn the first quarter of a head, columns the next.

    Args:
        coordinates: [N, 2] (row, column).
        head_dim: d, divisible by 4.
        theta: base of the frequencies.

    Returns:
        Two float32 [N, 1, d/2].
    """
    frequencies = 1.0 / theta ** (mx.arange(0, head_dim // 2, 2, dtype=mx.float32) / (head_dim // 2))
    angles = coordinates.astype(mx.float32)[:, :, None] * frequencies  # [N, 2, d/4]
    angles = angles.reshape(len(coordinates), 1, head_dim // 2)
    return mx.cos(angles), mx.sin(angles)


def mrope(position_ids: mx.array, head_dim: int, theta: float, sections: Sequence[int]) -> tuple[mx.array, mx.array]:
    """Cosine and sine of M-RoPE.

    The head's d / 2 frequencies are cut into three consecutive sections; time turns the first, height the second,
    width the third.

    Args:
        position_ids: integer [3, B, L] (time, height, width).
        head_dim: d.
        theta: base of the frequencies.
        sections: three sizes, d / 2 together.

    Returns:
        Two float32 [B, 1, L, d/2].
    """
    angles = position_ids.astype(mx.float32)[..., None] * frequencies(head_dim, theta)  # [3, B, L, d/2]
    parts, start = [], 0
    for axis, size in enumerate(sections):
        parts.append(angles[axis, :, :, start : start + size])
        start += size
    turned = mx.concatenate(parts, axis=-1)[:, None]
    return mx.cos(turned), mx.sin(turned)


def frequencies(head_dim: int, theta: float) -> mx.array:
    """Of M-RoPE, float32 [d/2]."""
    return 1.0 / theta ** (mx.arange(0, head_dim, 2, dtype=mx.float32) / head_dim)


def rotate(x: mx.array, cos: mx.array, sin: mx.array) -> mx.array:
    """Turn the pairs (i, i + d/2) of the last axis by the given angles, in float32.

    Args:
        x: [..., d], no longer to be used: its memory may hold the result.
        cos: broadcasts to [..., d/2].
        sin: as cos.
    """
    if x.size > cpu.FEW and cpu.applies(x, cos, sin):
        cpu.rotate_in_place(cpu.view(x), cpu.view(cos), cpu.view(sin))
        return x
    return _turn(x, cos, sin)


def rotate_beginning(x: mx.array, count: int, cos: mx.array, sin: mx.array) -> mx.array:
    """As `rotate`, the first `count` of axis 1 alone; the rest stays as it is.

    Args:
        x: [N, A, H, d], no longer to be used.
        count: at most A.
        cos: [N, 1, d/2].
        sin: as cos.
    """
    if cpu.applies(x, cos, sin):
        cpu.rotate_in_place(cpu.view(x)[:, :count], cpu.view(cos)[:, None], cpu.view(sin)[:, None])
        return x
    return mx.concatenate([_turn(x[:, :count], cos[:, None], sin[:, None]), x[:, count:]], axis=1)


def _turn(x: mx.array, cos: mx.array, sin: mx.array) -> mx.array:
    first, second = mx.split(x.astype(mx.float32), 2, axis=-1)
    return mx.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1).astype(x.dtype)
