"""The experts of a sparse layer: each token goes through a few of many MLPs, which a router chooses.

Follows `Qwen3VLMoeTextSparseMoeBlock` of transformers 5.24.0. Names and layout of the weights are mlx-community's:
`gate` is the router, `switch_mlp` holds one matrix of all experts for each projection. `stacked` makes that of the
other layouts. Symbols in shapes: T tokens, D width, E experts, k experts a token, I inner width.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlx_saccade.backend import mx, nn
from mlx_saccade.errors import InputError
from mlx_saccade.models import layers
from mlx_saccade.models.config import TextConfig
from mlx_saccade.models.expert_linear import ExpertLinear

__all__ = ["SparseMLP", "stacked"]

_SORTED_FROM = 64
"""Rows from which they are sorted by expert, so that an expert's weights are read once."""


class ExpertMLP(nn.Module):
    """SwiGLU without biases of each expert."""

    def __init__(self, experts: int, width: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = ExpertLinear(experts, inner, width)
        self.up_proj = ExpertLinear(experts, inner, width)
        self.down_proj = ExpertLinear(experts, width, inner)

    def __call__(self, x: mx.array, experts: mx.array) -> mx.array:
        """Tokens [T, D] through their experts [T, k]: [T, k, D]."""
        tokens, count = experts.shape
        if experts.size < _SORTED_FROM:
            return self._apply(x[:, None, None], experts, in_order=False).squeeze(-2)
        order = mx.argsort(experts.reshape(-1))
        chosen = experts.reshape(-1)[order]
        out = self._apply(x[order // count][:, None], chosen, in_order=True).squeeze(-2)  # [T k, D]
        return out[mx.argsort(order)].reshape(tokens, count, -1)

    def _apply(self, x: mx.array, experts: mx.array, *, in_order: bool) -> mx.array:
        gate, up = (layer(x, experts, in_order=in_order) for layer in (self.gate_proj, self.up_proj))
        return self.down_proj(layers.swiglu(gate, up), experts, in_order=in_order)


class SparseMLP(nn.Module):
    """A router and its experts, in place of an MLP."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        assert config.experts is not None
        self.per_token = config.experts.per_token
        self.gate = nn.Linear(config.hidden_size, config.experts.count, bias=False)
        self.switch_mlp = ExpertMLP(config.experts.count, config.hidden_size, config.experts.intermediate_size)

    def __call__(self, x: mx.array) -> mx.array:
        """[..., D] -> [..., D]: the sum of the chosen experts by their shares, which are float32 and add up to 1."""
        tokens = x.reshape(-1, x.shape[-1])
        shares = mx.softmax(self.gate(tokens).astype(mx.float32), axis=-1)  # [T, E]
        experts = mx.argpartition(-shares, self.per_token - 1, axis=-1)[:, : self.per_token]  # [T, k]
        chosen = mx.take_along_axis(shares, experts, axis=-1)
        chosen = (chosen / chosen.sum(axis=-1, keepdims=True)).astype(x.dtype)
        mixed = (self.switch_mlp(tokens, experts) * chosen[..., None]).sum(axis=-2)  # [T, D]
        return mixed.reshape(x.shape)


def stacked(weights: Mapping[str, mx.array], config: TextConfig, source: str) -> dict[str, mx.array]:
    """Return the weights with all experts in the layout of `ExpertMLP`.

    Released checkpoints have `experts.gate_up_proj` [E, D, 2 I], the gate first, and `experts.down_proj` [E, I, D];
    transformers 5 also writes both transposed. Shapes tell them apart: of the two, at most one is square.

    Args:
        weights: tensors by published names.
        config: the language model.
        source: name of the checkpoint in messages.

    Raises:
        InputError: experts of another shape.
    """
    if config.experts is None:
        return dict(weights)
    others, ending = dict(weights), ".experts.gate_up_proj"
    width, inner = config.hidden_size, config.experts.intermediate_size
    for name in [name for name in weights if name.endswith(ending)]:
        prefix = name.removesuffix(ending)
        lower = f"{prefix}.experts.down_proj"
        if lower not in others:
            raise InputError(f"{source}: {lower} is missing from the weights. Download the checkpoint again")
        pair = others.pop(name), others.pop(lower)
        shapes = pair[0].shape[1:], pair[1].shape[1:]
        if shapes == ((width, 2 * inner), (inner, width)):
            pair = pair[0].swapaxes(1, 2), pair[1].swapaxes(1, 2)
        elif shapes != ((2 * inner, width), (width, inner)):
            raise InputError(
                f"{source}: {name}: expected [experts, {width}, {2 * inner}], or the last two transposed, by "
                f"config.json; got {pair[0].shape}. Check that config and weights belong together"
            )
        halves = {"gate_proj": pair[0][:, :inner], "up_proj": pair[0][:, inner:], "down_proj": pair[1]}
        # Views would be copied in each product.
        others |= {f"{prefix}.switch_mlp.{part}.weight": mx.contiguous(value) for part, value in halves.items()}
    return others
