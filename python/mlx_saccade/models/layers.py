"""Rotary positions: of patches in the plane, and of tokens in time, height and width.

Angles are float32 whatever the model computes in, and one for each pair of values that they turn; symbols in shapes:
N patches, B batch, L tokens, d head width.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlx_saccade.backend import mx, nn
from mlx_saccade.models import cpu_ops

__all__ = ["frequencies", "mrope", "plane", "quick_gelu", "rotate", "rotate_beginning", "swiglu"]


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
    if x.size > cpu_ops.FEW and cpu_ops.applies(x, cos, sin):
        cpu_ops.rotate_in_place(cpu_ops.view(x), cpu_ops.view(cos), cpu_ops.view(sin))
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
    if cpu_ops.applies(x, cos, sin):
        cpu_ops.rotate_in_place(cpu_ops.view(x)[:, :count], cpu_ops.view(cos)[:, None], cpu_ops.view(sin)[:, None])
        return x
    return mx.concatenate([_turn(x[:, :count], cos[:, None], sin[:, None]), x[:, count:]], axis=1)


def _turn(x: mx.array, cos: mx.array, sin: mx.array) -> mx.array:
    first, second = mx.split(x.astype(mx.float32), 2, axis=-1)
    return mx.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1).astype(x.dtype)


# What makes the MLPs nonlinear: SwiGLU, silu(gate) x up (arXiv 2002.05202), and the quick GELU, x sigmoid(1.702 x).
def swiglu(gate: mx.array, up: mx.array) -> mx.array:
    """silu(gate) x up.

    Args:
        gate: [..., I], no longer to be used: its memory may hold the result.
        up: [..., I].
    """
    if gate.size > cpu_ops.FEW and cpu_ops.applies(gate, up):
        mx.eval(gate, up)
        width = gate.shape[-1]
        cpu_ops.swiglu_in_place(cpu_ops.view(gate).reshape(-1, width), cpu_ops.view(up).reshape(-1, width))
        return gate
    out: mx.array = nn.silu(gate) * up
    return out


def quick_gelu(x: mx.array) -> mx.array:
    """The product of x and sigmoid(1.702 x); x [..., I] is no longer to be used: its memory may hold the result."""
    if x.size > cpu_ops.FEW and cpu_ops.applies(x):
        cpu_ops.quick_gelu_in_place(cpu_ops.view(x).reshape(-1, x.shape[-1]))
        return x
    out: mx.array = nn.gelu_fast_approx(x)
    return out
