"""The towers of mlx-vlm's model types: how this package runs each with the layers and weights that mlx-vlm loaded.

Qwen3.5's tower is Qwen3-VL's without deepstack levels. mlx-vlm 0.7.6 to 0.7.10 give Qwen3-VL with experts the exact
GELU in its blocks and the tanh form in its mergers. It is the other way round in transformers and here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from mlx_saccade import families
from mlx_saccade.backend import mx, nn
from mlx_saccade.integrations.mlx_vlm.shared_layers import Blocks, Ready, share, unchanged
from mlx_saccade.models import execution, layers, qwen2_5_vl, qwen2_vl, qwen3_vl
from mlx_saccade.models.config import VisionConfig
from mlx_saccade.models.families import VisionModel

__all__ = ["TOWERS", "TowerKind"]


@dataclass(frozen=True)
class TowerKind:
    """The tower of one of mlx-vlm's model types.

    Attributes:
        family: the family of the checkpoints, whose mean and deviation the native layout needs.
        code: the module of `mlx_saccade.models` with the same layers under the same names.
        config: reads the shape of a tower from its own configuration.
        parts: makes this package's layers, besides blocks and embedding of patches, of a tower's.
        names: attributes that mlx-vlm's tower has.
        norm: name of the merger's norm, whose precision the features have.
        result: makes what mlx-vlm's tower returns of the rows [tokens, feature_width] of this package's tower.
    """

    family: families.Family
    code: ModuleType
    config: Callable[[Any], VisionConfig]
    parts: Callable[[Any, VisionConfig, Ready], dict[str, Any]]
    names: tuple[str, ...]
    norm: str
    result: Callable[[mx.array, VisionConfig], Any]

    def view(self, tower: Any, config: VisionConfig, patch_embed: layers.PatchEmbed, ready: Ready) -> VisionModel:
        """Return this package's tower with the layers that mlx-vlm's has now.

        Args:
            tower: mlx-vlm's tower.
            config: its shape.
            patch_embed: the embedding of both layouts.
            ready: makes a layer as the device computes it.
        """
        code, width = self.code, config.head_dim
        heads: dict[str, Any] = {"num_heads": config.num_heads, "head_dim": width, "scale": width**-0.5}

        def block(own: nn.Module) -> Any:
            attention = share(code.Attention, own.attn, ready=ready, **heads)
            mlp = share(code.MLP, own.mlp, ready=ready)
            return share(code.Block, own, ready=ready, attn=attention, mlp=mlp)

        parts = {"config": config, "patch_embed": patch_embed, "patch_layers": execution.PATCH_LAYERS}
        parts |= {"blocks": Blocks(tower.blocks, block), **self.parts(tower, config, ready)}
        view: VisionModel = share(code.VisionModel, tower, ready=unchanged, **parts)
        return view

    def features_dtype(self, tower: Any) -> mx.Dtype:
        """Return the precision of the features that mlx-vlm expects."""
        dtype: mx.Dtype = tower.merger[self.norm].weight.dtype
        return dtype


# Shapes.

_COMMON = ("depth", "num_heads", "in_channels", "patch_size", "temporal_patch_size", "spatial_merge_size")
_WIDTHS = ("hidden_size", "intermediate_size", "out_hidden_size")


def _read(raw: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(raw, name) for name in names}


def _plain_config(raw: Any) -> VisionConfig:
    return VisionConfig(
        hidden_size=raw.embed_dim,
        intermediate_size=int(raw.embed_dim * raw.mlp_ratio),
        out_hidden_size=raw.hidden_size,
        window_size=None,
        fullatt_block_indexes=(),
        **_read(raw, _COMMON),
    )


def _windowed_config(raw: Any) -> VisionConfig:
    return VisionConfig(
        window_size=raw.window_size,
        fullatt_block_indexes=tuple(raw.fullatt_block_indexes),
        **_read(raw, _COMMON + _WIDTHS),
    )


def _deepstack_config(raw: Any) -> VisionConfig:
    return VisionConfig(
        window_size=None,
        fullatt_block_indexes=(),
        mlp_matrices=2,
        deepstack_visual_indexes=tuple(raw.deepstack_visual_indexes or ()),
        **_read(raw, (*_COMMON, *_WIDTHS, "num_position_embeddings")),
    )


# Layers besides the blocks.


def _list_merger(code: ModuleType, tower: Any, config: VisionConfig, ready: Ready) -> dict[str, Any]:
    """Return a merger whose MLP is a list of layers."""
    own, width = tower.merger, config.hidden_size * config.spatial_merge_size**2
    mlp = [ready(layer) for layer in own.mlp]
    return {"merger": share(code.PatchMerger, own, ready=ready, width=width, mlp=mlp)}


def _deepstack_mergers(tower: Any, config: VisionConfig, ready: Ready) -> dict[str, Any]:
    """Return the merger of the output and those of the deepstack levels."""
    width = config.hidden_size * config.spatial_merge_size**2
    merger = partial(share, qwen3_vl.PatchMerger, ready=ready, width=width)
    levels = [merger(own, normalize_joined=True) for own in tower.deepstack_merger_list]
    return {"merger": merger(tower.merger, normalize_joined=False), "deepstack_merger_list": levels}


# Results.


def _features(rows: mx.array, config: VisionConfig) -> mx.array:
    return rows


def _features_and_levels(rows: mx.array, config: VisionConfig) -> tuple[mx.array, list[mx.array]]:
    """Return the features [tokens, out_hidden_size] and as many deepstack levels of that shape as there are."""
    features, *levels = mx.split(rows, 1 + config.levels, axis=-1)
    return features, levels


_NAMES = ("config", "patch_embed", "blocks", "merger")
_DEEPSTACK = TowerKind(
    families.get("qwen3-vl"),
    qwen3_vl,
    _deepstack_config,
    _deepstack_mergers,
    (*_NAMES, "pos_embed", "deepstack_merger_list"),
    "norm",
    _features_and_levels,
)
TOWERS = {
    "qwen2_vl": TowerKind(
        families.get("qwen2-vl"), qwen2_vl, _plain_config, partial(_list_merger, qwen2_vl), _NAMES, "ln_q", _features
    ),
    "qwen2_5_vl": TowerKind(
        families.get("qwen2.5-vl"),
        qwen2_5_vl,
        _windowed_config,
        partial(_list_merger, qwen2_5_vl),
        _NAMES,
        "ln_q",
        _features,
    ),
    "qwen3_vl": _DEEPSTACK,
    "qwen3_vl_moe": _DEEPSTACK,
    "qwen3_5": _DEEPSTACK,
    "qwen3_5_moe": _DEEPSTACK,
}
"""`model_type` of config.json -> its tower. A type without a row keeps mlx-vlm's tower."""
