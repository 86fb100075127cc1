"""Build the optimizers: Muon for inner matrices, AdamW for the rest, and the rate over a run."""

import math
from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from model import Net

WARM_UP: Final = 200
DECAY: Final = 0.6
# What stands at the ends of the network: rows of these belong to tokens, pixels or labels, one by one.
OUTSIDE: Final = ("embed_tokens", "lm_head", "patch_embed", "aux.")

Optimizers = tuple[torch.optim.AdamW, torch.optim.Muon]


def rate(step: int, share: float, peak: float) -> float:
    """Warm up, hold, and fall to 0 along a half cosine over the last part of the run."""
    left = (1 - share) / DECAY
    down = 1.0 if left >= 1 else 0.5 - 0.5 * math.cos(math.pi * max(0.0, left))
    return peak * min(1.0, (step + 1) / WARM_UP) * (0.02 + 0.98 * down)


def optimizers(net: Net, peak: float) -> Optimizers:
    """Return Muon for inner matrices, and AdamW for tables, heads, biases and norms.

    With its updates scaled to AdamW's size, one rate serves both (arXiv 2502.16982).
    """
    inner, matrices, others = [], [], []
    for name, parameter in net.named_parameters():
        if parameter.dim() != 2:
            others.append(parameter)
        else:
            (matrices if any(part in name for part in OUTSIDE) else inner).append(parameter)
    groups = [{"params": matrices, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    return (
        torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.98)),
        torch.optim.Muon(inner, lr=peak, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
    )


def allocate(both: Optimizers) -> Iterator[Tensor]:
    """Allocate every moment that a step would allocate, and return all of them, so that processes can share them."""
    tables, inner = both
    for parameter in (p for group in tables.param_groups for p in group["params"]):
        state = tables.state[parameter]
        state.setdefault("step", torch.tensor(0.0))
        state.setdefault("exp_avg", torch.zeros_like(parameter))
        state.setdefault("exp_avg_sq", torch.zeros_like(parameter))
    for parameter in (p for group in inner.param_groups for p in group["params"]):
        inner.state[parameter].setdefault("momentum_buffer", torch.zeros_like(parameter))
    for optimizer in both:
        for state in optimizer.state.values():
            yield from state.values()
