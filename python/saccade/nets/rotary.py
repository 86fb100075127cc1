"""Rotary positions: of patches in the plane, and of tokens in time, height and width.

Angles are float32 whatever the model computes in; symbols in shapes: N patches, L tokens, d head width.
"""

from __future__ import annotations

from collections.abc import Sequence

from saccade.backend import mx

__all__ = ["mrope", "plane", "rotate"]


def plane(coordinates: mx.array, head_dim: int, theta: float) -> tuple[mx.array, mx.array]:
    """Cosine and sine of the two-dimensional rotary embedding: rows turn the first quarter of a head, columns the next.

    Args:
        coordinates: [N, 2] (row, column).
        head_dim: d, divisible by 4.
        theta: base of the frequencies.

    Returns:
        Two float32 [N, 1, d].
    """
    frequencies = 1.0 / theta ** (mx.arange(0, head_dim // 2, 2, dtype=mx.float32) / (head_dim // 2))
    angles = coordinates.astype(mx.float32)[:, :, None] * frequencies  # [N, 2, d/4]
    angles = angles.reshape(len(coordinates), head_dim // 2)
    angles = mx.concatenate([angles, angles], axis=-1)[:, None, :]
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
        Two float32 [B, 1, L, d].
    """
    frequencies = 1.0 / theta ** (mx.arange(0, head_dim, 2, dtype=mx.float32) / head_dim)
    angles = position_ids.astype(mx.float32)[..., None] * frequencies  # [3, B, L, d/2]
    parts, start = [], 0
    for axis, size in enumerate(sections):
        parts.append(angles[axis, :, :, start : start + size])
        start += size
    turned = mx.concatenate(parts + parts, axis=-1)[:, None]
    return mx.cos(turned), mx.sin(turned)


def rotate(x: mx.array, cos: mx.array, sin: mx.array) -> mx.array:
    """Turn the pairs (i, i + d/2) of the last axis by the given angles, in float32."""
    wide = x.astype(mx.float32)
    half = x.shape[-1] // 2
    turned = mx.concatenate([-wide[..., half:], wide[..., :half]], axis=-1)
    return (wide * cos + turned * sin).astype(x.dtype)
