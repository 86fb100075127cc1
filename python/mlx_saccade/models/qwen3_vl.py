"""The vision tower of Qwen3-VL: patches of pixels in; one vector and its deepstack levels for each merged token out.

Follows arXiv 2511.21631 and `Qwen3VLVisionModel` of transformers 5.24.0. Attribute names are the checkpoint's keys.
Symbols in shapes: N patches, D width, H heads, d = D / H, J deepstack levels.

There are no windows: every block attends over a whole frame, and patches stay in merge-block order. Learned positions,
a square table of them, are resampled to each image's grid and added to the patches. The output of a few blocks is
merged as well: level j is added to the language model's stream after its layer j (arXiv 2406.04334).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.backend import device, mx, nn
from mlx_saccade.models import execution, layers
from mlx_saccade.models.attention import attend, fused_width
from mlx_saccade.models.config import (
    VISION_KEYS,
    VISION_NORM_EPS,
    ConfigReader,
    Grid,
    VisionConfig,
    read_vision_sizes,
)
from mlx_saccade.models.execution import ROWS, EvalBudget, Progress, Segments, join_runs, map_rows
from mlx_saccade.models.vision_block import VisionBlock
from mlx_saccade.preprocess import positions

__all__ = ["VisionModel", "position_taps", "read_vision"]


def position_taps(grids: Sequence[Grid], side: int, merge_size: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the places in the table of learned positions that each patch is interpolated from.

    Bilinear with aligned corners: the first and last row of a grid fall on those of the table. All in float32, as
    `get_vision_interpolation_indices_and_weights` of transformers.

    Args:
        grids: (frames, rows, columns) of each image, in patches.
        side: rows and columns of the table.
        merge_size: patches along a side of a token.

    Returns:
        int32 [4, N], numbers of the table's entries, and float32 [4, N], their weights; patches in merge-block order,
        the same for each frame.
    """
    coordinates = positions.vision_positions(grids, merge_size)  # [N, 2]
    counts = [frames * rows * columns for frames, rows, columns in grids]
    sizes = np.repeat(np.array([grid[1:] for grid in grids], np.int64), counts, axis=0)  # [N, 2]
    last = np.maximum(sizes - 1, 1).astype(np.float32)
    places = coordinates.astype(np.float32) * np.float32(side - 1) / last
    lower = np.floor(places)
    after = places - lower
    taps = np.stack([lower, np.minimum(lower + 1, side - 1)]).astype(np.int32)  # [2, N, 2]
    weights = np.stack([1 - after, after])
    numbers = taps[:, None, :, 0] * side + taps[None, :, :, 1]  # [2, 2, N]
    products = weights[:, None, :, 0] * weights[None, :, :, 1]
    return numbers.reshape(4, -1), products.reshape(4, -1)


class Attention(nn.Module):
    """Attention inside each frame; `Block` calls its parts.

    Heads that are a little narrower than a width of MLX's fused kernel are padded with zeros to that width P, which
    changes no score. Else P = d.
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.num_heads, self.head_dim = config.num_heads, config.head_dim
        self.scale = config.head_dim**-0.5
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)

    def project(self, x: mx.array, cos: mx.array, sin: mx.array) -> mx.array:
        """[N, D] -> query, key and value [N, 3, H, P], query and key rotated."""
        qkv = self.qkv(x).reshape(len(x), 3, self.num_heads, -1)  # [N, 3, H, d]
        qkv = layers.rotate_beginning(qkv, 2, cos, sin)
        more = (fused_width(device(), self.head_dim, qkv.dtype) or self.head_dim) - self.head_dim
        return mx.pad(qkv, [(0, 0), (0, 0), (0, 0), (0, more)]) if more else qkv

    def attend(self, qkv: mx.array, frames: Segments, budget: EvalBudget) -> mx.array:
        """[N, 3, H, P] -> [N, H P], before `output`."""
        q, k, v = (qkv[:, part] for part in range(3))  # [N, H, P]
        return attend(q, k, v, frames, self.scale, budget)

    def output(self, attended: mx.array) -> mx.array:
        """[N, H P] -> [N, D]."""
        heads = attended.reshape(len(attended), self.num_heads, -1)[:, :, : self.head_dim]
        out: mx.array = self.proj(heads.reshape(len(attended), -1))
        return out


class MLP(nn.Module):
    """Two layers around the GELU in its tanh form."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.linear_fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.linear_fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        """[N, D] -> [N, D]; float32 after the first layer if x is float16, whose range real activations exceed."""
        wide = self.linear_fc1(x)
        out: mx.array = self.linear_fc2(layers.gelu_tanh(wide.astype(mx.float32) if x.dtype == mx.float16 else wide))
        return out


class Block(VisionBlock):
    """A block of this tower."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size, eps=VISION_NORM_EPS)
        self.norm2 = nn.LayerNorm(config.hidden_size, eps=VISION_NORM_EPS)
        self.attn = Attention(config)
        self.mlp = MLP(config)


class PatchMerger(nn.Module):
    """The merger of 2 x 2 neighboring patches into one token of the language model's width.

    The one of the tower's output normalizes each patch, those of deepstack levels the four patches together.
    """

    def __init__(self, config: VisionConfig, *, normalize_joined: bool = False) -> None:
        super().__init__()
        self.width = config.hidden_size * config.spatial_merge_size**2
        self.normalize_joined = normalize_joined
        self.norm = nn.LayerNorm(self.width if normalize_joined else config.hidden_size, eps=VISION_NORM_EPS)
        self.linear_fc1 = nn.Linear(self.width, self.width)
        self.linear_fc2 = nn.Linear(self.width, config.out_hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        """[N, D] -> [N / 4, out_hidden_size]."""
        if self.normalize_joined:
            x = x.reshape(-1, self.width)
        x = layers.normalize(self.norm, x).reshape(-1, self.width)  # [N / 4, 4 D]
        out: mx.array = self.linear_fc2(nn.gelu(self.linear_fc1(x)))  # GELU's exact form
        return out


class VisionModel(nn.Module):
    """The vision tower."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = layers.PatchEmbed(config, bias=True)
        self.pos_embed = nn.Embedding(config.num_position_embeddings, config.hidden_size)
        self.blocks = [Block(config) for _ in range(config.depth)]
        self.merger = PatchMerger(config)
        self.deepstack_merger_list = [PatchMerger(config, normalize_joined=True) for _ in range(config.levels)]
        self.patch_layers = execution.PATCH_LAYERS
        """Limit of one evaluation on a GPU, in patches times blocks; at least one step of `ROWS` patches runs."""

    @property
    def dtype(self) -> mx.Dtype:
        """Precision of the weights."""
        dtype: mx.Dtype = self.merger.norm.weight.dtype
        return dtype

    def __call__(self, patches: mx.array, grids: Sequence[Grid], progress: Progress | None = None) -> mx.array:
        """Run the tower.

        Args:
            patches: uint8 [N, 768] or float [N, 1536], both in merge-block order.
            grids: (frames, rows, columns) of each image, in patches.
            progress: called with (tokens done, tokens in all) after each evaluation.

        Returns:
            [N / 4, (1 + J) out_hidden_size], tokens row by row, image after image, evaluated: the features of a token,
            then its deepstack levels. `split` takes them apart; as one array they are cached and cut alike.

        Raises:
            InputError: values that are not finite; the message names the block.
        """
        features = self._run(patches, grids, progress)
        if not execution.is_finite(features):
            self._run(patches, grids, None, check_blocks=True)
            raise execution.nonfinite_error("the vision tower", features.dtype)
        return features

    def split(self, features: mx.array) -> tuple[mx.array, list[mx.array]]:
        """Return the features [tokens, out_hidden_size] and the deepstack levels, as many arrays of that shape."""
        whole, *levels = mx.split(features, 1 + self.config.levels, axis=-1)
        return whole, levels

    def _run(
        self, patches: mx.array, grids: Sequence[Grid], progress: Progress | None, *, check_blocks: bool = False
    ) -> mx.array:
        """Run one pass; with `check_blocks`, refuse the first block whose output is not finite."""
        config, tokens = self.config, len(patches) // self.config.spatial_merge_size**2
        coordinates = mx.array(positions.vision_positions(grids, config.spatial_merge_size))  # [N, 2]
        cos, sin = layers.rotary_2d(coordinates, config.head_dim, config.rope_theta)
        sizes = [rows * columns for frames, rows, columns in grids for _ in range(frames)]
        frames = execution.schedule(join_runs(sizes), config)
        schedule = [frames] * len(self.blocks)
        budget = execution.tower_budget(
            self.patch_layers, self.merger.norm.weight, schedule, len(patches), tokens, progress
        )
        x = self._embed(patches, grids, budget)  # [N, D]
        levels: list[mx.array] = []
        for number, block in enumerate(self.blocks):
            x = block(x, frames, cos, sin, budget)
            budget.record(x)
            if check_blocks:
                execution.check_finite(f"block {number} of the vision tower", x, self.dtype)
            if number in config.deepstack_visual_indexes:
                merger = self.deepstack_merger_list[config.deepstack_visual_indexes.index(number)]
                levels.append(self._merge(merger, x, tokens, budget))
                mx.eval(levels[-1])  # or it would hold this block's stream
        features = self._merge(self.merger, x, tokens, budget)
        return budget.finish(mx.concatenate([features, *levels], axis=-1) if levels else features)

    def _embed(self, patches: mx.array, grids: Sequence[Grid], budget: EvalBudget) -> mx.array:
        """Return the stream [N, D], in float32 if the weights are float16: real streams exceed its 65,504."""
        config = self.config
        taps, weights = position_taps(grids, math.isqrt(config.num_position_embeddings), config.spatial_merge_size)
        numbers, shares = mx.array(taps), mx.array(weights)[:, :, None]  # [4, N], [4, N, 1]

        def embed(rows: slice) -> mx.array:
            x: mx.array = self.patch_embed(patches[rows])
            x = x.astype(mx.float32) if x.dtype == mx.float16 else x
            places: mx.array = sum(
                self.pos_embed(numbers[tap, rows]).astype(mx.float32) * shares[tap, rows] for tap in range(4)
            )
            return x + places.astype(x.dtype)

        return map_rows(len(patches), embed, budget)

    def _merge(self, merger: PatchMerger, x: mx.array, tokens: int, budget: EvalBudget) -> mx.array:
        """Merge the stream [N, D] by rows: [tokens, out_hidden_size]."""
        unit = self.config.spatial_merge_size**2

        def merge(rows: slice) -> mx.array:
            part: mx.array = merger(x[rows.start * unit : rows.stop * unit])
            return part

        return map_rows(tokens, merge, budget, step=ROWS // 4)


# vision_config of config.json.
_SIZES = ("hidden_size", "intermediate_size", "out_hidden_size", "num_position_embeddings")
_KEYS = VISION_KEYS | {*_SIZES, "deepstack_visual_indexes", "model_type"}
_DEFAULTS = VisionConfig(
    depth=27,
    hidden_size=1152,
    intermediate_size=4304,
    patch_size=16,
    window_size=None,
    fullatt_block_indexes=(),
    mlp_matrices=2,
    num_position_embeddings=2304,
    deepstack_visual_indexes=(8, 16, 24),
)
"""The reference's defaults (transformers 5.24.0, configuration_qwen3_vl.py)."""


def read_vision(reader: ConfigReader, raw: Mapping[str, Any]) -> VisionConfig:
    """Read and check `vision_config`.

    Raises:
        InputError: a key or value that is unknown, malformed or not implemented.
    """
    reader.check_keys(raw, _KEYS, "vision", "vision_config")
    reader.check_value(raw, "hidden_act", ("gelu_pytorch_tanh",))
    config = VisionConfig(
        **read_vision_sizes(reader, raw, _SIZES, defaults=_DEFAULTS),
        window_size=None,
        fullatt_block_indexes=(),
        mlp_matrices=2,
        deepstack_visual_indexes=_levels(reader, raw),
    )
    if not all(block < config.depth for block in config.deepstack_visual_indexes):
        blocks = list(config.deepstack_visual_indexes)
        raise reader.error("deepstack_visual_indexes", f"blocks in 0..{config.depth - 1}", blocks)
    if math.isqrt(config.num_position_embeddings) ** 2 != config.num_position_embeddings:
        count = config.num_position_embeddings
        raise reader.error("num_position_embeddings", "a square number, such as 2304 for 48 x 48", count)
    reader.check_vision_heads(config)
    return config


def _levels(reader: ConfigReader, raw: Mapping[str, Any]) -> tuple[int, ...]:
    blocks = raw.get("deepstack_visual_indexes", _DEFAULTS.deepstack_visual_indexes)
    whole = isinstance(blocks, list | tuple) and all(type(block) is int and block >= 0 for block in blocks)
    if not whole or len(set(blocks)) != len(blocks):
        raise reader.error("deepstack_visual_indexes", "a list of block numbers, each once", blocks)
    return tuple(blocks)
