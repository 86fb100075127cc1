"""Prepare window order and positions of transformers 5.23 and mlx-vlm 0.7.10, called as their models call them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Works = dict[str, Callable[[], Any]]
Grid = tuple[int, int, int]
TOKEN_IDS = {"image_token_id": 151655, "video_token_id": 151656, "vision_start_token_id": 151652}


def prompt(grid: Grid) -> NDArray[np.int64]:
    """Return the token ids of twenty words, an image and twenty words."""
    tokens = np.full(grid[0] * grid[1] * grid[2] // 4, TOKEN_IDS["image_token_id"])
    start = [TOKEN_IDS["vision_start_token_id"]]
    return np.concatenate([np.arange(20), start, tokens, np.arange(20)])


def transformers(grid: Grid) -> Works:
    """Return transformers' calls by row of the table."""
    import torch
    import torchvision_import  # noqa: F401
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel
    from transformers.vision_utils import get_vision_position_ids, get_vision_window_index

    grids, ids = torch.tensor([grid]), torch.from_numpy(prompt(grid))[None]
    token_types = (ids == TOKEN_IDS["image_token_id"]).int()
    vision = SimpleNamespace(spatial_merge_size=2, tokens_per_second=2)
    model = SimpleNamespace(config=SimpleNamespace(vision_config=vision))
    model.get_vision_position_ids = lambda *args, **kwargs: Qwen2_5_VLModel.get_vision_position_ids(
        model, *args, **kwargs
    )
    order = lambda: get_vision_window_index(grids, 2, 112, 14)  # noqa: E731
    positions = lambda: get_vision_position_ids(grids, 2)  # noqa: E731
    return {
        "window order": order,
        "rows and columns": positions,
        "both": lambda: (order(), positions()),
        "M-RoPE of a prompt": lambda: Qwen2_5_VLModel.get_rope_index(model, ids, token_types, image_grid_thw=grids),
    }


def mlx_vlm(grid: Grid) -> Works:
    """Return mlx-vlm's calls by row of the table, their arrays evaluated."""
    with contextlib.suppress(ImportError):  # as in peers.py
        import torchvision_import  # noqa: F401
    import mlx.core as mx
    from mlx_vlm.models.qwen2_5_vl.language import LanguageModel
    from mlx_vlm.models.qwen2_5_vl.vision import VisionModel, VisionRotaryEmbedding

    tower: Any = SimpleNamespace(window_size=112, patch_size=14, spatial_merge_size=2, spatial_merge_unit=4)
    tower.rotary_pos_emb = VisionRotaryEmbedding(40)
    config = SimpleNamespace(vision_config=SimpleNamespace(spatial_merge_size=2), **TOKEN_IDS)
    language: Any = SimpleNamespace(config=config)
    grids, ids = mx.array([grid]), mx.array(prompt(grid))[None]

    def evaluated(work: Callable[[], Any]) -> Callable[[], Any]:
        def evaluate() -> Any:
            arrays = work()
            mx.eval(arrays)
            return arrays

        return evaluate

    order = evaluated(lambda: VisionModel.get_window_index(tower, grids))
    positions = evaluated(lambda: VisionModel.rot_pos_emb(tower, grids))
    return {
        "window order": order,
        "rows and columns": positions,
        "both": lambda: (order(), positions()),
        "M-RoPE of a prompt": evaluated(lambda: LanguageModel.get_rope_index(language, ids, image_grid_thw=grids)),
    }


SIDES = {"transformers": transformers, "mlx-vlm": mlx_vlm}


def compare(side: str, row: str, theirs: Any, ours: Any) -> str:
    """Compare a peer's result with saccade's.

    Returns:
        A note where only a part of the result is compared; else "".

    Raises:
        AssertionError: the results differ.
    """
    if row == "both":
        compare(side, "window order", theirs[0], ours[0])
        return compare(side, "rows and columns", theirs[1], ours[1])
    if row == "window order":
        order, boundaries = (np.array(part) for part in theirs)
        # mlx-vlm keeps empty windows, which repeat a boundary.
        assert np.array_equal(order, ours[0])
        assert np.array_equal(np.unique(boundaries), ours[1])
        return "" if side == "transformers" else "the same order; boundaries without its repeats"
    if row == "rows and columns":
        if side == "transformers":
            assert np.array_equal(np.array(theirs), ours)
            return ""
        frequencies = 1 / 10000 ** (np.arange(0, 40, 2) / 40)
        angles = (ours[:, :, None] * frequencies).reshape(len(ours), -1)
        assert np.allclose(np.array(theirs), angles, rtol=1e-5)
        return "with its table of angles, as it has no function for positions alone"
    positions = np.array(theirs[0])[:, 0]
    assert np.array_equal(positions, ours[0])
    assert int(np.array(theirs[1]).reshape(-1)[0]) == ours[1]
    return ""
