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
"""Maximum bytes of attention scores at one time on a GPU without a fused kernel. It is a tenth of the 3B tower's other
activations at 4,096 tokens in float32, and leaves enough queries per call for efficient matrix products."""

CPU_SCORE_BYTES = 16 * 2**20
"""Maximum bytes of attention scores on the CPU, one head at a time: 64 queries against 65,536 patches."""

ROWS = 2048
"""Rows that pass through a layer's matrices at one time. With the widths of 3B and 7B no array is then above 32 MB, the
size from which the C library's allocator asks the system for each array. More rows are no faster."""


@dataclass(frozen=True)
class VisionTower:
    """The shape of a Qwen2.5-VL vision tower.

    Attributes:
        name: size of the checkpoint, "3b" or "7b".
        family: name of the family.
        hidden: width of the residual stream.
        depth: number of blocks.
        heads: number of attention heads.
        intermediate: width inside the gated MLP.
        out_hidden: output width, that of the language model.
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
        """Count weights and biases, with the patch embedding folded to one frame."""
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
    """Return the known vision towers of a family, smallest first; empty if none is known.

    Raises:
        InputError: the family is unknown.
    """
    name = get(family).name
    return tuple(tower for tower in _TOWERS.values() if tower.family == name)


@dataclass(frozen=True)
class TowerMemory:
    """A predicted memory peak of a vision tower, in bytes, and its parts; see `predict_memory`."""

    dtype: str
    attention: str
    weights: int
    patches: int
    residual: int
    activations: int
    scores: int

    @property
    def total(self) -> int:
        """Return the sum of the parts."""
        return self.weights + self.patches + self.residual + self.activations + self.scores


_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}


def query_chunk(patches: int, heads: int, *, segments: int = 1) -> int:
    """Return the number of queries per attention call without a fused kernel: their float32 scores fit `SCORE_BYTES`.

        heads x chunk x patches x 4 bytes <= SCORE_BYTES

    Args:
        patches: patches that each query attends to: those of an image, a frame or a window.
        heads: number of attention heads.
        segments: images, frames or windows of that size that may share a call; default 1.

    Returns:
        From 1 to patches x segments; the `query_chunk` of `predict_memory`.
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
    """Predict the peak memory of a tower over one image, in bytes.

    P is the number of patches, H the width, I the gated width, d the head width, b the bytes per value of `dtype`
    (4 for the residual stream in float16), A the heads per call and C the queries per chunk. Everything but attention
    runs over R = min(`ROWS`, P) rows at a time. The memory of a block is the greater of two moments:

        attention    residual stream P x H; query, key, value and output, P x 4 H x b; one chunk of scores,
                     A x min(C, P) x P x 4, none with fused attention
        the rest     residual stream before and after, 2 P x H; attention output P x H x b; R x (2 I + 3 H) x b

    Added to it are the weights (parameters x b, the two frames of the patch embedding summed into one), the patches
    (P x 3 x patch_size^2, uint8, one frame) and P x d x 4 of rotary angles. tests/acceptance/test_memory_bounds.py
    compares the prediction with MLX's own measure.

    Args:
        tower: a tower from `towers`.
        patches: patches of the plan, before merging.
        dtype: type of weights and activations: "bfloat16" (default), "float16" or "float32".
        query_chunk: queries whose scores exist at one time; None (default) is fused attention.
        heads: heads whose scores exist at one time; None (default) is all.

    Raises:
        InputError: the dtype is unknown, or a count is below 1.
    """
    if not isinstance(dtype, str) or dtype not in _BYTES:
        raise InputError(f"dtype: expected one of {', '.join(_BYTES)}; got {brief(dtype)}")
    if patches < 1:
        raise InputError(f"patches: expected at least 1; got {patches}")
    if query_chunk is not None and query_chunk < 1:
        raise InputError(f"query_chunk: expected at least 1, or None for fused attention; got {query_chunk}")
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
