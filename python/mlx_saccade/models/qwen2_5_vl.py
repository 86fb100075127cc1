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

from mlx_saccade.backend import mx, nn
from mlx_saccade.errors import InputError
from mlx_saccade.models import cpu_ops, execution, layers
from mlx_saccade.models.attention import Run, attend
from mlx_saccade.models.config import VisionConfig
from mlx_saccade.models.execution import PATCH_LAYERS, QUARTERS, ROWS, EvalBudget, Progress, fill
from mlx_saccade.preprocess import positions

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
    """Neighboring segments of equal length joined."""
    runs: list[Run] = []
    start = 0
    for length in lengths:
        if runs and runs[-1].length == length:
            runs[-1] = Run(runs[-1].start, runs[-1].count + 1, length)
        else:
            runs.append(Run(start, 1, length))
        start += length
    return tuple(runs)


def _attention_work(runs: Sequence[Run], work: Sequence[int]) -> int:
    return sum(run.count * run.length * cost for run, cost in zip(runs, work, strict=True))


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
    """Attention inside each segment, none across; its parts, for `Block` to take piece by piece."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.scale = config.head_dim**-0.5
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)

    def project(self, x: mx.array, cos: mx.array, sin: mx.array) -> mx.array:
        """[N, D] -> query, key and value, the first two turned: [N, 3, H, d]."""
        qkv = self.qkv(x).reshape(len(x), 3, self.num_heads, -1)
        return layers.rotate_beginning(qkv, 2, cos, sin)

    def mix(self, qkv: mx.array, runs: Sequence[Run], pace: EvalBudget, work: Sequence[int]) -> mx.array:
        """[N, 3, H, d] -> [N, D], before `proj`; `work` as `attend`."""
        q, k, v = (qkv[:, part] for part in range(3))
        return attend(q, k, v, runs, self.scale, pace, work)


class MLP(nn.Module):
    """SwiGLU with biases."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        """[N, D] -> [N, D]; in float32 from the gate on where x is float16, which real activations outgrow there."""
        gate, up = self.gate_proj(x), self.up_proj(x)
        if x.dtype == mx.float16:
            gate, up = gate.astype(mx.float32), up.astype(mx.float32)
        out: mx.array = self.down_proj(layers.swiglu(gate, up))
        return out


class Block(nn.Module):
    """Attention, then MLP, each on the normalized stream and added to it."""

    norm_type: ClassVar[Any] = nn.RMSNorm
    mlp_type: ClassVar[Any] = MLP

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = self.norm_type(config.hidden_size, eps=_NORM_EPS)
        self.norm2 = self.norm_type(config.hidden_size, eps=_NORM_EPS)
        self.attn = Attention(config)
        self.mlp = self.mlp_type(config)

    def __call__(
        self, x: mx.array, runs: Sequence[Run], cos: mx.array, sin: mx.array, pace: EvalBudget, work: Sequence[int]
    ) -> mx.array:
        """[N, D] -> [N, D]; what is no attention goes by rows, so that its memory does not grow with N.

        Args:
            x: the stream: float32 where the weights are float16, else in their precision.
            runs: segments that attend.
            cos: [N, 1, d/2].
            sin: as cos.
            pace: is told of each step.
            work: as `attend`.
        """

        def project(rows: slice) -> mx.array:
            return self.attn.project(_normalize(self.norm1, x[rows]), cos[rows], sin[rows])

        def rest(rows: slice) -> mx.array:
            part = x[rows] + self.attn.proj(mixed[rows])
            out: mx.array = part + self.mlp(_normalize(self.norm2, part))
            return out

        mixed = self.attn.mix(fill(len(x), project, pace, 1), runs, pace, work)
        return fill(len(x), rest, pace, QUARTERS - 1)


def _normalize(norm: nn.Module, x: mx.array) -> mx.array:
    """In the precision of the weights, whatever the stream's."""
    out: mx.array = norm(x).astype(norm.weight.dtype)
    return out


class PatchMerger(nn.Module):
    """Each merge block of 2 x 2 neighboring patches becomes one token of the language model's width."""

    norm_type: ClassVar[Any] = nn.RMSNorm

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.width = config.hidden_size * config.spatial_merge_size**2
        self.ln_q = self.norm_type(config.hidden_size, eps=_NORM_EPS)
        self.mlp = [nn.Linear(self.width, self.width), nn.GELU(), nn.Linear(self.width, config.out_hidden_size)]

    def __call__(self, x: mx.array) -> mx.array:
        x = _normalize(self.ln_q, x).reshape(-1, self.width)  # [tokens, 4 D]
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
        self.patch_layers = PATCH_LAYERS
        """Limit of one evaluation on a GPU, in patches times blocks; a step of `rows.ROWS` patches is the least."""

    def __call__(self, patches: mx.array, grids: Sequence[Grid], progress: Progress | None = None) -> mx.array:
        """Run the tower.

        Args:
            patches: uint8 [N, 588] in window order, or float [N, 1176] in merge-block order.
            grids: (frames, rows, columns) in patches, one an image.
            progress: told (tokens done, tokens in all) after each evaluation.

        Returns:
            [N / 4, out_hidden_size], tokens row by row, image after image, evaluated.

        Raises:
            InputError: values that are no longer finite; the message names the block.
        """
        features = self._run(patches, grids, progress)
        if not execution.is_finite(features):
            self._run(patches, grids, None, guarded=True)
            raise execution.refusal("the vision tower", features.dtype)
        return features

    def _run(
        self, patches: mx.array, grids: Sequence[Grid], progress: Progress | None, *, guarded: bool = False
    ) -> mx.array:
        """One pass; `guarded` refuses the first block whose output is not finite."""
        place = layout(grids, self.config)
        coordinates = mx.array(positions.vision_positions(grids, self.config.spatial_merge_size))
        cos, sin = layers.plane(self._permute(coordinates, place.order), self.config.head_dim, self.config.rope_theta)
        schedule = [self._runs(place, number) for number in range(len(self.blocks))]
        total = sum(len(patches) * QUARTERS + _attention_work(runs, work) for runs, work in schedule)
        # On the CPU each step by itself: NumPy has its operands evaluated anyway.
        limit = 0 if cpu_ops.applies(self.merger.ln_q.weight) else self.patch_layers
        pace = EvalBudget(limit, total, len(place.order), progress)
        x = self._embed(patches, place, pace)
        for number, (block, (runs, work)) in enumerate(zip(self.blocks, schedule, strict=True)):
            x = block(x, runs, cos, sin, pace, work)
            pace.made(x)
            if guarded:
                name = f"block {number} of the vision tower"
                execution.check_stage(name, x, self.merger.ln_q.weight.dtype)
        features = fill(len(place.order), lambda rows: self._merge(x, rows), pace, step=ROWS // 4)
        return pace.finish(features[mx.array(np.argsort(place.order))])

    def _embed(self, patches: mx.array, place: Layout, pace: EvalBudget) -> mx.array:
        """The stream's beginning [N, D]: float32 where the weights are float16, whose 65,504 real streams outgrow."""
        ordered = self._permute(patches, place.from_windows if patches.dtype == mx.uint8 else place.order)

        def embed(rows: slice) -> mx.array:
            x: mx.array = self.patch_embed(ordered[rows])
            return x.astype(mx.float32) if x.dtype == mx.float16 else x

        return fill(len(patches), embed, pace)

    def _merge(self, x: mx.array, tokens: slice) -> mx.array:
        """Some tokens of the stream's end [N, D]."""
        unit = self.config.spatial_merge_size**2
        features: mx.array = self.merger(x[tokens.start * unit : tokens.stop * unit])
        return features

    def _runs(self, place: Layout, number: int) -> tuple[tuple[Run, ...], list[int]]:
        """The segments of a block, and what a query costs in each run, in quarters of a patch-layer.

        Scores and their products are 4 L D operations a query, the matrices 2 (4 D^2 + 3 D I).
        """
        runs = place.frames if number in self.config.fullatt_block_indexes else place.windows
        matrices = 4 * self.config.hidden_size + 3 * self.config.intermediate_size
        return runs, [round(2 * QUARTERS * run.length / matrices) for run in runs]

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
                f"got {tuple(patches.shape)}; make patches and grid with mlx_saccade.patchify from one plan"
            )
        if native and any(frames != 1 for frames, _, _ in grids):
            raise InputError("pixel_values: native patches hold one frame an image; give video in the reference layout")
