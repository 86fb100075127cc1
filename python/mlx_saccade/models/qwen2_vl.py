"""The vision tower of Qwen2-VL: patches of pixels in, one vector for each merged token out.

Follows arXiv 2409.12191, section 2.1, and `Qwen2VisionTransformerPretrainedModel` of transformers 5.23.0. Attribute
names are the checkpoint's keys. Symbols in shapes: N patches, D width, H heads, d = D / H.

There are no windows: every block attends over a whole frame, and patches stay in merge-block order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlx_saccade.backend import mx, nn
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
from mlx_saccade.models.execution import ROWS, EvalBudget, Progress, Segments, join_runs, map_rows
from mlx_saccade.models.vision_block import VisionBlock
from mlx_saccade.preprocess import positions

__all__ = ["VisionModel", "read_vision"]


class Attention(nn.Module):
    """Attention inside each frame; `Block` calls its parts."""

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

    def attend(self, qkv: mx.array, frames: Segments, budget: EvalBudget) -> mx.array:
        """[N, 3, H, d] -> [N, D], before `output`."""
        q, k, v = (qkv[:, part] for part in range(3))  # [N, H, d]
        return attend(q, k, v, frames, self.scale, budget)

    def output(self, attended: mx.array) -> mx.array:
        """[N, D] -> [N, D]."""
        out: mx.array = self.proj(attended)
        return out


class MLP(nn.Module):
    """Two layers around the quick GELU, x sigmoid(1.702 x)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        """[N, D] -> [N, D]; float32 after the first layer if x is float16, whose range real activations exceed."""
        wide = self.fc1(x)
        out: mx.array = self.fc2(layers.quick_gelu(wide.astype(mx.float32) if x.dtype == mx.float16 else wide))
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
    """The merger of 2 x 2 neighboring patches into one token of the language model's width."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.width = config.hidden_size * config.spatial_merge_size**2
        self.ln_q = nn.LayerNorm(config.hidden_size, eps=VISION_NORM_EPS)
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
            patches: uint8 [N, 588] or float [N, 1176], both in merge-block order.
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
        config, unit = self.config, self.config.spatial_merge_size**2
        coordinates = mx.array(positions.vision_positions(grids, config.spatial_merge_size))  # [N, 2]
        cos, sin = layers.rotary_2d(coordinates, config.head_dim, config.rope_theta)
        sizes = [rows * columns for frames, rows, columns in grids for _ in range(frames)]
        frames = execution.schedule(join_runs(sizes), config)
        schedule, weight, tokens = [frames] * len(self.blocks), self.merger.ln_q.weight, len(patches) // unit
        budget = execution.tower_budget(self.patch_layers, weight, schedule, len(patches), tokens, progress)
        x = map_rows(len(patches), lambda rows: self._embed(patches[rows]), budget)  # [N, D]
        for number, block in enumerate(self.blocks):
            x = block(x, frames, cos, sin, budget)
            budget.record(x)
            if check_blocks:
                execution.check_finite(f"block {number} of the vision tower", x, self.dtype)
        return budget.finish(map_rows(tokens, lambda rows: self._merge(x, rows), budget, step=ROWS // 4))

    def _embed(self, patches: mx.array) -> mx.array:
        """Return the stream of patches, in float32 if the weights are float16: real streams exceed its 65,504."""
        x: mx.array = self.patch_embed(patches)
        return x.astype(mx.float32) if x.dtype == mx.float16 else x

    def _merge(self, x: mx.array, tokens: slice) -> mx.array:
        """Merge the patches of some tokens out of the stream [N, D]."""
        unit = self.config.spatial_merge_size**2
        features: mx.array = self.merger(x[tokens.start * unit : tokens.stop * unit])
        return features


# vision_config of config.json. The tower's width is `embed_dim`; `hidden_size` is that of the language model.
_KEYS = VISION_KEYS | {"embed_dim", "mlp_ratio", "hidden_size"}


def read_vision(reader: ConfigReader, raw: Mapping[str, Any]) -> VisionConfig:
    """Read and check `vision_config`.

    Raises:
        InputError: a key or value that is unknown, malformed or not implemented.
    """
    reader.check_keys(raw, _KEYS, "vision", "vision_config")
    reader.check_value(raw, "hidden_act", ("quick_gelu",))
    width = reader.size(raw, "embed_dim", 1280)
    inner = width * reader.number(raw, "mlp_ratio", 4)
    if inner % 1:
        raise reader.error("mlp_ratio", f"a ratio that gives a whole width for embed_dim {width}", raw["mlp_ratio"])
    config = VisionConfig(
        **read_vision_sizes(reader, raw),
        hidden_size=width,
        intermediate_size=reader.size({"mlp_ratio x embed_dim": int(inner)}, "mlp_ratio x embed_dim", 1),
        out_hidden_size=reader.size(raw, "hidden_size", VisionConfig.out_hidden_size),
        window_size=None,
        fullatt_block_indexes=(),
        mlp_matrices=2,
    )
    reader.check_vision_heads(config)
    return config
