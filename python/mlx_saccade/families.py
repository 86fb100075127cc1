"""The Qwen-VL families: geometry, limits and conventions of their checkpoints, and the shapes of two vision towers.

Sources: `preprocessor_config.json` of the published checkpoints (Qwen2-VL and Qwen2.5-VL: min_pixels 3136, max_pixels
12845056; Qwen3-VL: shortest_edge 65536, longest_edge 16777216), `config.json` of Qwen2.5-VL-3B/7B-Instruct.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlx_saccade.errors import InputError, brief

__all__ = [
    "CPU_SCORE_BYTES",
    "ROWS",
    "SCORE_BYTES",
    "Family",
    "TowerMemory",
    "VisionTower",
    "get",
    "names",
    "predict_memory",
    "query_chunk",
    "towers",
]

Convention = Literal["absolute", "thousandths", "fractions"]

SCORE_BYTES = 64 * 2**20
"""Attention scores that exist at one time where a GPU has no fused kernel, in bytes: a tenth of what the 3B tower's
other activations take at 4,096 tokens in float32, and enough queries a call that matrix products stay efficient."""

CPU_SCORE_BYTES = 16 * 2**20
"""The same on the CPU, one head at a time: 64 queries against the largest image's 65,536 patches."""

ROWS = 2048
"""Rows that go through a layer's matrices at one time: products are as fast with more, and with the widths of 3B and 7B
no array of a step is above 32 MB, from where on the C library's allocator asks the system for every array anew."""

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Family:
    """What the checkpoints of one family have in common.

    Attributes:
        name: as `get` takes it.
        patch_size: side of a patch in pixels.
        merge_size: patches along one side of the square that becomes one token.
        temporal_patch_size: frames in a patch; a still image is repeated to fill it.
        window_size: side of an attention window in pixels, None where the tower has no windows.
        min_pixels: the checkpoints' own lower limit on the resized image.
        max_pixels: the checkpoints' own upper limit on the resized image.
        mean: what normalization takes from red, green, blue in 0..1.
        std: what it then divides by.
        convention: the answer's coordinates: "absolute" pixels of the resized image, or "thousandths" or "fractions"
            (0..1) of its sides.
    """

    name: str
    patch_size: int
    merge_size: int
    temporal_patch_size: int
    window_size: int | None
    min_pixels: int
    max_pixels: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    convention: Convention

    @property
    def factor(self) -> int:
        """Side in pixels of the square that one token covers; both sides of a resized image are multiples of it."""
        return self.patch_size * self.merge_size

    @property
    def min_tokens(self) -> int:
        """The checkpoints' own lower limit, in tokens."""
        return -(-self.min_pixels // self.factor**2)

    @property
    def max_tokens(self) -> int:
        """The checkpoints' own upper limit, in tokens."""
        return self.max_pixels // self.factor**2


_FAMILIES = {
    family.name: family
    for family in (
        Family("qwen2-vl", 14, 2, 2, None, 3136, 12845056, _CLIP_MEAN, _CLIP_STD, "thousandths"),
        Family("qwen2.5-vl", 14, 2, 2, 112, 3136, 12845056, _CLIP_MEAN, _CLIP_STD, "absolute"),
        Family("qwen3-vl", 16, 2, 2, None, 65536, 16777216, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "thousandths"),
    )
}


def names() -> tuple[str, ...]:
    """The known families, oldest first."""
    return tuple(_FAMILIES)


def get(name: str | Family) -> Family:
    """The family of a name; a `Family` is returned as it is.

    Raises:
        InputError: no such family.
    """
    if isinstance(name, Family):
        return name
    if not isinstance(name, str) or name not in _FAMILIES:
        raise InputError(f"unknown family {brief(name)}; known: {', '.join(_FAMILIES)}")
    return _FAMILIES[name]


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
