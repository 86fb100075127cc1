"""Objects with the attributes of mlx-vlm's models that the integration reads; tests/long has the real ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from mlx_saccade.models import Model


class Convolution(nn.Module):
    def __init__(self, weight: mx.array) -> None:
        super().__init__()
        self.weight = weight  # [D, frame, y, x, channel]


class PatchEmbed(nn.Module):
    def __init__(self, weight: mx.array) -> None:
        super().__init__()
        self.proj = Convolution(weight)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.scale = heads, (width // heads) ** -0.5
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)


class GatedMLP(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(width, inner), nn.Linear(width, inner)
        self.down_proj = nn.Linear(inner, width)


class PlainMLP(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.activation_fn = nn.GELU(approx="fast")
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)


class Block(nn.Module):
    def __init__(self, width: int, inner: int, heads: int, windowed: bool) -> None:
        super().__init__()
        norm = nn.RMSNorm if windowed else nn.LayerNorm
        self.norm1, self.norm2 = norm(width, eps=1e-6), norm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.mlp = GatedMLP(width, inner) if windowed else PlainMLP(width, inner)


class PatchMerger(nn.Module):
    def __init__(self, width: int, out: int, windowed: bool) -> None:
        super().__init__()
        self.hidden_size = 4 * width
        self.ln_q = (nn.RMSNorm if windowed else nn.LayerNorm)(width, eps=1e-6)
        self.mlp = [nn.Linear(4 * width, 4 * width), nn.GELU(), nn.Linear(4 * width, out)]


class VisionModel(nn.Module):
    """A tower whose own forward pass only remembers its input."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        own = model.config.vision
        windowed = own.window_size is not None
        shape = {name: getattr(own, name) for name in ("depth", "num_heads", "in_channels", "patch_size")}
        shape |= {name: getattr(own, name) for name in ("temporal_patch_size", "spatial_merge_size")}
        if windowed:
            shape |= {name: getattr(own, name) for name in ("hidden_size", "intermediate_size", "out_hidden_size")}
            shape |= {"window_size": own.window_size, "fullatt_block_indexes": list(own.fullatt_block_indexes)}
        else:
            shape |= {"embed_dim": own.hidden_size, "hidden_size": own.out_hidden_size}
            shape["mlp_ratio"] = own.intermediate_size / own.hidden_size
        self.config = SimpleNamespace(**shape)
        self.patch_embed = PatchEmbed(model.visual.patch_embed.proj.weight.transpose(0, 2, 3, 4, 1))
        sizes = (own.hidden_size, own.intermediate_size, own.num_heads)
        self.blocks = [Block(*sizes, windowed) for _ in range(own.depth)]
        self.merger = PatchMerger(own.hidden_size, own.out_hidden_size, windowed)
        weights = {key: value for key, value in tree_flatten(model.visual.parameters()) if "patch_embed" not in key}
        self.load_weights([*weights.items(), ("patch_embed.proj.weight", self.patch_embed.proj.weight)])
        self.eval()
        self.inputs = SimpleNamespace(latest=None)

    def __call__(self, hidden_states: mx.array, grid_thw: mx.array, output_hidden_states: Any = None) -> mx.array:
        self.inputs.latest = hidden_states
        return mx.zeros((len(hidden_states) // 4, 1))


def model(of: Model) -> Any:
    """Return an object of mlx-vlm's shape with the weights of one of this package's models."""
    kind = {"qwen2-vl": "qwen2_vl", "qwen2.5-vl": "qwen2_5_vl"}[of.config.family]
    return SimpleNamespace(config=SimpleNamespace(model_type=kind), vision_tower=VisionModel(of))
