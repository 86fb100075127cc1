"""Window order and vision positions on the GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.gpu.launch import check_index, launch, table
from mlx_saccade.gpu.text import constants

__all__ = ["vision_positions", "window_index"]


def _groups(kernel: str, threads: int) -> int:
    return -(-threads // constants(kernel)["THREADS"])


def window_index(
    grids: Sequence[tuple[int, int, int]], sizes: tuple[int, int], *, merge_size: int, side: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]] | None:
    """Return the window order and boundaries, as `_core.window_index` does; None if MLX could not run the kernel.

    Args:
        grids: (frames, rows, columns) in patches, checked.
        sizes: numbers of tokens and of boundaries, from `_core.window_index_size`.
        merge_size: patches along a side of a token.
        side: tokens along a side of a window.
    """
    rows: list[dict[str, int]] = []
    tokens = windows = 0
    for frames, patch_rows, patch_columns in grids:
        row = {"ROWS": patch_rows // merge_size, "COLUMNS": patch_columns // merge_size, "SIDE": side}
        rows.append({"FIRST": tokens, "FIRST_WINDOW": windows, "PATCHES_PER_TOKEN": merge_size**2, **row})
        tokens += frames * row["ROWS"] * row["COLUMNS"]
        windows += frames * -(-row["ROWS"] // side) * -(-row["COLUMNS"] // side)
    check_index("index", tokens)
    grids_table = table("window_index", "WINDOW_GRID", rows, tokens)
    shapes = [(sizes[0],), (sizes[1],)]
    outputs = launch("window_index", [grids_table], shapes, _groups("window_index", tokens))
    return None if outputs is None else (outputs[0], outputs[1])


def vision_positions(grids: Sequence[tuple[int, int, int]], *, merge_size: int) -> NDArray[np.int32] | None:
    """Return row and column of each patch, as `_core.vision_positions` does; None if MLX could not run the kernel.

    Args:
        grids: (frames, rows, columns) in patches, checked.
        merge_size: patches along a side of a token.
    """
    rows: list[dict[str, int]] = []
    patches = 0
    for frames, patch_rows, patch_columns in grids:
        rows.append({"FIRST": patches, "ROWS": patch_rows, "COLUMNS": patch_columns, "MERGE": merge_size})
        patches += frames * patch_rows * patch_columns
    check_index("positions", 2 * patches)
    grids_table = table("vision_positions", "POSITION_GRID", rows, patches)
    outputs = launch("vision_positions", [grids_table], [(patches, 2)], _groups("vision_positions", patches))
    return None if outputs is None else outputs[0]
