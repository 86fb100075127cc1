"""The vision tower of an enabled model: mlx-vlm's weights, run by this package's code.

The tower's class is changed and nothing else: its layers and weights are those that mlx-vlm loaded, quantized or not.
Each call runs the family's tower of `mlx_saccade.models` on them. So windows of one size are one batched call, memory
is bounded, and a still may come as uint8 patches, whose two equal frames share one summed weight. Features are kept by
content (see `reuse`), image by image.

mlx-vlm casts `pixel_values` to the weights' precision. Native patches survive it, since float16 and bfloat16 have every
whole number up to 255, and their width tells them from the reference layout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from mlx_saccade import families
from mlx_saccade.backend import device, mx
from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm import reuse
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks
from mlx_saccade.integrations.mlx_vlm.shared_layers import in_float32, unchanged
from mlx_saccade.integrations.mlx_vlm.towers import TOWERS, TowerKind
from mlx_saccade.models import layers
from mlx_saccade.models.config import Grid, VisionConfig
from mlx_saccade.preprocess import positions

__all__ = ["attach", "to_reference"]


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
    missing = [name for name in kind.names if not hasattr(tower, name)]
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

    def call(tower: Any, hidden_states: mx.array, grid_thw: mx.array, *rest: Any, **options: Any) -> Any:
        grids = [(int(frames), int(rows), int(columns)) for frames, rows, columns in np.asarray(grid_thw)]
        layout = runner.layout(hidden_states, grids)
        if layout is not None and not tower.training:
            return runner.encode(tower, hidden_states, grids, native=layout == "native")
        if layout == "native":
            reference = to_reference(hidden_states, grids, runner.kind.family)
            hidden_states = reference.astype(hidden_states.dtype)
        return original(tower, hidden_states, grid_thw, *rest, **options)

    return type(base.__name__, (base,), {"__call__": call, "runner": runner, "__doc__": base.__doc__})


class _Runner:
    """What an enabled tower needs besides its weights."""

    def __init__(self, kind: TowerKind, config: VisionConfig) -> None:
        self.kind, self.config = kind, config
        self._key = reuse.WeightsKey()
        self._embedding: tuple[mx.array, mx.array | None, layers.PatchEmbed] | None = None

    def encode(self, tower: Any, pixel_values: mx.array, grids: Sequence[Grid], *, native: bool) -> Any:
        """Return the features of all images as mlx-vlm's tower does, in the precision of the tower's weights.

        An image is kept as one array, its deepstack levels beside its features.
        """
        patches = pixel_values.astype(mx.uint8) if native else pixel_values
        raw = np.asarray(patches) if native else reuse.as_bytes(patches)
        key, start, encoded = self._key.of(tower), 0, []
        for grid in grids:
            own = slice(start, start + grid[0] * grid[1] * grid[2])
            run = partial(self._run, tower, patches[own], grid)
            encoded.append(reuse.store.features(raw[own], grid, key, run))
            start = own.stop
        rows = encoded[0] if len(encoded) == 1 else mx.concatenate(encoded)
        return self.kind.result(rows, self.config)

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
        ready = in_float32 if device() == "cpu" else unchanged
        view = self.kind.view(tower, self.config, self._patch_embed(tower), ready)
        features = view(patches, [grid]).astype(self.kind.features_dtype(tower))
        mx.eval(features)
        return features

    def _patch_embed(self, tower: Any) -> layers.PatchEmbed:
        """Return the embedding of both layouts, made once for a weight and a bias."""
        proj = tower.patch_embed.proj
        weight, bias, known = proj.weight, proj.get("bias"), self._embedding
        if known is None or known[0] is not weight or known[1] is not bias:
            dtype = mx.float32 if device() == "cpu" else weight.dtype
            embedding = layers.PatchEmbed(self.config, bias=bias is not None)
            # [D, frame, y, x, channel] -> [D, channel, frame, y, x]
            embedding.proj.weight = weight.astype(dtype).moveaxis(-1, 1)
            if bias is not None:
                embedding.proj.bias = bias.astype(dtype)
            embedding.fold(self.kind.family.mean, self.kind.family.std)
            mx.eval(embedding.folded)
            known = self._embedding = (weight, bias, embedding)
        return known[2]


def to_reference(patches: mx.array, grids: Sequence[Grid], family: families.Family) -> mx.array:
    """Return native patches in the reference layout.

    Args:
        patches: whole numbers 0..255 [N, 588] or [N, 768], in the family's native order.
        grids: (frames, rows, columns) of each image, in patches.
        family: gives order, mean and deviation.

    Returns:
        float32 [N, 1176] or [N, 1536] in merge-block order, normalized, each still repeated in both frames.
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
