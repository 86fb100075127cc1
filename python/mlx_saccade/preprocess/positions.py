"""Where tokens and patches stand: window order of the vision tower, positions for its rotary embedding and for M-RoPE.

All functions are exact forms of the reference's (transformers 5.23.0, `vision_utils.py` and `get_rope_index` of
Qwen2-VL and Qwen2.5-VL), computed by the compiled core. Grids are (frames, rows, columns) in patches, its `grid_thw`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlx_saccade import _core, validation
from mlx_saccade.errors import InputError, brief

__all__ = ["mrope_positions", "vision_positions", "window_index"]

Grid = tuple[int, int, int]
Grids = Iterable[Sequence[int]]
_INT64 = range(-(2**63), 2**63)


def _integer(value: Any, name: str) -> int:
    number = validation.integer(value)
    if number is None:
        raise InputError(f"{name} is {brief(value)}; it must be an integer")
    if number not in _INT64:
        raise InputError(f"{name} is {brief(number)}; it must fit 64 bits")
    return number


def _grids(grids: Any, name: str) -> list[Grid]:
    """Triples of Python ints out of nested sequences or an array of integers."""
    rows = grids.tolist() if hasattr(grids, "tolist") else grids
    try:
        listed = [tuple(_integer(extent, name) for extent in row) for row in rows]
    except TypeError:
        raise InputError(
            f"{name} is {brief(grids)}; it must be a sequence of (frames, rows, columns) in patches"
        ) from None
    triples: list[Grid] = []
    for i, row in enumerate(listed):
        if len(row) != 3:
            raise InputError(f"{name}[{i}] is {brief(row)}; it must be (frames, rows, columns) in patches")
        triples.append((row[0], row[1], row[2]))
    return triples


def _seconds(values: Any) -> list[float]:
    listed = values.tolist() if hasattr(values, "tolist") else values
    try:
        return [float(value) for value in listed]
    except (TypeError, ValueError):
        raise InputError(
            f"seconds_per_grid is {brief(values)}; it must be a sequence of numbers, one a video"
        ) from None


def _token_ids(values: ArrayLike) -> NDArray[np.int64]:
    ids = np.asarray(values)
    if ids.ndim != 1 or ids.size == 0 or ids.dtype.kind not in "iu":
        raise InputError(
            f"input_ids must be one prompt's token ids, integers [length] without padding; got {ids.dtype} {ids.shape}"
        )
    return ids.astype(np.int64, copy=False)


def window_index(
    grids: Grids, *, merge_size: int = 2, window_size: int = 112, patch_size: int = 14
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The order in which a vision tower with windowed attention takes its tokens.

    Args:
        grids: (frames, rows, columns) of every image or video, in patches; rows and columns multiples of `merge_size`.
        merge_size: patches along a side of a token.
        window_size: side of a window in pixels; windows at the right and bottom edge may be smaller.
        patch_size: side of a patch in pixels.

    Returns:
        `index`, int32 [tokens]: the raster place of each token in window order (`tokens[index]` gathers them), and
        int32 [windows + 1]: where each window begins, in patches, from 0 to the number of patches, without repeats.

    Raises:
        InputError: no grid, a grid that is not positive or not divisible, a window smaller than a token.
    """
    try:  # the core converts faster, but cannot say what is wrong
        return _core.window_index(grids, merge_size, window_size, patch_size)  # type: ignore[arg-type]
    except TypeError:
        pass
    return _core.window_index(
        _grids(grids, "grids"),
        _integer(merge_size, "merge_size"),
        _integer(window_size, "window_size"),
        _integer(patch_size, "patch_size"),
    )


def vision_positions(grids: Grids, merge_size: int = 2) -> NDArray[np.int32]:
    """Row and column of every patch, for the vision tower's rotary embedding.

    Args:
        grids: (frames, rows, columns) of every image or video, in patches; rows and columns multiples of `merge_size`.
        merge_size: patches along a side of a token.

    Returns:
        int32 [patches, 2], (row, column), in merge-block order, repeated for every frame.

    Raises:
        InputError: no grid, or a grid that is not positive or not divisible.
    """
    try:  # as above
        return _core.vision_positions(grids, merge_size)  # type: ignore[arg-type]
    except TypeError:
        pass
    return _core.vision_positions(_grids(grids, "grids"), _integer(merge_size, "merge_size"))


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
    """Positions of a prompt's tokens in time, height and width (M-RoPE, section 2.1 of the Qwen2-VL paper).

    Text advances all three by one a token. In a run of image or video tokens that starts at position p, the token of
    (frame, row, column) has (p + time, p + row, p + column), and what follows starts at p + max(rows, columns).

    Args:
        input_ids: integers [length], one prompt without padding.
        image_grids: (frames, rows, columns) in patches of every image, in the order of the prompt.
        video_grids: the same of every video.
        seconds_per_grid: seconds between the frames of each video's grid, one number a video: time is
            truncate(frame * tokens_per_second * seconds), in float32 as in the reference. Empty: frames are one
            position apart, as in Qwen2-VL; a Qwen2.5-VL model given no seconds passes 1.0.
        image_token_id: the token that every merge block of an image stands as.
        video_token_id: the same for videos.
        vision_start_token_id: the token before an image or video. It has to differ from the other two; the runs are
            told by those alone.
        merge_size: patches along a side of a token.
        tokens_per_second: positions in a second of video.

    Returns:
        int32 [3, length] (temporal, height, width), and the number to add to a later token's index for its position.

    Raises:
        InputError: runs of image or video tokens that do not match the grids, by number or length; seconds that do not
            match the videos or are negative; ids that are not integers [length].
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
