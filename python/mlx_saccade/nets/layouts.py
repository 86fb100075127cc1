"""The names of tensors: three layouts of keys are read, told apart by their prefixes.

`visual.` and `model.` (published checkpoints, and what transformers writes), `model.visual.` and
`model.language_model.` (transformers 4.52 and later in memory), `vision_tower.` and `language_model.model.`
(mlx-community). The first is the one used here.
"""

from __future__ import annotations

__all__ = ["mlx_name", "published_name"]

# (prefix in the file, published prefix), the longest first.
_PREFIXES = (
    ("model.language_model.", "model."),
    ("language_model.lm_head", "lm_head"),
    ("language_model.model.", "model."),
    ("model.visual.", "visual."),
    ("vision_tower.", "visual."),
)


def published_name(name: str) -> str:
    """The published name of a tensor or a layer named in any layout."""
    return next((new + name[len(old) :] for old, new in _PREFIXES if name.startswith(old)), name)


def mlx_name(name: str) -> str:
    """The name in mlx-community's layout of a tensor or a layer that has the published one."""
    if name.startswith("visual."):
        return "vision_tower." + name.removeprefix("visual.")
    return "language_model." + name
