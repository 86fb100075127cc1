"""
saccade's compiled core. Arrays are checked, never converted; all but the shortest calls release the GIL.
"""

from collections.abc import Sequence

import numpy
import numpy.typing

def abi_version() -> int:
    """Version of the core's C interface."""

def version() -> str:
    """Version of saccade."""

def kernel() -> str:
    """Name of the compiled kernel that this thread uses."""

def kernels() -> list[str]:
    """
    Names of the kernels that this build has and this CPU runs, best first.
    """

def select_kernel(name: str | None) -> None:
    """Makes this thread use a kernel from now on; None: the process's again."""

def threads() -> int:
    """How many threads a call of this thread may use."""

def limit_threads(count: int) -> None:
    """
    Limits the calls of this thread to so many threads; 0: the process's number again.
    """

def last_kernel() -> str | None:
    """Kernel that made the pixels of this thread's last resize or patches."""

def smart_resize(height: int, width: int, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """
    Resized (height, width) as transformers' smart_resize; InputError where it raises.
    """

def resize(
    image: numpy.typing.NDArray[numpy.uint8], width: int, height: int, pass_order: str, pixel_format: str = "rgb"
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    uint8 [height, width, 3] as Pillow's BICUBIC of the RGB image, bit for bit. pixel_format of the source: 'rgb', 'rgba', 'bgra' (the fourth channel is ignored), 'grey' ([height, width]).
    """

def patchify_native(
    image: numpy.typing.NDArray[numpy.uint8],
    patch_size: int,
    merge_size: int,
    window_size: int,
    pixel_format: str = "rgb",
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    uint8 [patches, 3 * patch_size ** 2], (channel, y, x) each, in window order; window_size 0: blocks'.
    """

def native_patches(
    image: numpy.typing.NDArray[numpy.uint8],
    width: int,
    height: int,
    pass_order: str,
    patch_size: int,
    merge_size: int,
    window_size: int,
    pixel_format: str = "rgb",
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    resize and patchify_native in one, without the resized image in between.
    """

def native_patches_batch(
    images: list[numpy.typing.NDArray[numpy.uint8]],
    sizes: list[tuple[int, int]],
    pass_order: str,
    patch_size: int,
    merge_size: int,
    window_size: int,
    pixel_formats: list[str] = ["rgb"],
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    native_patches of several images, each resized to its (width, height), one after the other. pixel_formats: one for each image, or one for all.
    """

def patchify_reference(
    image: numpy.typing.NDArray[numpy.uint8],
    patch_size: int,
    merge_size: int,
    temporal_patch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    pixel_format: str = "rgb",
) -> numpy.typing.NDArray[numpy.float32]:
    """
    float32 [patches, 3 * temporal_patch_size * patch_size ** 2] in merge-block order, as transformers.
    """

def reference_patches(
    image: numpy.typing.NDArray[numpy.uint8],
    width: int,
    height: int,
    pass_order: str,
    patch_size: int,
    merge_size: int,
    temporal_patch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    pixel_format: str = "rgb",
) -> numpy.typing.NDArray[numpy.float32]:
    """
    resize and patchify_reference in one, without the resized image in between.
    """

def reference_patches_batch(
    images: list[numpy.typing.NDArray[numpy.uint8]],
    sizes: list[tuple[int, int]],
    pass_order: str,
    patch_size: int,
    merge_size: int,
    temporal_patch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    pixel_formats: list[str] = ["rgb"],
) -> numpy.typing.NDArray[numpy.float32]:
    """
    reference_patches of several images, each resized to its (width, height), one after the other. pixel_formats: one for each image, or one for all.
    """

def window_index(
    grids: Sequence[Sequence[int]], merge_size: int, window_size: int, patch_size: int
) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32]]:
    """
    Window order of tokens [tokens], and the windows' boundaries in patches [windows + 1].
    """

def vision_positions(grids: Sequence[Sequence[int]], merge_size: int) -> numpy.typing.NDArray[numpy.int32]:
    """(row, column) of every patch in merge-block order [patches, 2]."""

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
    Positions [3, n] (temporal, height, width) and the delta of what follows.
    """
