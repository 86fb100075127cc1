"""Positions of patches and tokens: window order and rotary positions of the vision tower, and M-RoPE.

The compiled core computes the same numbers as the reference (transformers 5.23.0, `vision_utils.py` and
`get_rope_index` of Qwen2-VL and Qwen2.5-VL). Grids are (frames, rows, columns) in patches, its `grid_thw`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlx_saccade import _core, validation
from mlx_saccade.errors import InputError, brief
from mlx_saccade.gpu import choice
from mlx_saccade.gpu.choice import Device

__all__ = ["mrope_positions", "vision_positions", "window_index"]

Grid = tuple[int, int, int]
Grids = Iterable[Sequence[int]]
_INT64 = range(-(2**63), 2**63)


def _integer(value: Any, name: str) -> int:
    number = validation.integer(value)
    if number is None:
        raise InputError(f"{name}: expected an integer; got {brief(value)}")
    if number not in _INT64:
        raise InputError(f"{name}: expected an integer of 64 bits; got {brief(number)}")
    return number


def _grids(grids: Any, name: str) -> list[Grid]:
    """Convert nested sequences or an array of integers to triples of Python ints."""
    rows = grids.tolist() if hasattr(grids, "tolist") else grids
    try:
        listed = [tuple(_integer(extent, name) for extent in row) for row in rows]
    except TypeError:
        raise InputError(
            f"{name}: expected a sequence of (frames, rows, columns) in patches; got {brief(grids)}"
        ) from None
    triples: list[Grid] = []
    for i, row in enumerate(listed):
        if len(row) != 3:
            raise InputError(f"{name}[{i}]: expected (frames, rows, columns) in patches; got {brief(row)}")
        triples.append((row[0], row[1], row[2]))
    return triples


def _seconds(values: Any) -> list[float]:
    listed = values.tolist() if hasattr(values, "tolist") else values
    try:
        return [float(value) for value in listed]
    except (TypeError, ValueError):
        raise InputError(
            f"seconds_per_grid: expected a sequence of numbers, one per video; got {brief(values)}"
        ) from None


def _token_ids(values: ArrayLike) -> NDArray[np.int64]:
    ids = np.asarray(values)
    if ids.ndim != 1 or ids.size == 0 or ids.dtype.kind not in "iu":
        raise InputError(
            f"input_ids: expected the token ids of one prompt, integers [length] without padding; "
            f"got {ids.dtype} {ids.shape}"
        )
    return ids.astype(np.int64, copy=False)


def window_index(
    grids: Grids,
    *,
    merge_size: int = 2,
    window_size: int = 112,
    patch_size: int = 14,
    device: Device = "auto",
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the window order of the tokens in a vision tower with windowed attention.

    Args:
        grids: (frames, rows, columns) of each image or video, in patches; rows and columns are multiples of
            `merge_size`.
        merge_size: patches along a side of a token; default 2.
        window_size: side of a window in pixels, default 112; windows at the right and bottom edge may be smaller.
        patch_size: side of a patch in pixels; default 14.
        device: "auto" (default), "cpu" or "gpu", as in `patchify`.

    Returns:
        int32 [tokens], the raster index of each token in window order (`tokens[index]` gathers them), and int32
        [windows + 1], the start of each window in patches, from 0 to the number of patches, without repeats.

    Raises:
        InputError: there is no grid, a grid is not positive or not divisible, a window is smaller than a token, or the
            device is "gpu" where MLX has none.
    """
    if not choice.is_core(device, "window_index"):
        return _window_index_by_choice(device, _grids(grids, "grids"), merge_size, window_size, patch_size)
    try:  # the core converts faster, but its errors do not name the argument
        return _core.window_index(grids, merge_size, window_size, patch_size)  # type: ignore[arg-type]
    except TypeError:
        pass
    return _core.window_index(
        _grids(grids, "grids"),
        _integer(merge_size, "merge_size"),
        _integer(window_size, "window_size"),
        _integer(patch_size, "patch_size"),
    )


def _window_index_by_choice(
    device: Device, grids: list[Grid], merge_size: Any, window_size: Any, patch_size: Any
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the window order by the GPU kernel from its threshold on, else by the core."""
    merge, patch = _integer(merge_size, "merge_size"), _integer(patch_size, "patch_size")
    window = _integer(window_size, "window_size")
    sizes = _core.window_index_size(grids, merge, window, patch)
    if choice.choose(device, "window_index", sizes[0], sizes[0]) == "gpu":
        from mlx_saccade.gpu import positions

        outputs = positions.window_index(grids, sizes, merge_size=merge, side=window // merge // patch)
        if outputs is not None:
            return outputs
    return _core.window_index(grids, merge, window, patch)


def vision_positions(grids: Grids, merge_size: int = 2, *, device: Device = "auto") -> NDArray[np.int32]:
    """Return row and column of each patch, for the rotary embedding of the vision tower.

    Args:
        grids: (frames, rows, columns) of each image or video, in patches; rows and columns are multiples of
            `merge_size`.
        merge_size: patches along a side of a token; default 2.
        device: "auto" (default), "cpu" or "gpu", as in `patchify`.

    Returns:
        int32 [patches, 2], (row, column) in merge-block order, repeated for each frame.

    Raises:
        InputError: there is no grid, a grid is not positive or not divisible, or the device is "gpu" where MLX has
            none.
    """
    if not choice.is_core(device, "vision_positions"):
        return _vision_positions_by_choice(device, _grids(grids, "grids"), _integer(merge_size, "merge_size"))
    try:  # as in `window_index`
        return _core.vision_positions(grids, merge_size)  # type: ignore[arg-type]
    except TypeError:
        pass
    return _core.vision_positions(_grids(grids, "grids"), _integer(merge_size, "merge_size"))


def _vision_positions_by_choice(device: Device, grids: list[Grid], merge_size: int) -> NDArray[np.int32]:
    """Return the positions by the GPU kernel from its threshold on, else by the core."""
    patches = _core.patch_count(grids, merge_size)
    if choice.choose(device, "vision_positions", patches, 2 * patches) == "gpu":
        from mlx_saccade.gpu import positions

        output = positions.vision_positions(grids, merge_size=merge_size)
        if output is not None:
            return output
    return _core.vision_positions(grids, merge_size)


def mrope_positions(
    input_ids: ArrayLike,
    *,
    image_grids: Grids = (),
    video_grids: Grids = (),
    seconds_per_grid: Iterable[float] = (),
    image_token_id: int,
    video_token_id: int,
    vision_start_token_id: int,
    merge_size: int = 2,
    tokens_per_second: int = 2,
) -> tuple[NDArray[np.int32], int]:
    """Return the positions of a prompt's tokens in time, height and width (M-RoPE, section 2.1 of the Qwen2-VL paper).

    Each text token advances all three by one. In a run of image or video tokens that starts at position p, the token
    at (frame, row, column) has (p + time, p + row, p + column). The text after it starts at p + max(rows, columns).

    Args:
        input_ids: token ids of one prompt without padding, integers [length].
        image_grids: (frames, rows, columns) in patches of each image, in the order of the prompt; default none.
        video_grids: (frames, rows, columns) in patches of each video; default none.
        seconds_per_grid: seconds between the frames of each video's grid, one number per video: time is
            truncate(frame * tokens_per_second * seconds), in float32 as in the reference. If empty (default), frames
            are one position apart, as in Qwen2-VL; a Qwen2.5-VL model without seconds passes 1.0.
        image_token_id: id of the image placeholder token.
        video_token_id: id of the video placeholder token.
        vision_start_token_id: id of the token before an image or video; it must differ from the other two.
        merge_size: patches along a side of a token; default 2.
        tokens_per_second: positions per second of video; default 2.

    Returns:
        int32 [3, length] (temporal, height, width), and the number to add to the index of a later token to get its
        position.

    Raises:
        InputError: the runs of image or video tokens do not match the grids in number or length, the seconds do not
            match the videos or are negative, or the ids are not integers [length].
    """
    return _core.mrope_positions(
        _token_ids(input_ids),
        _grids(image_grids, "image_grids"),
        _grids(video_grids, "video_grids"),
        _seconds(seconds_per_grid),
        _integer(image_token_id, "image_token_id"),
        _integer(video_token_id, "video_token_id"),
        _integer(vision_start_token_id, "vision_start_token_id"),
        _integer(merge_size, "merge_size"),
        _integer(tokens_per_second, "tokens_per_second"),
    )
