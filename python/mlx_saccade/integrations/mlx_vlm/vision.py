"""The vision tower of an enabled model: mlx-vlm's weights, run by this package's code.

The tower's class is changed and nothing else: its layers and weights are those that mlx-vlm loaded, quantized or not.
Each call runs the family's tower of `mlx_saccade.models` on them. So windows of one size are one batched call, memory
is bounded, and a still may come as uint8 patches, whose two equal frames share one summed weight. Features are kept by
content (see `reuse`), image by image.

mlx-vlm casts `pixel_values` to the weights' precision. Native patches survive it, since float16 and bfloat16 have every
whole number up to 255, and their width tells them from the reference layout.

On the CPU weights become float32 one block at a time, since MLX multiplies halves and packed weights slowly there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, Literal, overload

import numpy as np

from mlx_saccade import families
from mlx_saccade.backend import device, mx, nn
from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm import reuse
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks
from mlx_saccade.models import execution, layers, qwen2_5_vl, qwen2_vl
from mlx_saccade.models.config import Grid, VisionConfig
from mlx_saccade.models.families import VisionModel
from mlx_saccade.preprocess import positions

__all__ = ["TOWERS", "TowerKind", "attach", "to_reference"]


@dataclass(frozen=True)
class TowerKind:
    """The tower of one of mlx-vlm's model types.

    Attributes:
        family: the family of the checkpoints, whose mean and deviation the native layout needs.
        code: the module of `mlx_saccade.models` with the same layers under the same names.
        config: reads the shape of a tower from its own configuration.
    """

    family: families.Family
    code: ModuleType
    config: Callable[[Any], VisionConfig]


def _windowed_config(raw: Any) -> VisionConfig:
    return VisionConfig(
        hidden_size=raw.hidden_size,
        intermediate_size=raw.intermediate_size,
        out_hidden_size=raw.out_hidden_size,
        window_size=raw.window_size,
        fullatt_block_indexes=tuple(raw.fullatt_block_indexes),
        **_common(raw),
    )


def _plain_config(raw: Any) -> VisionConfig:
    return VisionConfig(
        hidden_size=raw.embed_dim,
        intermediate_size=int(raw.embed_dim * raw.mlp_ratio),
        out_hidden_size=raw.hidden_size,
        window_size=None,
        fullatt_block_indexes=(),
        **_common(raw),
    )


_COMMON = ("depth", "num_heads", "in_channels", "patch_size", "temporal_patch_size", "spatial_merge_size")


def _common(raw: Any) -> dict[str, Any]:
    return {name: getattr(raw, name) for name in _COMMON}


TOWERS = {
    "qwen2_vl": TowerKind(families.get("qwen2-vl"), qwen2_vl, _plain_config),
    "qwen2_5_vl": TowerKind(families.get("qwen2.5-vl"), qwen2_5_vl, _windowed_config),
}
"""`model_type` of config.json -> its tower. A type without a row keeps mlx-vlm's tower."""


def attach(model: Any, hooks: Hooks) -> bool:
    """Hook the vision tower of a model; called once for each model that is enabled.

    Args:
        model: model from `mlx_vlm.load`.
        hooks: undoes the change.

    Returns:
        True if the tower reads native patches now, besides the reference layout: stills should come as uint8.

    Raises:
        InputError: the tower is not the one that mlx-vlm has for the model's type.
    """
    kind = TOWERS.get(getattr(getattr(model, "config", None), "model_type", ""))
    tower = getattr(model, "vision_tower", None)
    if kind is None or tower is None:
        return False
    if isinstance(getattr(tower, "runner", None), _Runner):
        return True
    missing = [name for name in ("config", "patch_embed", "blocks", "merger") if not hasattr(tower, name)]
    if missing:
        raise InputError(
            f"model: expected mlx-vlm's vision tower of {model.config.model_type}; got one without "
            f"{', '.join(missing)}. Use a version of mlx-vlm that this package was tested with"
        )
    hooks.replace(tower, "__class__", _enabled_class(type(tower), _Runner(kind, kind.config(tower.config))))
    return True


def _enabled_class(base: Any, runner: _Runner) -> type:
    """Return a class of towers that call the runner.

    mlx-vlm's own code runs a training step, since it has gradients, and inputs that are not patches of the grids.
    """
    original = base.__call__

    def call(tower: Any, hidden_states: mx.array, grid_thw: mx.array, *rest: Any, **options: Any) -> mx.array:
        grids = [(int(frames), int(rows), int(columns)) for frames, rows, columns in np.asarray(grid_thw)]
        layout = runner.layout(hidden_states, grids)
        if layout is not None and not tower.training:
            return runner.encode(tower, hidden_states, grids, native=layout == "native")
        if layout == "native":
            reference = to_reference(hidden_states, grids, runner.kind.family)
            hidden_states = reference.astype(hidden_states.dtype)
        features: mx.array = original(tower, hidden_states, grid_thw, *rest, **options)
        return features

    return type(base.__name__, (base,), {"__call__": call, "runner": runner, "__doc__": base.__doc__})


class _Runner:
    """What an enabled tower needs besides its weights."""

    def __init__(self, kind: TowerKind, config: VisionConfig) -> None:
        self.kind, self.config = kind, config
        self._key = reuse.WeightsKey()
        self._embedding: tuple[mx.array, layers.PatchEmbed] | None = None

    def encode(self, tower: Any, pixel_values: mx.array, grids: Sequence[Grid], *, native: bool) -> mx.array:
        """Return the features [tokens, hidden] of all images, in the precision of the tower's weights."""
        patches = pixel_values.astype(mx.uint8) if native else pixel_values
        raw = np.asarray(patches) if native else reuse.as_bytes(patches)
        key, start, encoded = self._key.of(tower), 0, []
        for grid in grids:
            rows = slice(start, start + grid[0] * grid[1] * grid[2])
            run = partial(self._run, tower, patches[rows], grid)
            encoded.append(reuse.store.features(raw[rows], grid, key, run))
            start = rows.stop
        return encoded[0] if len(encoded) == 1 else mx.concatenate(encoded)

    def layout(self, pixel_values: mx.array, grids: Sequence[Grid]) -> Literal["native", "reference"] | None:
        """Return the layout of patches; None for what is no list of patches of these grids.

        Raises:
            InputError: native patches of other grids, which mlx-vlm would misread.
        """
        if pixel_values.ndim != 2:
            return None
        merge = self.config.spatial_merge_size
        whole = all(rows % merge == 0 and columns % merge == 0 for _, rows, columns in grids)
        expected, (count, width) = sum(math.prod(grid) for grid in grids), pixel_values.shape
        if whole and count == expected:
            if width == self.config.still_width:
                return "native"
            return "reference" if width == self.config.patch_width else None
        if width == self.config.still_width:
            raise InputError(
                f"pixel_values: expected [{expected}, {width}] for image_grid_thw {list(grids)}; got [{count}, {width}]"
            )
        return None

    def _run(self, tower: Any, patches: mx.array, grid: Grid) -> mx.array:
        features = self._view(tower)(patches, [grid]).astype(tower.merger.ln_q.weight.dtype)
        mx.eval(features)
        return features

    def _view(self, tower: Any) -> VisionModel:
        """Return this package's tower of the family with the layers that mlx-vlm's has now."""
        code, ready = self.kind.code, _in_float32 if device() == "cpu" else _unchanged
        attention, mlp = partial(_share, code.Attention, ready=ready), partial(_share, code.MLP, ready=ready)

        def block(own: nn.Module) -> Any:
            return _share(code.Block, own, ready=ready, attn=attention(own.attn), mlp=mlp(own.mlp))

        width = self.config.hidden_size * self.config.spatial_merge_size**2
        own = tower.merger
        merger = _share(code.PatchMerger, own, ready=ready, width=width, mlp=[ready(layer) for layer in own.mlp])
        parts = {"config": self.config, "patch_embed": self._patch_embed(tower), "merger": merger}
        parts |= {"blocks": _Blocks(tower.blocks, block), "patch_layers": execution.PATCH_LAYERS}
        view: VisionModel = _share(code.VisionModel, tower, ready=_unchanged, **parts)
        return view

    def _patch_embed(self, tower: Any) -> layers.PatchEmbed:
        """Return the embedding of both layouts, made once for a weight."""
        weight = tower.patch_embed.proj.weight
        if self._embedding is None or self._embedding[0] is not weight:
            embedding = layers.PatchEmbed(self.config)
            own = weight.astype(mx.float32) if device() == "cpu" else weight
            embedding.proj.weight = own.moveaxis(-1, 1)  # [D, frame, y, x, channel] -> [D, channel, frame, y, x]
            embedding.fold(self.kind.family.mean, self.kind.family.std)
            mx.eval(embedding.folded)
            self._embedding = (weight, embedding)
        return self._embedding[1]


class _Blocks(Sequence[nn.Module]):
    """The blocks of a tower, each made when it is its turn, so that one block's float32 weights exist at a time."""

    def __init__(self, blocks: Sequence[nn.Module], make: Callable[[nn.Module], nn.Module]) -> None:
        self._blocks, self._make = blocks, make

    def __len__(self) -> int:
        return len(self._blocks)

    @overload
    def __getitem__(self, number: int) -> nn.Module: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[nn.Module]: ...
    def __getitem__(self, number: int | slice) -> nn.Module | Sequence[nn.Module]:
        if isinstance(number, slice):
            return _Blocks(self._blocks[number], self._make)
        return self._make(self._blocks[number])


Ready = Callable[[Any], Any]


def _share(cls: Any, source: nn.Module, *, ready: Ready, **parts: Any) -> Any:
    """Return a layer of another class with the parameters and layers of `source`.

    Args:
        cls: its class.
        source: a layer whose parts have the names that `cls` expects.
        ready: applied to the layers that `parts` does not replace.
        parts: layers and values in place of the source's.
    """
    layer = cls.__new__(cls)
    dict.update(layer, source)
    vars(layer).update(vars(source))
    for name, part in source.items():
        if isinstance(part, nn.Module) and name not in parts:
            layer[name] = ready(part)
    for name, part in parts.items():
        setattr(layer, name, part)
    return layer


def _unchanged(layer: Any) -> Any:
    return layer


def _in_float32(layer: Any) -> Any:
    """Return a layer whose weights are float32 and not packed; itself if they are."""
    floats = {name: value for name, value in layer.items() if isinstance(value, mx.array)}
    if type(layer) is nn.QuantizedLinear:
        form = {"group_size": layer.group_size, "bits": layer.bits, "mode": getattr(layer, "mode", "affine")}
        packed = mx.dequantize(layer.weight, layer.scales, layer.get("biases"), **form)
        parts = {"weight": packed.astype(mx.float32)}
        if "bias" in layer:
            parts["bias"] = layer.bias.astype(mx.float32)
        return _share(nn.Linear, layer, ready=_unchanged, **parts)
    if all(value.dtype == mx.float32 for value in floats.values()) and not layer.children():
        return layer
    if type(layer) in (nn.Linear, nn.RMSNorm, nn.LayerNorm):
        parts = {name: value.astype(mx.float32) for name, value in floats.items()}
        return _share(type(layer), layer, ready=_unchanged, **parts)
    return _Float32Output(layer)  # an adapter, or a packing of mlx-vlm's own


class _Float32Output(nn.Module):
    """A layer whose result is float32."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layer = layer

    def __call__(self, x: mx.array) -> mx.array:
        """Apply the layer."""
        out: mx.array = self.layer(x).astype(mx.float32)
        return out


def to_reference(patches: mx.array, grids: Sequence[Grid], family: families.Family) -> mx.array:
    """Return native patches in the reference layout.

    Args:
        patches: whole numbers 0..255 [N, 588], in the family's native order.
        grids: (frames, rows, columns) of each image, in patches.
        family: gives order, mean and deviation.

    Returns:
        float32 [N, 1176] in merge-block order, normalized, each still repeated in both frames.
    """
    unit = family.merge_size**2
    if family.window_size is not None:
        index, _ = positions.window_index(
            grids, merge_size=family.merge_size, window_size=family.window_size, patch_size=family.patch_size
        )
        blocks = patches.reshape(-1, unit, patches.shape[-1])
        patches = blocks[mx.array(np.argsort(np.asarray(index)).astype(np.int32))].reshape(patches.shape)
    count, width = patches.shape
    pixels = patches.astype(mx.float32).reshape(count, 3, 1, width // 3) / 255.0  # [N, channel, frame, y x]
    mean, std = (mx.array(values).reshape(1, 3, 1, 1) for values in (family.mean, family.std))
    normalized = (pixels - mean) / std
    return mx.repeat(normalized, family.temporal_patch_size, axis=2).reshape(count, -1)
