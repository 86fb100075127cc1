"""Prediction of a request's memory before it runs: the peak of the tower for its largest image, and of the prefill.

The numbers are those of `mx.get_peak_memory`, arrays of MLX. Decoded images, a few bytes for each pixel, and the
interpreter are not in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlx.utils import tree_flatten

from mlx_saccade.backend import device, mx
from mlx_saccade.models import cpu_ops
from mlx_saccade.models.attention import fused_width, is_fused
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.config import Config, TextConfig, VisionConfig
from mlx_saccade.models.generation import PREFILL_CHUNK
from mlx_saccade.models.model import Model
from mlx_saccade.models.quantization import ROWS_TO_UNPACK, packed_layers, unpacked_bytes
from mlx_saccade.preprocess import tower_memory
from mlx_saccade.preprocess.tower_memory import VisionTower

__all__ = ["Estimate", "estimate", "prefill_bytes", "tower_bytes", "weight_bytes"]

_NAMES = {mx.float32: "float32", mx.bfloat16: "bfloat16", mx.float16: "float16"}


@dataclass(frozen=True)
class Estimate:
    """A prediction in bytes.

    Attributes:
        weights: the whole model, which is in memory already.
        vision: beyond the weights, while the largest image goes through the tower.
        prefill: beyond the weights, while the language model reads the prompt, with room for the answer.
    """

    weights: int
    vision: int
    prefill: int

    @property
    def peak(self) -> int:
        """Highest total at any time."""
        return self.weights + max(self.vision, self.prefill)


def weight_bytes(model: Model) -> int:
    """Return the bytes of a model's weights, with the patch embedding's folded form."""
    named: Any = tree_flatten(model.parameters())
    folded = model.visual.patch_embed.folded
    return sum(int(array.nbytes) for _, array in named) + sum(part.nbytes for part in folded)


def parameter_count(model: Model) -> int:
    """Return the number of a model's weights; a packed one counts as one, scales and biases of groups do not."""
    named: Any = tree_flatten(model.parameters())
    count = sum(int(array.size) for _, array in named)
    for layer in packed_layers(model):
        parts = sum(int(layer[part].size) for part in layer.spec.parts)
        count += int(layer.scales.size) * layer.spec.group_size - int(layer.weight.size) - parts
    return count


def estimate(model: Model, media: Sequence[tuple[int, int]], prompt: int, answer: int, *, rows: int = 1) -> Estimate:
    """Predict the memory of a request, or of several in one batch.

    Args:
        model: a loaded model.
        media: (patches, frames) of each image and video in order; patches of all its frames.
        prompt: tokens of the longest prompt, media included.
        answer: most tokens of an answer.
        rows: prompts in the batch; `media` are those of all.
    """
    config, dtype = model.config, model.visual.dtype
    unit = config.vision.spatial_merge_size**2
    features = vision = 0
    unpacked = unpacked_bytes(model.visual)
    for patches, frames in media:
        vision = max(vision, features + tower_bytes(config.vision, patches, frames, dtype, config.family) + unpacked)
        features += patches // unit * config.vision.feature_width * dtype.size
    layers = [*model.model.layers, *([model.head] if rows >= ROWS_TO_UNPACK else [])]
    prefill = rows * prefill_bytes(config, prompt, answer, dtype) + features + unpacked_bytes(*layers)
    return Estimate(weight_bytes(model), vision, prefill)


def tower_bytes(config: VisionConfig, patches: int, frames: int, dtype: mx.Dtype, family: str = "qwen2.5-vl") -> int:
    """Return the peak of the tower for one image or video beyond its weights, the output included.

    Args:
        config: shape of the tower.
        patches: patches of all frames.
        frames: frames that attend apart. A video has the reference layout, float32 with two frames in a patch.
        dtype: precision of the computation.
        family: name of the family, for its patches; default "qwen2.5-vl".
    """
    tower = VisionTower(
        "",
        family,
        config.hidden_size,
        config.depth,
        config.num_heads,
        config.intermediate_size,
        config.out_hidden_size,
    )
    length, heads, padded = patches // frames, config.num_heads, 0
    if dtype == mx.float32 and device() == "cpu":
        chunk, together = cpu_ops.score_values(frames, length, heads) // length, 1
    elif width := fused_width(device(), config.head_dim, dtype):
        chunk, together = 0, 1
        padded = 4 * patches * heads * (width - config.head_dim) * dtype.size  # query, key, value and output
    else:
        chunk, together = tower_memory.query_chunk(length, heads), heads
    memory = tower_memory.predict_memory(tower, patches, dtype=_NAMES[dtype], query_chunk=chunk or None, heads=together)
    scores = min(memory.scores, together * chunk * length * 4)
    video = patches * config.patch_width * 4 if frames > 1 else 0
    features = patches // config.spatial_merge_size**2 * config.feature_width * dtype.size
    if config.levels:
        features *= 2  # the levels, and all of them beside each other
    return patches * config.still_width + video + memory.residual + memory.activations + padded + scores + features


def prefill_bytes(config: Config, prompt: int, answer: int, dtype: mx.Dtype) -> int:
    """Return the peak of reading a prompt in chunks beyond the weights, with the answer's keys and values.

    It holds embeddings, keys and values of all layers in steps of `KVCache.STEP`, one layer's again while it grows, a
    chunk's activations and, without a fused kernel, its scores.
    """
    text, size = config.text, dtype.size
    chunk = min(PREFILL_CHUNK, prompt)
    capacity = -(-(prompt + answer) // KVCache.STEP) * KVCache.STEP
    layer = 2 * text.num_key_value_heads * text.head_dim * capacity * size
    wide = chunk * (4 * max(text.hidden_size, text.num_attention_heads * text.head_dim) + 2 * _inner(text)) * size
    if dtype == mx.float32 and device() == "cpu":
        scores = min(cpu_ops.queries(prompt), chunk) * prompt * 4
    elif is_fused(device(), text.head_dim, dtype):
        scores = 0
    else:
        scores = 2 * text.num_attention_heads * chunk * prompt * 4
    embeddings = (1 + config.vision.levels) * prompt * text.hidden_size * size
    logits = text.vocab_size * 4
    return embeddings + layer * text.num_hidden_layers + layer + wide + scores + logits


def _inner(text: TextConfig) -> int:
    """Return the inner values of a token in the widest layer, with those of all its experts."""
    if text.experts is None:
        return text.intermediate_size
    # Beside gate and up, a token's copies sorted by expert, and their outputs sorted, unsorted and weighted.
    sparse = text.experts.per_token * (text.experts.intermediate_size + 2 * text.hidden_size)
    return max(text.intermediate_size, sparse)
