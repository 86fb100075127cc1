"""
The compiled core. Arrays are checked, never converted. All but the shortest calls release the GIL.
"""

from collections.abc import Sequence

import numpy
import numpy.typing

def abi_version() -> int:
    """Return the version of the core's C interface."""

def version() -> str:
    """Return the version of the core."""

def kernel() -> str:
    """Return the name of this thread's kernel."""

def kernels() -> list[str]:
    """Return the names of the available kernels, fastest first."""

def select_kernel(name: str | None) -> None:
    """Set this thread's kernel. None restores the process's."""

def threads() -> int:
    """Return the maximum number of threads of a call by this thread."""

def limit_threads(count: int) -> None:
    """
    Limit the calls of this thread to `count` threads. 0 restores the process's number.
    """

def last_kernel() -> str | None:
    """
    Return the kernel of this thread's last resize or patches. None before the first.
    """

def smart_resize(height: int, width: int, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """
    Return the resized (height, width) of transformers' smart_resize. Raise InputError if it raises.
    """

def resize(
    image: numpy.typing.NDArray[numpy.uint8], width: int, height: int, backend: str, pixel_format: str = "rgb"
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    Return the resized image, uint8 [height, width, 3], bit for bit as the backend's BICUBIC: 'pillow13', 'pillow12' (horizontal pass first) or 'torchvision'. pixel_format: 'rgb',  'rgba', 'bgra' (the fourth channel is ignored) or 'grey' ([height, width]).
    """

def patchify_native(
    image: numpy.typing.NDArray[numpy.uint8],
    patch_size: int,
    merge_size: int,
    window_size: int,
    pixel_format: str = "rgb",
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    Return patches of an image, uint8 [patches, 3 * patch_size ** 2], each (channel, y, x), in window order. window_size: pixels; 0 for merge-block order.
    """

def resize_patchify_native(
    image: numpy.typing.NDArray[numpy.uint8],
    width: int,
    height: int,
    backend: str,
    patch_size: int,
    merge_size: int,
    window_size: int,
    pixel_format: str = "rgb",
) -> numpy.typing.NDArray[numpy.uint8]:
    """Return resize then patchify_native, without a resized image in memory."""

def resize_patchify_native_batch(
    images: list[numpy.typing.NDArray[numpy.uint8]],
    sizes: list[tuple[int, int]],
    backend: str,
    patch_size: int,
    merge_size: int,
    window_size: int,
    pixel_formats: list[str] = ["rgb"],
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    Return the concatenated patches of several images, each as resize_patchify_native. sizes: (width, height) per image. pixel_formats: one per image, or one for all.
    """

def patchify_reference(
    image: numpy.typing.NDArray[numpy.uint8],
    patch_size: int,
    merge_size: int,
    temporal_patch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    pixel_format: str = "rgb",
    backend: str = "pillow13",
) -> numpy.typing.NDArray[numpy.float32]:
    """
    Return transformers' patches of an image, float32 [patches, 3 * temporal_patch_size * patch_size ** 2], in merge-block order.
    """

def resize_patchify_reference(
    image: numpy.typing.NDArray[numpy.uint8],
    width: int,
    height: int,
    backend: str,
    patch_size: int,
    merge_size: int,
    temporal_patch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    pixel_format: str = "rgb",
) -> numpy.typing.NDArray[numpy.float32]:
    """
    Return resize then patchify_reference, without a resized image in memory.
    """

def resize_patchify_reference_batch(
    images: list[numpy.typing.NDArray[numpy.uint8]],
    sizes: list[tuple[int, int]],
    backend: str,
    patch_size: int,
    merge_size: int,
    temporal_patch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    pixel_formats: list[str] = ["rgb"],
) -> numpy.typing.NDArray[numpy.float32]:
    """
    Return the concatenated patches of several images, each as resize_patchify_reference. sizes: (width, height) per image. pixel_formats: one per image, or one for all.
    """

def window_index(
    grids: Sequence[Sequence[int]], merge_size: int, window_size: int, patch_size: int
) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32]]:
    """
    Return the window order [tokens] and the windows' boundaries in patches [windows + 1].
    """

def window_index_size(
    grids: Sequence[Sequence[int]], merge_size: int, window_size: int, patch_size: int
) -> tuple[int, int]:
    """
    Return the numbers of tokens and of boundaries that window_index returns. Raise InputError if it raises.
    """

def patch_count(grids: Sequence[Sequence[int]], merge_size: int) -> int:
    """
    Return the number of patches in all grids. Raise InputError if vision_positions raises.
    """

def vision_positions(grids: Sequence[Sequence[int]], merge_size: int) -> numpy.typing.NDArray[numpy.int32]:
    """
    Return (row, column) of every patch in merge-block order, [patches, 2].
    """

def mrope_positions(
    input_ids: numpy.typing.NDArray[numpy.signedinteger],
    image_grids: Sequence[Sequence[int]],
    video_grids: Sequence[Sequence[int]],
    seconds_per_grid: Sequence[float],
    image_token_id: int,
    video_token_id: int,
    vision_start_token_id: int,
    merge_size: int,
    tokens_per_second: int,
) -> tuple[numpy.typing.NDArray[numpy.int32], int]:
    """
    Return M-RoPE positions [3, n] (temporal, height, width) and the delta of later tokens.
    """

def resize_weights(
    source_size: tuple[int, int], size: tuple[int, int], backend: str
) -> tuple[
    bool,
    tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32], int],
    tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32], int],
]:
    """
    Return the arithmetic of a resize: True if the vertical pass is first, then horizontal and vertical weights. Each: spans [output + 1, 2] (first input sample, index of its first weight), the weights, and their fraction bits.
    """
