"""Load an engine from a folder or hub id."""

from __future__ import annotations

import os

from mlx_saccade import cache, media
from mlx_saccade.checkpoint import hub
from mlx_saccade.checkpoint.tokenizer import VideoPrompt
from mlx_saccade.engine.engine import Engine
from mlx_saccade.grounding.frames import ConventionName
from mlx_saccade.preprocess.limits import Budget
from mlx_saccade.preprocess.patchify import Backend

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
    image_options: media.ImageOptions | None = None,
    memory_limit: int | str | None = None,
    convention: ConventionName = "auto",
    video_prompt: VideoPrompt = "outer",
    backend: Backend = "pillow",
) -> Engine:
    """Load a checkpoint with its tokenizer, template and size limits.

    Args:
        path_or_id: a folder, a hub id ("owner/name"), or None for the packaged checkpoint, which knows only generated
            screens; the command line says so once, this function does not.
        compute_dtype: "float32", "bfloat16" or "float16"; None: float32 for the packaged checkpoint, which is small;
            else as `mlx_saccade.models.load`: float32 on the CPU, on a GPU the checkpoint's own, but bfloat16 for a
            float16 checkpoint, whose activations float16 does not hold on some images.
        revision: branch, tag or commit of a hub id; None: its main branch.
        local_files_only: take a hub id from the hub's cache on this machine alone.
        budget: of images in requests without one; as `Engine` takes it.
        cache_memory: maximum bytes of the cached features and prompts, as a number or such as "512MB"; 0 caches
            nothing. The least recently used entry is evicted first.
        cache_dir: a folder that caches features for later runs. Processes and checkpoints may share it; it is created
            if it is missing. Its files reveal the images.
        cache_dir_size: maximum bytes in that folder.
        image_options: how images are decoded, such as `mlx_saccade.media.ImageOptions(color="ignore",
            allow_url=True)`; None: profiles are converted, alpha is laid over white, EXIF turns, URLs are refused.
        memory_limit: maximum bytes of the weights, one request (or batch) at a time and the cache of `cache_memory`,
            together; a number or such as "8GB". The cache is evicted first. A request that does not fit without the
            cache is refused before it starts; weights that do not fit are not read. None: the bytes that MLX
            recommends for the GPU; on the CPU three quarters of the memory that the process can have (control groups
            counted).
        convention: of the numbers in answers, as `mlx_saccade.grounding.read` takes it; "auto": the family's, and
            fractions where the numbers are so. A request may name its own.
        video_prompt: what stands around the frames of a video in the prompt of Qwen3-VL: "outer", a pair of vision
            tokens around all of them besides those of each, as transformers 5.10 and later; or "single", without it, as
            transformers 4.57 and mlx-vlm. Other families have one form.
        backend: library whose pixels the resize of images and frames reproduces, as `mlx_saccade.resize` takes it:
            "pillow" (default), or "torchvision", which transformers uses where it is installed.

    Raises:
        FileNotFoundError: no such folder, or a file is missing from it.
        InputError: a checkpoint that cannot be used, a hub id that cannot be downloaded, no amount of memory, a cache
            folder that cannot be written, or an unknown backend.
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
        image_options=image_options,
        memory_limit=memory_limit,
        convention=convention,
        video_prompt=video_prompt,
        backend=backend,
    )
