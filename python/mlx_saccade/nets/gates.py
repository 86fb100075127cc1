"""What makes the MLPs nonlinear: SwiGLU, silu(gate) x up (arXiv 2002.05202), and the quick GELU, x sigmoid(1.702 x)."""

from __future__ import annotations

from mlx_saccade.backend import mx, nn
from mlx_saccade.nets import cpu

__all__ = ["quick_gelu", "swiglu"]


def swiglu(gate: mx.array, up: mx.array) -> mx.array:
    """silu(gate) x up.

    Args:
        gate: [..., I], no longer to be used: its memory may hold the result.
        up: [..., I].
    """
    if gate.size > cpu.FEW and cpu.applies(gate, up):
        mx.eval(gate, up)
        width = gate.shape[-1]
        cpu.swiglu_in_place(cpu.view(gate).reshape(-1, width), cpu.view(up).reshape(-1, width))
        return gate
    out: mx.array = nn.silu(gate) * up
    return out


def quick_gelu(x: mx.array) -> mx.array:
    """The product of x and sigmoid(1.702 x); x [..., I] is no longer to be used: its memory may hold the result."""
    if x.size > cpu.FEW and cpu.applies(x):
        cpu.quick_gelu_in_place(cpu.view(x).reshape(-1, x.shape[-1]))
        return x
    out: mx.array = nn.gelu_fast_approx(x)
    return out
