"""Objects with the attributes of mlx-vlm's models that the integration reads; tests/long has the real ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from mlx_saccade.models import Model


class Convolution(nn.Module):
    def __init__(self, weight: mx.array, bias: mx.array | None) -> None:
        super().__init__()
        self.weight = weight  # [D, frame, y, x, channel]
        if bias is not None:
            self.bias = bias


class PatchEmbed(nn.Module):
    def __init__(self, weight: mx.array, bias: mx.array | None) -> None:
        super().__init__()
        self.proj = Convolution(weight, bias)


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


class Qwen3MLP(nn.Module):
    def __init__(self, width: int, inner: int, act_fn: nn.GELU) -> None:
        super().__init__()
        self.linear_fc1, self.linear_fc2, self.act_fn = nn.Linear(width, inner), nn.Linear(inner, width), act_fn


class Block(nn.Module):
    def __init__(self, width: int, heads: int, mlp: nn.Module) -> None:
        super().__init__()
        norm = nn.RMSNorm if isinstance(mlp, GatedMLP) else nn.LayerNorm
        self.norm1, self.norm2 = norm(width, eps=1e-6), norm(width, eps=1e-6)
        self.attn, self.mlp = Attention(width, heads), mlp


class Qwen3PatchMerger(nn.Module):
    def __init__(self, width: int, out: int, act_fn: nn.GELU, use_postshuffle_norm: bool) -> None:
        super().__init__()
        self.hidden_size, self.use_postshuffle_norm, self.act_fn = 4 * width, use_postshuffle_norm, act_fn
        self.norm = nn.LayerNorm(4 * width if use_postshuffle_norm else width, eps=1e-6)
        self.linear_fc1, self.linear_fc2 = nn.Linear(4 * width, 4 * width), nn.Linear(4 * width, out)


class PatchMerger(nn.Module):
    def __init__(self, width: int, out: int, windowed: bool) -> None:
        super().__init__()
        self.hidden_size = 4 * width
        self.ln_q = (nn.RMSNorm if windowed else nn.LayerNorm)(width, eps=1e-6)
        self.mlp = [nn.Linear(4 * width, 4 * width), nn.GELU(), nn.Linear(4 * width, out)]


class VisionModel(nn.Module):
    """A tower whose own forward pass only remembers its input."""

    def __init__(self, model: Model, kind: str) -> None:
        super().__init__()
        own, sizes = model.config.vision, ("hidden_size", "intermediate_size", "out_hidden_size")
        windowed, joined = kind == "qwen2_5_vl", kind.startswith("qwen3")
        shape = {name: getattr(own, name) for name in ("depth", "num_heads", "in_channels", "patch_size")}
        shape |= {name: getattr(own, name) for name in ("temporal_patch_size", "spatial_merge_size")}
        if windowed or joined:
            shape |= {name: getattr(own, name) for name in sizes}
            shape |= {"window_size": own.window_size, "fullatt_block_indexes": list(own.fullatt_block_indexes)}
            shape["num_position_embeddings"] = own.num_position_embeddings
            shape["deepstack_visual_indexes"] = list(own.deepstack_visual_indexes)
        else:
            shape |= {"embed_dim": own.hidden_size, "hidden_size": own.out_hidden_size}
            shape["mlp_ratio"] = own.intermediate_size / own.hidden_size
        self.config = SimpleNamespace(**shape)
        proj = model.visual.patch_embed.proj
        self.patch_embed = PatchEmbed(proj.weight.transpose(0, 2, 3, 4, 1), proj.get("bias"))
        width, inner, out = (getattr(own, name) for name in sizes)
        exact, tanh = nn.GELU(), nn.GELU(approx="tanh")
        block, merger = (exact, tanh) if kind == "qwen3_vl_moe" else (tanh, exact)  # exchanged in mlx-vlm
        mlps: dict[bool, Any] = {True: lambda: Qwen3MLP(width, inner, block), False: lambda: PlainMLP(width, inner)}
        make = (lambda: GatedMLP(width, inner)) if windowed else mlps[joined]
        self.blocks = [Block(width, own.num_heads, make()) for _ in range(own.depth)]
        if joined:
            self.pos_embed = nn.Embedding(own.num_position_embeddings, width)
            self.merger = Qwen3PatchMerger(width, out, merger, False)
            self.deepstack_merger_list = [Qwen3PatchMerger(width, out, merger, True) for _ in range(own.levels)]
        else:
            self.merger = PatchMerger(width, out, windowed)
        weights = dict(tree_flatten(model.visual.parameters()))
        self.load_weights([*(weights | {"patch_embed.proj.weight": self.patch_embed.proj.weight}).items()])
        self.eval()
        self.inputs = SimpleNamespace(latest=None)

    def __call__(self, hidden_states: mx.array, grid_thw: mx.array, output_hidden_states: Any = None) -> mx.array:
        self.inputs.latest = hidden_states
        return mx.zeros((len(hidden_states) // 4, 1))


def model_type(of: Model) -> str:
    """Return mlx-vlm's model type of a tower; one of Qwen3-VL without deepstack is Qwen3.5's."""
    kinds = {"qwen2-vl": "qwen2_vl", "qwen2.5-vl": "qwen2_5_vl", "qwen3-vl": "qwen3_vl"}
    kind = kinds[of.config.family]
    return "qwen3_5" if kind == "qwen3_vl" and not of.config.vision.levels else kind


def model(of: Model, kind: str | None = None) -> Any:
    """Return an object of mlx-vlm's shape with the weights of one of this package's models."""
    kind = kind or model_type(of)
    return SimpleNamespace(config=SimpleNamespace(model_type=kind), vision_tower=VisionModel(of, kind))
