"""Layers that the families share: the patch embedding, rotary positions, gates, and a norm.

Symbols in shapes: N patches, D width, H heads, d head width, B batch, L tokens, I inner width of an MLP. Rotary angles
are float32 in every precision, one angle for each pair of values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlx_saccade.backend import mx, nn
from mlx_saccade.models import cpu_ops
from mlx_saccade.models.config import VisionConfig
from mlx_saccade.models.yarn import Yarn

__all__ = [
    "PatchEmbed",
    "PatchProjection",
    "frequencies",
    "gelu_tanh",
    "mrope",
    "mrope_interleaved",
    "normalize",
    "quick_gelu",
    "rotary_2d",
    "rotate",
    "rotate_beginning",
    "swiglu",
]


class PatchProjection(nn.Module):
    """The weight of a convolution whose stride is its kernel: a matrix on flattened patches."""

    def __init__(self, config: VisionConfig, *, bias: bool) -> None:
        super().__init__()
        side = config.patch_size
        if bias:
            self.bias = mx.zeros((config.hidden_size,))
        self.weight = mx.zeros((config.hidden_size, config.in_channels, config.temporal_patch_size, side, side))


class PatchEmbed(nn.Module):
    """The embedding of patches in either layout; `fold` prepares it for the native one."""

    def __init__(self, config: VisionConfig, *, bias: bool = False) -> None:
        super().__init__()
        self.proj = PatchProjection(config, bias=bias)
        self._still: tuple[mx.array, mx.array] | None = None

    def fold(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Fold the two equal frames of a still and (pixel / 255 - mean) / std into one float32 matrix and a bias.

        Args:
            mean: mean of each channel, for pixels in 0..1.
            std: standard deviation of each channel.
        """
        weight = self.proj.weight.astype(mx.float32).sum(axis=2)  # [D, channel, y, x]
        scale = mx.array(list(std), dtype=mx.float32)[:, None, None]
        shift = mx.array(list(mean), dtype=mx.float32)[:, None, None] / scale
        matrix = (weight / (255.0 * scale)).reshape(weight.shape[0], -1).T  # [588, D]
        bias = -(weight * shift).sum(axis=(1, 2, 3))
        self._still = (mx.contiguous(matrix), bias + self.proj.bias.astype(mx.float32) if "bias" in self.proj else bias)

    @property
    def folded(self) -> tuple[mx.array, mx.array]:
        """Return the native layout's matrix [588, D] and bias [D], both float32."""
        if self._still is None:
            raise RuntimeError("fold() has not run")
        return self._still

    def __call__(self, patches: mx.array) -> mx.array:
        """Embed uint8 [N, 588] or float [N, 1176]: [N, D] in the weights' precision; other widths for other patches."""
        weight = self.proj.weight
        if patches.dtype == mx.uint8:
            matrix, bias = self.folded
            return mx.addmm(bias, patches.astype(mx.float32), matrix).astype(weight.dtype)
        x = patches.astype(weight.dtype) @ weight.reshape(weight.shape[0], -1).T  # [N, 1176] @ [1176, D]
        return x + self.proj.bias if "bias" in self.proj else x


def normalize(norm: nn.Module, x: mx.array) -> mx.array:
    """Apply a norm in the precision of its weight, whatever that of x."""
    out: mx.array = norm(x).astype(norm.weight.dtype)
    return out


def rotary_2d(coordinates: mx.array, head_dim: int, theta: float) -> tuple[mx.array, mx.array]:
    """Return cosine and sine of two-dimensional rotary positions.

    Rows turn the first quarter of a head's values, columns the second.

    Args:
        coordinates: [N, 2] (row, column).
        head_dim: d, divisible by 4.
        theta: base of the frequencies.

    Returns:
        Two float32 [N, 1, d/2].
    """
    frequencies = 1.0 / theta ** (mx.arange(0, head_dim // 2, 2, dtype=mx.float32) / (head_dim // 2))
    angles = coordinates.astype(mx.float32)[:, :, None] * frequencies  # [N, 2, d/4]
    angles = angles.reshape(len(coordinates), 1, head_dim // 2)  # [N, 1, d/2]
    return mx.cos(angles), mx.sin(angles)


def mrope(
    position_ids: mx.array, head_dim: int, theta: float, sections: Sequence[int], yarn: Yarn | None = None
) -> tuple[mx.array, mx.array]:
    """Return cosine and sine of M-RoPE.

    The head's d / 2 frequencies are cut into three consecutive sections: time turns the first, height the second,
    width the third.

    Args:
        position_ids: integer [3, B, L] (time, height, width).
        head_dim: d.
        theta: base of the frequencies.
        sections: three sizes, d / 2 together.
        yarn: scaling of the frequencies, and of cosine and sine; default none.

    Returns:
        Two float32 [B, 1, L, d/2].
    """
    angles = position_ids.astype(mx.float32)[..., None] * frequencies(head_dim, theta, yarn)  # [3, B, L, d/2]
    parts, start = [], 0
    for axis, size in enumerate(sections):
        parts.append(angles[axis, :, :, start : start + size])
        start += size
    turns = mx.concatenate(parts, axis=-1)[:, None]  # [B, 1, L, d/2]
    if yarn is None:
        return mx.cos(turns), mx.sin(turns)
    return mx.cos(turns) * yarn.attention_factor, mx.sin(turns) * yarn.attention_factor


def mrope_interleaved(
    position_ids: mx.array, head_dim: int, theta: float, sections: Sequence[int], yarn: Yarn | None = None
) -> tuple[mx.array, mx.array]:
    """Return cosine and sine of M-RoPE as in Qwen3-VL: the three axes take turns at the frequencies.

    Of the frequencies i = 0, 1, 2, ... height turns those with i mod 3 = 1 below 3 x its section, width those with
    i mod 3 = 2 below 3 x its section, and time all others. Arguments and result as `mrope`, except that the sections
    need not add up.
    """
    places = np.arange(head_dim // 2)
    axes = np.zeros(head_dim // 2, np.int32)
    for axis in (1, 2):
        axes[(places % 3 == axis) & (places < 3 * sections[axis])] = axis
    turning = position_ids.astype(mx.float32)[mx.array(axes)]  # [d/2, B, L]
    turns = (turning.transpose(1, 2, 0) * frequencies(head_dim, theta, yarn))[:, None]  # [B, 1, L, d/2]
    if yarn is None:
        return mx.cos(turns), mx.sin(turns)
    return mx.cos(turns) * yarn.attention_factor, mx.sin(turns) * yarn.attention_factor


def frequencies(head_dim: int, theta: float, yarn: Yarn | None = None) -> mx.array:
    """Return the frequencies of M-RoPE, float32 [d/2]."""
    if yarn is not None:
        return mx.array(yarn.frequencies(head_dim, theta))
    return 1.0 / theta ** (mx.arange(0, head_dim, 2, dtype=mx.float32) / head_dim)


def rotate(x: mx.array, cos: mx.array, sin: mx.array) -> mx.array:
    """Turn the pairs (i, i + d/2) of the last axis by the given angles, in float32.

    Args:
        x: [..., d]; do not use it afterwards, its memory may hold the result.
        cos: broadcasts to [..., d/2].
        sin: as cos.
    """
    if x.size > cpu_ops.FEW and cpu_ops.applies(x, cos, sin):
        cpu_ops.rotate_in_place(cpu_ops.view(x), cpu_ops.view(cos), cpu_ops.view(sin))
        return x
    return _rotate(x, cos, sin)


def rotate_beginning(x: mx.array, count: int, cos: mx.array, sin: mx.array) -> mx.array:
    """Turn the first `count` entries of axis 1 as `rotate` does; the rest stays.

    Args:
        x: [N, A, H, d]; do not use it afterwards.
        count: at most A.
        cos: [N, 1, d/2].
        sin: as cos.
    """
    if cpu_ops.applies(x, cos, sin):
        cpu_ops.rotate_in_place(cpu_ops.view(x)[:, :count], cpu_ops.view(cos)[:, None], cpu_ops.view(sin)[:, None])
        return x
    return mx.concatenate([_rotate(x[:, :count], cos[:, None], sin[:, None]), x[:, count:]], axis=1)


def _rotate(x: mx.array, cos: mx.array, sin: mx.array) -> mx.array:
    first, second = mx.split(x.astype(mx.float32), 2, axis=-1)
    return mx.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1).astype(x.dtype)


def swiglu(gate: mx.array, up: mx.array) -> mx.array:
    """Return silu(gate) x up (arXiv 2002.05202).

    Args:
        gate: [..., I]; do not use it afterwards, its memory may hold the result.
        up: [..., I].
    """
    if gate.size > cpu_ops.FEW and cpu_ops.applies(gate, up):
        mx.eval(gate, up)
        width = gate.shape[-1]
        cpu_ops.swiglu_in_place(cpu_ops.view(gate).reshape(-1, width), cpu_ops.view(up).reshape(-1, width))
        return gate
    out: mx.array = nn.silu(gate) * up
    return out


def gelu_tanh(x: mx.array) -> mx.array:
    """Return the GELU in its tanh form; do not use x [..., I] afterwards, its memory may hold the result."""
    if x.size > cpu_ops.FEW and cpu_ops.applies(x):
        cpu_ops.gelu_tanh_in_place(cpu_ops.view(x).reshape(-1, x.shape[-1]))
        return x
    out: mx.array = nn.gelu_approx(x)
    return out


def quick_gelu(x: mx.array) -> mx.array:
    """Return x times sigmoid(1.702 x); do not use x [..., I] afterwards, its memory may hold the result."""
    if x.size > cpu_ops.FEW and cpu_ops.applies(x):
        cpu_ops.quick_gelu_in_place(cpu_ops.view(x).reshape(-1, x.shape[-1]))
        return x
    out: mx.array = nn.gelu_fast_approx(x)
    return out
