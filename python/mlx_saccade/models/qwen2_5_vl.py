"""The vision tower of Qwen2.5-VL: patches of pixels in, one vector for each merged token out.

Follows arXiv 2502.13923, section 2.1.1, and `Qwen2_5_VisionTransformerPretrainedModel` of transformers 5.23.0.
Attribute names are the checkpoint's keys. Symbols in shapes: N patches, D width, H heads, d = D / H.

Patches travel in window order, and the windows of one size in an image stand together. So windows of one size are one
slice, one reshape and one attention call: at most four calls for each image and layer, and never a mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlx_saccade.backend import mx, nn
from mlx_saccade.errors import InputError
from mlx_saccade.models import execution, layers
from mlx_saccade.models.attention import attend
from mlx_saccade.models.config import (
    VISION_KEYS,
    VISION_NORM_EPS,
    ConfigReader,
    Grid,
    VisionConfig,
    read_vision_sizes,
)
from mlx_saccade.models.execution import ROWS, EvalBudget, Progress, Run, Segments, join_runs, map_rows
from mlx_saccade.models.vision_block import VisionBlock
from mlx_saccade.preprocess import positions

__all__ = ["Layout", "VisionModel", "layout", "read_vision"]


@dataclass(frozen=True)
class Layout:
    """The places of patches and segments in one packed sequence of images.

    Attributes:
        order: int32 [N / merge^2], merge-block number of the reference order at each place of the tower's order.
        from_windows: the same, numbered in window order; None if window order is the tower's order.
        windows: segments of the windowed blocks.
        frames: segments of the full-attention blocks, one for each frame.
    """

    order: np.ndarray
    from_windows: np.ndarray | None
    windows: tuple[Run, ...]
    frames: tuple[Run, ...]


def layout(grids: Sequence[Grid], config: VisionConfig) -> Layout:
    """Order the windows of each frame by size.

    Args:
        grids: (frames, rows, columns) of each image, in patches.
        config: gives patch, merge and window sizes.
    """
    assert config.window_size is not None
    unit = config.spatial_merge_size**2
    frame_sizes = [rows * columns for frames, rows, columns in grids for _ in range(frames)]
    index, bounds = positions.window_index(
        grids, merge_size=config.spatial_merge_size, window_size=config.window_size, patch_size=config.patch_size
    )
    edges = np.asarray(bounds, dtype=np.int64)
    starts, lengths = edges[:-1], np.diff(edges)
    frame_of = np.searchsorted(np.cumsum(frame_sizes), starts, side="right")
    by_size = np.lexsort((-lengths, frame_of))  # stable: windows of one size keep their order
    moved = np.concatenate([np.arange(starts[w], starts[w] + lengths[w], unit) // unit for w in by_size])
    in_place = bool((by_size == np.arange(len(by_size))).all())
    return Layout(
        order=np.asarray(index)[moved].astype(np.int32),
        from_windows=None if in_place else moved.astype(np.int32),
        windows=join_runs(lengths[by_size].tolist()),
        frames=join_runs(frame_sizes),
    )


class Attention(nn.Module):
    """Attention inside each segment; `Block` calls its parts."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.scale = config.head_dim**-0.5
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)

    def project(self, x: mx.array, cos: mx.array, sin: mx.array) -> mx.array:
        """[N, D] -> query, key and value [N, 3, H, d], query and key rotated."""
        qkv = self.qkv(x).reshape(len(x), 3, self.num_heads, -1)  # [N, 3, H, d]
        return layers.rotate_beginning(qkv, 2, cos, sin)

    def attend(self, qkv: mx.array, segments: Segments, budget: EvalBudget) -> mx.array:
        """[N, 3, H, d] -> [N, D], before `output`."""
        q, k, v = (qkv[:, part] for part in range(3))  # [N, H, d]
        return attend(q, k, v, segments, self.scale, budget)

    def output(self, attended: mx.array) -> mx.array:
        """[N, D] -> [N, D]."""
        out: mx.array = self.proj(attended)
        return out


class MLP(nn.Module):
    """SwiGLU with biases."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        """[N, D] -> [N, D]; float32 from the gate on if x is float16, whose range real activations exceed."""
        gate, up = self.gate_proj(x), self.up_proj(x)
        if x.dtype == mx.float16:
            gate, up = gate.astype(mx.float32), up.astype(mx.float32)
        out: mx.array = self.down_proj(layers.swiglu(gate, up))
        return out


class Block(VisionBlock):
    """A block of this tower."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = nn.RMSNorm(config.hidden_size, eps=VISION_NORM_EPS)
        self.norm2 = nn.RMSNorm(config.hidden_size, eps=VISION_NORM_EPS)
        self.attn = Attention(config)
        self.mlp = MLP(config)


class PatchMerger(nn.Module):
    """The merger of 2 x 2 neighboring patches into one token of the language model's width."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.width = config.hidden_size * config.spatial_merge_size**2
        self.ln_q = nn.RMSNorm(config.hidden_size, eps=VISION_NORM_EPS)
        self.mlp = [nn.Linear(self.width, self.width), nn.GELU(), nn.Linear(self.width, config.out_hidden_size)]

    def __call__(self, x: mx.array) -> mx.array:
        """[N, D] -> [N / 4, out_hidden_size]."""
        x = layers.normalize(self.ln_q, x).reshape(-1, self.width)  # [N / 4, 4 D]
        for layer in self.mlp:
            x = layer(x)
        return x


class VisionModel(nn.Module):
    """The vision tower."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = layers.PatchEmbed(config)
        self.blocks = [Block(config) for _ in range(config.depth)]
        self.merger = PatchMerger(config)
        self.patch_layers = execution.PATCH_LAYERS
        """Limit of one evaluation on a GPU, in patches times blocks; at least one step of `ROWS` patches runs."""

    @property
    def dtype(self) -> mx.Dtype:
        """Precision of the weights."""
        dtype: mx.Dtype = self.merger.ln_q.weight.dtype
        return dtype

    def __call__(self, patches: mx.array, grids: Sequence[Grid], progress: Progress | None = None) -> mx.array:
        """Run the tower.

        Args:
            patches: uint8 [N, 588] in window order, or float [N, 1176] in merge-block order.
            grids: (frames, rows, columns) of each image, in patches.
            progress: called with (tokens done, tokens in all) after each evaluation.

        Returns:
            [N / 4, out_hidden_size], tokens row by row, image after image, evaluated.

        Raises:
            InputError: values that are not finite; the message names the block.
        """
        features = self._run(patches, grids, progress)
        if not execution.is_finite(features):
            self._run(patches, grids, None, check_blocks=True)
            raise execution.nonfinite_error("the vision tower", features.dtype)
        return features

    def _run(
        self, patches: mx.array, grids: Sequence[Grid], progress: Progress | None, *, check_blocks: bool = False
    ) -> mx.array:
        """Run one pass; with `check_blocks`, refuse the first block whose output is not finite."""
        config, place = self.config, layout(grids, self.config)
        coordinates = mx.array(positions.vision_positions(grids, config.spatial_merge_size))  # [N, 2]
        cos, sin = layers.rotary_2d(self._permute(coordinates, place.order), config.head_dim, config.rope_theta)
        schedule = [self.segments(place, number) for number in range(len(self.blocks))]
        weight, tokens = self.merger.ln_q.weight, len(place.order)
        budget = execution.tower_budget(self.patch_layers, weight, schedule, len(patches), tokens, progress)
        x = self._embed(patches, place, budget)  # [N, D]
        for number, (block, segments) in enumerate(zip(self.blocks, schedule, strict=True)):
            x = block(x, segments, cos, sin, budget)
            budget.record(x)
            if check_blocks:
                execution.check_finite(f"block {number} of the vision tower", x, self.dtype)
        features = map_rows(tokens, lambda rows: self._merge(x, rows), budget, step=ROWS // 4)  # [N / 4, out]
        return budget.finish(features[mx.array(np.argsort(place.order))])

    def segments(self, place: Layout, number: int) -> Segments:
        """Return the attention segments of a block by its number."""
        runs = place.frames if number in self.config.fullatt_block_indexes else place.windows
        return execution.schedule(runs, self.config)

    def _embed(self, patches: mx.array, place: Layout, budget: EvalBudget) -> mx.array:
        """Return the stream [N, D], in float32 if the weights are float16: real streams exceed its 65,504."""
        ordered = self._permute(patches, place.from_windows if patches.dtype == mx.uint8 else place.order)

        def embed(rows: slice) -> mx.array:
            x: mx.array = self.patch_embed(ordered[rows])
            return x.astype(mx.float32) if x.dtype == mx.float16 else x

        return map_rows(len(patches), embed, budget)

    def _merge(self, x: mx.array, tokens: slice) -> mx.array:
        """Merge the patches of some tokens out of the stream [N, D]."""
        unit = self.config.spatial_merge_size**2
        features: mx.array = self.merger(x[tokens.start * unit : tokens.stop * unit])
        return features

    def _permute(self, rows: mx.array, order: np.ndarray | None) -> mx.array:
        """Reorder the merge blocks of rows [N, ...]."""
        if order is None:
            return rows
        unit = self.config.spatial_merge_size**2
        return rows.reshape(len(order), unit, -1)[mx.array(order)].reshape(rows.shape)  # by [N / 4, 4, ...]


# vision_config of config.json.
_SIZES = ("hidden_size", "intermediate_size", "out_hidden_size", "window_size")
_KEYS = VISION_KEYS | {*_SIZES, "fullatt_block_indexes", "tokens_per_second"}


def read_vision(reader: ConfigReader, raw: Mapping[str, Any]) -> VisionConfig:
    """Read and check `vision_config`.

    Raises:
        InputError: a key or value that is unknown, malformed or not implemented.
    """
    reader.check_keys(raw, _KEYS, "vision", "vision_config")
    reader.check_value(raw, "hidden_act", ("silu",))
    config = VisionConfig(
        **read_vision_sizes(reader, raw, _SIZES),
        tokens_per_second=reader.size(raw, "tokens_per_second", VisionConfig.tokens_per_second),
        fullatt_block_indexes=_block_indexes(reader, raw),
    )
    if not all(0 <= block < config.depth for block in config.fullatt_block_indexes):
        blocks = list(config.fullatt_block_indexes)
        raise reader.error("fullatt_block_indexes", f"blocks in 0..{config.depth - 1}", blocks)
    token = config.patch_size * config.spatial_merge_size
    if config.window_size is not None and config.window_size < token:
        raise InputError(
            f"{reader.source}: window_size: expected at least the {token} pixels of one token "
            f"(patch_size x spatial_merge_size); got {config.window_size}"
        )
    reader.check_vision_heads(config)
    return config


def _block_indexes(reader: ConfigReader, raw: Mapping[str, Any]) -> tuple[int, ...]:
    blocks = raw.get("fullatt_block_indexes", VisionConfig.fullatt_block_indexes)
    if not isinstance(blocks, list | tuple) or not all(type(block) is int for block in blocks):
        raise reader.error("fullatt_block_indexes", "a list of block numbers", blocks)
    return tuple(blocks)
