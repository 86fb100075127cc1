"""From a folder or hub id to an engine."""

from __future__ import annotations

import os

from saccade import hub
from saccade.engine.engine import Engine

__all__ = ["load"]


def load(path_or_id: str | os.PathLike[str] | None = None, *, compute_dtype: str | None = None) -> Engine:
    """Load a checkpoint with its tokenizer, template and size limits.

    Args:
        path_or_id: a folder, a hub id ("owner/name"), or None for the packaged checkpoint, which knows generated
            screens only.
        compute_dtype: "float32", "bfloat16" or "float16"; None: float32 for the packaged checkpoint, which is small;
            else as `saccade.nets.load`: float32 on the CPU, on a GPU the checkpoint's own, but bfloat16 for a float16
            checkpoint, whose activations float16 does not hold on some images.

    Raises:
        FileNotFoundError: no such folder, or a file missing from it.
        InputError: a checkpoint that cannot be used, or a hub id that cannot be downloaded.
    """
    if path_or_id is None and compute_dtype is None:
        compute_dtype = "float32"
    return Engine(hub.find(path_or_id), compute_dtype=compute_dtype)
