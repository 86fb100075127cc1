"""The vision tower of Qwen2.5-VL: patches of pixels in, one vector per merged token out.

Follows arXiv 2502.13923, section 2.1.1, and `Qwen2_5_VisionTransformerPretrainedModel` of transformers 5.23.0.
Attribute names are the checkpoint's keys. Symbols in shapes: N patches, D width, H heads, d = D / H.

Patches travel in window order, and inside an image the windows of one size stand together, so that windows of a size
are one slice, one reshape and one attention call: at most four calls an image and layer, and never a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from saccade import positions
from saccade.backend import mx, nn
from saccade.errors import InputError
from saccade.nets import rotary
from saccade.nets.attention import Run, attend
from saccade.nets.config import VisionConfig

__all__ = ["Layout", "Run", "VisionModel", "layout"]

Grid = tuple[int, int, int]
_NORM_EPS = 1e-6


@dataclass(frozen=True)
class Layout:
    """Where patches and segments are, for one packed sequence of images.

    Attributes:
        order: int32 [N / merge^2], merge-block number of the reference order at each place of the tower's order.
        from_windows: the same, numbered in window order; None where window order is the tower's order already.
        windows: segments of the windowed blocks.
        frames: segments of the full-attention blocks, one a frame.
    """

    order: np.ndarray
    from_windows: np.ndarray | None
    windows: tuple[Run, ...]
    frames: tuple[Run, ...]


def layout(grids: Sequence[Grid], config: VisionConfig) -> Layout:
    """Order the windows of each frame by size and say where they are.

    Args:
        grids: (frames, rows, columns) in patches, one an image.
        config: gives patch, merge and window sizes; without windows a window is a frame.
    """
    unit = config.spatial_merge_size**2
    frame_sizes = [rows * columns for frames, rows, columns in grids for _ in range(frames)]
    if config.window_size is None:
        order = np.arange(sum(frame_sizes) // unit, dtype=np.int32)
        return Layout(order=order, from_windows=None, windows=_runs(frame_sizes), frames=_runs(frame_sizes))
    index, bounds = positions.window_index(
        grids, merge_size=config.spatial_merge_size, window_size=config.window_size, patch_size=config.patch_size
    )
    edges = np.asarray(bounds, dtype=np.int64)
    starts, lengths = edges[:-1], np.diff(edges)
    frame_of = np.searchsorted(np.cumsum(frame_sizes), starts, side="right")
    by_size = np.lexsort((-lengths, frame_of))  # stable: windows of a size keep their order
    moved = np.concatenate([np.arange(starts[w], starts[w] + lengths[w], unit) // unit for w in by_size])
    in_place = bool((by_size == np.arange(len(by_size))).all())
    return Layout(
        order=np.asarray(index)[moved].astype(np.int32),
        from_windows=None if in_place else moved.astype(np.int32),
        windows=_runs(lengths[by_size].tolist()),
        frames=_runs(frame_sizes),
    )


def _runs(lengths: Sequence[int]) -> tuple[Run, ...]:
    """Neighbouring segments of equal length joined."""
    runs: list[Run] = []
    start = 0
    for length in lengths:
        if runs and runs[-1].length == length:
            runs[-1] = Run(runs[-1].start, runs[-1].count + 1, length)
        else:
            runs.append(Run(start, 1, length))
        start += length
    return tuple(runs)


class PatchProjection(nn.Module):
    """The convolution whose stride is its kernel: a matrix on flattened patches."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        side = config.patch_size
        self.weight = mx.zeros((config.hidden_size, config.in_channels, config.temporal_patch_size, side, side))


class PatchEmbed(nn.Module):
    """Patches to vectors, from either layout; `fold` prepares the native one."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.proj = PatchProjection(config)
        self._still: tuple[mx.array, mx.array] | None = None

    def fold(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Fold the two equal frames of a still and (pixel / 255 - mean) / std into one float32 matrix and a bias.

        Args:
            mean: one a channel, of pixels scaled to 0..1.
            std: likewise.
        """
        weight = self.proj.weight.astype(mx.float32).sum(axis=2)  # [D, channel, y, x]
        scale = mx.array(list(std), dtype=mx.float32)[:, None, None]
        shift = mx.array(list(mean), dtype=mx.float32)[:, None, None] / scale
        matrix = (weight / (255.0 * scale)).reshape(weight.shape[0], -1).T
        self._still = (mx.contiguous(matrix), -(weight * shift).sum(axis=(1, 2, 3)))

    @property
    def folded(self) -> tuple[mx.array, mx.array]:
        """The native layout's matrix [588, D] and bias [D], both float32."""
        if self._still is None:
            raise RuntimeError("fold() has not run")
        return self._still

    def __call__(self, patches: mx.array) -> mx.array:
        """[N, 588] uint8 or [N, 1176] float -> [N, D] in the weights' dtype."""
        weight = self.proj.weight
        if patches.dtype == mx.uint8:
            matrix, bias = self.folded
            return mx.addmm(bias, patches.astype(mx.float32), matrix).astype(weight.dtype)
        return patches.astype(weight.dtype) @ weight.reshape(weight.shape[0], -1).T


class Attention(nn.Module):
    """Attention inside each segment, none across."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.scale = config.head_dim**-0.5
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)

    def __call__(self, x: mx.array, runs: Sequence[Run], cos: mx.array, sin: mx.array) -> mx.array:
        n = len(x)
        q, k, v = mx.split(self.qkv(x).reshape(n, 3 * self.num_heads, -1), 3, axis=1)  # each [N, H, d]
        q, k = rotary.rotate(q, cos, sin), rotary.rotate(k, cos, sin)
        return self.proj(attend(q, k, v, runs, self.scale))


class MLP(nn.Module):
    """SwiGLU with biases."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        return self.down_proj(nn.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """Attention, then MLP, each on the normalised stream and added to it."""

    norm_type: ClassVar[Any] = nn.RMSNorm
    mlp_type: ClassVar[Any] = MLP

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = self.norm_type(config.hidden_size, eps=_NORM_EPS)
        self.norm2 = self.norm_type(config.hidden_size, eps=_NORM_EPS)
        self.attn = Attention(config)
        self.mlp = self.mlp_type(config)

    def __call__(self, x: mx.array, runs: Sequence[Run], cos: mx.array, sin: mx.array) -> mx.array:
        x = x + self.attn(self.norm1(x), runs, cos, sin)
        out: mx.array = x + self.mlp(self.norm2(x))
        return out


class PatchMerger(nn.Module):
    """Each merge block of 2 x 2 neighbouring patches becomes one token of the language model's width."""

    norm_type: ClassVar[Any] = nn.RMSNorm

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.width = config.hidden_size * config.spatial_merge_size**2
        self.ln_q = self.norm_type(config.hidden_size, eps=_NORM_EPS)
        self.mlp = [nn.Linear(self.width, self.width), nn.GELU(), nn.Linear(self.width, config.out_hidden_size)]

    def __call__(self, x: mx.array) -> mx.array:
        x = self.ln_q(x).reshape(-1, self.width)  # [tokens, 4 D]
        for layer in self.mlp:
            x = layer(x)
        return x


class VisionModel(nn.Module):
    """The tower."""

    block_type: ClassVar[type[Block]] = Block
    merger_type: ClassVar[type[PatchMerger]] = PatchMerger

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config)
        self.blocks = [self.block_type(config) for _ in range(config.depth)]
        self.merger = self.merger_type(config)

    def __call__(self, patches: mx.array, grids: Sequence[Grid]) -> mx.array:
        """Run the tower.

        Args:
            patches: uint8 [N, 588] in window order, or float [N, 1176] in merge-block order.
            grids: (frames, rows, columns) in patches, one an image.

        Returns:
            [N / 4, out_hidden_size], tokens row by row, image after image.
        """
        place = layout(grids, self.config)
        native = patches.dtype == mx.uint8
        x = self._permute(patches, place.from_windows if native else place.order)
        x = self.patch_embed(x)
        coordinates = mx.array(positions.vision_positions(grids, self.config.spatial_merge_size))
        cos, sin = rotary.plane(self._permute(coordinates, place.order), self.config.head_dim, self.config.rope_theta)
        for number, block in enumerate(self.blocks):
            runs = place.frames if number in self.config.fullatt_block_indexes else place.windows
            x = block(x, runs, cos, sin)
        return self.merger(x)[mx.array(np.argsort(place.order))]

    def _permute(self, rows: mx.array, order: np.ndarray | None) -> mx.array:
        """Reorder merge blocks of rows: [N, ...] -> [N, ...]."""
        if order is None:
            return rows
        unit = self.config.spatial_merge_size**2
        return rows.reshape(len(order), unit, -1)[mx.array(order)].reshape(rows.shape)

    def check(self, patches: mx.array, grids: Sequence[Grid]) -> None:
        """Refuse patches that do not fit the grids.

        Raises:
            InputError: another dtype, width or count; a grid that the merge size does not divide; a video in the
                native layout.
        """
        merge, config = self.config.spatial_merge_size, self.config
        if not grids:
            raise InputError("image_grid_thw: no grid for the patches; give frames, rows and columns of each image")
        for frames, rows, columns in grids:
            if min(frames, rows, columns) < 1 or rows % merge or columns % merge:
                raise InputError(f"grid {(frames, rows, columns)}: rows and columns have to be multiples of {merge}")
        native = patches.dtype == mx.uint8
        width = config.still_width if native else config.patch_width
        count = sum(frames * rows * columns for frames, rows, columns in grids)
        if patches.shape != (count, width):
            kind = "native (uint8)" if native else "reference (float)"
            raise InputError(
                f"pixel_values: expected {(count, width)} in the {kind} layout for grids {list(grids)}; "
                f"got {tuple(patches.shape)}; make patches and grid with saccade.patchify from one plan"
            )
        if native and any(frames != 1 for frames, _, _ in grids):
            raise InputError("pixel_values: native patches hold one frame an image; give video in the reference layout")
