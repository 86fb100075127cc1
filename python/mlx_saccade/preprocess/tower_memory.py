"""The memory of a vision tower, predicted from its shape before it runs.

Source of the two known shapes: `config.json` of Qwen2.5-VL-3B-Instruct and Qwen2.5-VL-7B-Instruct.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlx_saccade.errors import InputError, brief
from mlx_saccade.families import Family, get

__all__ = [
    "CPU_SCORE_BYTES",
    "ROWS",
    "SCORE_BYTES",
    "TowerMemory",
    "VisionTower",
    "predict_memory",
    "query_chunk",
    "towers",
]

SCORE_BYTES = 64 * 2**20
"""Attention scores that exist at one time where a GPU has no fused kernel, in bytes: a tenth of what the 3B tower's
other activations take at 4,096 tokens in float32, and enough queries a call that matrix products stay efficient."""

CPU_SCORE_BYTES = 16 * 2**20
"""The same on the CPU, one head at a time: 64 queries against the largest image's 65,536 patches."""

ROWS = 2048
"""Rows that go through a layer's matrices at one time: products are as fast with more, and with the widths of 3B and 7B
no array of a step is above 32 MB, from where on the C library's allocator asks the system for every array anew."""


@dataclass(frozen=True)
class VisionTower:
    """Shape of a Qwen2.5-VL vision tower.

    Attributes:
        name: of the checkpoint's size, "3b" or "7b".
        family: name of its family.
        hidden: width of the residual stream.
        depth: blocks.
        heads: attention heads.
        intermediate: width inside the gated MLP.
        out_hidden: width of the language model that the merger writes to.
    """

    name: str
    family: str
    hidden: int
    depth: int
    heads: int
    intermediate: int
    out_hidden: int

    @property
    def parameters(self) -> int:
        """Weights and biases, patch embedding folded to one frame (see `predict_memory`)."""
        family = get(self.family)
        patch_values = 3 * family.patch_size**2
        wide = self.hidden * family.merge_size**2
        attention = self.hidden * 3 * self.hidden + 3 * self.hidden + self.hidden * self.hidden + self.hidden
        mlp = 3 * self.hidden * self.intermediate + 2 * self.intermediate + self.hidden
        norms = 2 * self.hidden
        merger = self.hidden + wide * wide + wide + wide * self.out_hidden + self.out_hidden
        embedding = patch_values * self.hidden + self.hidden
        return embedding + self.depth * (attention + mlp + norms) + merger


_TOWERS = {
    tower.name: tower
    for tower in (
        VisionTower("3b", "qwen2.5-vl", 1280, 32, 16, 3420, 2048),
        VisionTower("7b", "qwen2.5-vl", 1280, 32, 16, 3420, 3584),
    )
}


def towers(family: str | Family = "qwen2.5-vl") -> tuple[VisionTower, ...]:
    """The vision towers of a family whose shape is known here, smallest first; empty where none is.

    Raises:
        InputError: no such family.
    """
    name = get(family).name
    return tuple(tower for tower in _TOWERS.values() if tower.family == name)


@dataclass(frozen=True)
class TowerMemory:
    """A predicted peak of the vision tower, in bytes, and its parts; see `predict_memory`."""

    dtype: str
    attention: str
    weights: int
    patches: int
    residual: int
    activations: int
    scores: int

    @property
    def total(self) -> int:
        """The parts together."""
        return self.weights + self.patches + self.residual + self.activations + self.scores


_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}


def query_chunk(patches: int, heads: int, *, segments: int = 1) -> int:
    """Queries that attend in one call where no kernel is fused, so that their float32 scores fit `SCORE_BYTES`.

        heads x chunk x patches x 4 bytes <= SCORE_BYTES

    Args:
        patches: that each query attends to: of an image, of a frame, or of a window.
        heads: attention heads.
        segments: images, frames or windows of that size, which may share a call.

    Returns:
        At least 1, at most patches x segments; `predict_memory` takes it as its `query_chunk`.
    """
    return max(1, min(patches * segments, SCORE_BYTES // (heads * patches * 4)))


def predict_memory(
    tower: VisionTower,
    patches: int,
    *,
    dtype: str = "bfloat16",
    query_chunk: int | None = None,
    heads: int | None = None,
) -> TowerMemory:
    """Predict the peak memory of a tower over one image, in bytes. It is a prediction: nothing is measured here.

    What is no attention goes by `ROWS` rows at a time (R, at most the patches). With P patches, width H, gated width
    I, head width d, b bytes a value of `dtype` (of the stream 4 where that is float16), A heads a call and queries in
    chunks of C, a block's memory is the greater of two moments:

        attention    the stream P x H; query, key, value and what they give, P x 4 H x b; one chunk of scores,
                     A x min(C, P) x P x 4, none with fused attention
        the rest     the stream before and after, 2 P x H; the attention's output P x H x b; R x (2 I + 3 H) x b

    to which come weights (parameters x b, the two frames of the patch embedding summed into one), patches (P x 3 x
    patch_size^2, uint8, one frame) and P x d x 4 of rotary angles. On the CPU in float32 it is within a fifth of what
    MLX measures from 256 to 16,384 tokens (tests/acceptance/test_memory_bounds.py).

    Args:
        tower: from `towers`.
        patches: of the plan, before merging.
        dtype: of weights and activations: "bfloat16", "float16" or "float32".
        query_chunk: queries whose scores exist at one time; None means fused attention.
        heads: whose scores exist at one time; None: all.

    Raises:
        InputError: an unknown dtype, or a count below 1.
    """
    if not isinstance(dtype, str) or dtype not in _BYTES:
        raise InputError(f"unknown dtype {brief(dtype)}; known: {', '.join(_BYTES)}")
    if patches < 1:
        raise InputError(f"patches is {patches}; it must be at least 1")
    if query_chunk is not None and query_chunk < 1:
        raise InputError(f"query_chunk is {query_chunk}; it must be at least 1, or None for fused attention")
    width, rows = _BYTES[dtype], min(ROWS, patches)
    stream = patches * tower.hidden * (2 if dtype == "bfloat16" else 4)
    angles = patches * tower.hidden // tower.heads * 4
    scores = 0 if query_chunk is None else (heads or tower.heads) * min(query_chunk, patches) * patches * 4
    mixing = 4 * patches * tower.hidden * width
    rest = stream + (patches * tower.hidden + rows * (2 * tower.intermediate + 3 * tower.hidden)) * width
    attending = mixing + scores > rest
    return TowerMemory(
        dtype=dtype,
        attention="fused" if query_chunk is None else f"in chunks of {query_chunk} queries",
        weights=tower.parameters * width,
        patches=patches * 3 * get(tower.family).patch_size ** 2,
        residual=stream,
        activations=angles + (mixing if attending else rest),
        scores=scores if attending else 0,
    )
