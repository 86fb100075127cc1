"""From a folder or hub id to an engine."""

from __future__ import annotations

import os

from mlx_saccade import cache, media
from mlx_saccade.checkpoint import hub
from mlx_saccade.engine.engine import Engine
from mlx_saccade.preprocess.limits import Budget

__all__ = ["load"]


def load(
    path_or_id: str | os.PathLike[str] | None = None,
    *,
    compute_dtype: str | None = None,
    revision: str | None = None,
    local_files_only: bool = False,
    budget: Budget = None,
    cache_memory: int | str = cache.MEMORY_LIMIT,
    cache_dir: str | os.PathLike[str] | None = None,
    cache_dir_size: int | str = cache.FOLDER_LIMIT,
    reading: media.ImageOptions | None = None,
    memory_limit: int | str | None = None,
) -> Engine:
    """Load a checkpoint with its tokenizer, template and size limits.

    Args:
        path_or_id: a folder, a hub id ("owner/name"), or None for the packaged checkpoint, which knows generated
            screens only.
        compute_dtype: "float32", "bfloat16" or "float16"; None: float32 for the packaged checkpoint, which is small;
            else as `mlx_saccade.models.load`: float32 on the CPU, on a GPU the checkpoint's own, but bfloat16 for a
            float16 checkpoint, whose activations float16 does not hold on some images.
        revision: branch, tag or commit of a hub id; None: its main branch.
        local_files_only: take a hub id from the hub's cache on this machine alone.
        budget: of images in requests that give none; as `Engine` takes it.
        cache_memory: most bytes that features of images and prompts take while they are kept for later requests, as a
            number or such as "512MB"; 0 keeps none. What was used longest ago goes first.
        cache_dir: a folder where features are kept for later runs, which may be shared by processes and checkpoints;
            made where it is missing. It tells what was on the images.
        cache_dir_size: most bytes in that folder.
        reading: image options, such as `mlx_saccade.media.ImageOptions(color="ignore", allow_url=True)`; None: profiles
            are converted, alpha is laid over white, EXIF turns, URLs are refused.
        memory_limit: most bytes of the weights, of one request (or batch) at a time, and of what `cache_memory` keeps,
            together; a number or such as "8GB". What is kept is dropped where a request needs its place, and a request
            that would take more without it is refused before it starts; weights that alone take more are not read at
            all. None: what MLX says that the GPU recommends; on the CPU three quarters of the memory that the process
            can have (control groups counted).

    Raises:
        FileNotFoundError: no such folder, or a file missing from it.
        InputError: a checkpoint that cannot be used, a hub id that cannot be downloaded, an amount of memory that is
            none, or a cache folder that cannot be written.
    """
    if path_or_id is None and compute_dtype is None:
        compute_dtype = "float32"
    return Engine(
        hub.find(path_or_id, revision=revision, local_files_only=local_files_only),
        compute_dtype=compute_dtype,
        budget=budget,
        cache_memory=cache_memory,
        cache_dir=cache_dir,
        cache_dir_size=cache_dir_size,
        reading=reading,
        memory_limit=memory_limit,
    )
