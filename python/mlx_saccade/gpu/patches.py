"""Resize and patchify on the GPU: several images in one launch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import _core
from mlx_saccade.gpu.launch import check_index, launch, table
from mlx_saccade.gpu.text import constants

__all__ = ["GpuImage", "resize_patchify"]

_CHANNELS = {"rgb": (0, 1, 2), "rgba": (0, 1, 2), "bgra": (2, 1, 0), "grey": (0, 0, 0)}


@dataclass(frozen=True)
class GpuImage:
    """An image and its resize.

    Attributes:
        pixels: uint8 [height, width, channels], or [height, width] for "grey"; rows may be any bytes apart.
        pixel_format: "rgb", "rgba", "bgra" or "grey".
        size: (width, height) of the result in pixels.
        backend: the core's name of the arithmetic: "pillow13", "pillow12" or "torchvision".
    """

    pixels: NDArray[np.uint8]
    pixel_format: str
    size: tuple[int, int]
    backend: str

    def flat(self) -> tuple[NDArray[np.uint8], int]:
        """Return the bytes from the first pixel to the last, and the bytes between rows."""
        height, width = self.pixels.shape[:2]
        row = width * self.pixels.strides[1]
        stride = self.pixels.strides[0]
        if not row <= stride <= 2 * row:  # most of the bytes between rows belong to no row
            packed = np.ascontiguousarray(self.pixels)
            return packed.reshape(-1), row
        length = (height - 1) * stride + row
        return np.lib.stride_tricks.as_strided(self.pixels, (length,), (1,), writeable=False), stride


def resize_patchify(
    images: Sequence[GpuImage], patch_size: int, merge_size: int, window_size: int
) -> NDArray[np.uint8] | None:
    """Resize images on the GPU and return their patches, as `_core.resize_patchify_native_batch` does on the CPU.

    Args:
        images: the images, checked, each side of a result a multiple of patch_size * merge_size.
        patch_size: pixels along a side of a patch.
        merge_size: patches along a side of a token.
        window_size: side of a window in pixels; 0 for merge-block order.

    Returns:
        uint8 [patches, 3 * patch_size ** 2]; None if MLX could not run the kernel.

    Raises:
        InputError: the images or patches have more bytes than one launch can index.
    """
    values = 3 * patch_size**2
    batch = _Batch(patch_size, merge_size, window_size)
    for image in images:
        batch.add(image)
    check_index("images", batch.bytes)
    check_index("patches", batch.patches * values)
    check_index("weights", batch.ints)
    plans = table("resize_patchify", "PLAN", batch.rows, batch.groups)
    outputs = launch(
        "resize_patchify",
        [_joined(batch.sources), plans, _joined(batch.weights)],
        [(batch.patches, values)],
        batch.groups,
    )
    return None if outputs is None else outputs[0]


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


class _Batch:
    """The inputs of one launch of resize_patchify, image by image."""

    def __init__(self, patch_size: int, merge_size: int, window_size: int) -> None:
        self.patch_size, self.merge_size = patch_size, merge_size
        self.window_side = window_size // merge_size // patch_size  # tokens; 0 without windows
        self.sources: list[NDArray[np.uint8]] = []
        self.weights: list[NDArray[np.int32]] = []
        self.rows: list[dict[str, int]] = []
        self.bytes = self.ints = self.groups = self.patches = 0

    def add(self, image: GpuImage) -> None:
        """Add an image after the others."""
        height, width = image.pixels.shape[:2]
        source, stride = image.flat()
        vertical_first, x, y = _core.resize_weights((width, height), image.size, image.backend)
        steps = {"x": image.pixels.strides[1], "y": stride}
        lengths = dict(zip("xy", image.size, strict=True))
        a, b = "yx" if vertical_first else "xy"
        axes = {"x": self._add_axis(*x), "y": self._add_axis(*y)}
        tile = constants("resize_patchify")["TILE"]
        tiles_a = -(-lengths[a] // tile)
        factor = self.patch_size * self.merge_size
        rows, columns = lengths["y"] // factor, lengths["x"] // factor
        red, green, blue = _CHANNELS[image.pixel_format]
        self.rows.append(
            {
                "FIRST": self.groups,
                "SOURCE": self.bytes,
                "STRIDE_A": steps[a],
                "STRIDE_B": steps[b],
                "RED": red,
                "GREEN": green,
                "BLUE": blue,
                "LENGTH_A": lengths[a],
                "LENGTH_B": lengths[b],
                "SPANS_A": axes[a][0],
                "SPANS_B": axes[b][0],
                "BITS_A": axes[a][1],
                "BITS_B": axes[b][1],
                "A_IS_X": int(a == "x"),
                "FIRST_PATCH": self.patches,
                "PATCH_SIZE": self.patch_size,
                "MERGE": self.merge_size,
                "ROWS": rows,
                "COLUMNS": columns,
                "SIDE": self.window_side or max(rows, columns),
                "TILES_A": tiles_a,
            }
        )
        self.sources.append(source)
        self.bytes += source.size
        self.groups += tiles_a * -(-lengths[b] // tile)
        self.patches += rows * columns * self.merge_size**2

    def _add_axis(self, spans: NDArray[np.int32], weights: NDArray[np.int32], bits: int) -> tuple[int, int]:
        """Add the weights of an axis; return the index of its spans, and its fraction bits."""
        at = self.ints
        spans[:, 1] += at + spans.size
        self.weights += [spans.reshape(-1), weights]
        self.ints += spans.size + weights.size
        return at, bits
