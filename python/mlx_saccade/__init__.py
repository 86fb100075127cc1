"""mlx-saccade: the right number of visual tokens in the right place, for Qwen-VL models on MLX.

Names are loaded at first use, so that `import mlx_saccade` and the command line start without MLX or NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlx_saccade import families, grounding, integrations, media, models, policies, scenes
    from mlx_saccade.engine import Answer, Chunk, Engine, load
    from mlx_saccade.errors import CancelledError, InputError
    from mlx_saccade.models.convert import convert
    from mlx_saccade.preprocess import runtimes, sizes
    from mlx_saccade.preprocess.patchify import patchify, resize
    from mlx_saccade.preprocess.plan import Plan, plan, smart_resize
    from mlx_saccade.preprocess.positions import mrope_positions, vision_positions, window_index
    from mlx_saccade.preprocess.recommend import Recommendation, recommend
    from mlx_saccade.preprocess.video_size import smart_resize_video

# Public name -> the module that exports it.
_NAMES = {
    "Answer": "engine",
    "CancelledError": "errors",
    "Chunk": "engine",
    "Engine": "engine",
    "InputError": "errors",
    "Plan": "preprocess.plan",
    "Recommendation": "preprocess.recommend",
    "convert": "models.convert",
    "load": "engine",
    "mrope_positions": "preprocess.positions",
    "patchify": "preprocess.patchify",
    "plan": "preprocess.plan",
    "recommend": "preprocess.recommend",
    "resize": "preprocess.patchify",
    "smart_resize": "preprocess.plan",
    "smart_resize_video": "preprocess.video_size",
    "vision_positions": "preprocess.positions",
    "window_index": "preprocess.positions",
}
# Public module -> its place in the package.
_MODULES = {
    "families": "families",
    "grounding": "grounding",
    "integrations": "integrations",
    "media": "media",
    "models": "models",
    "policies": "policies",
    "runtimes": "preprocess.runtimes",
    "scenes": "scenes",
    "sizes": "preprocess.sizes",
}

__all__ = [
    "Answer",
    "CancelledError",
    "Chunk",
    "Engine",
    "InputError",
    "Plan",
    "Recommendation",
    "__version__",
    "convert",
    "families",
    "grounding",
    "integrations",
    "load",
    "media",
    "models",
    "mrope_positions",
    "patchify",
    "plan",
    "policies",
    "recommend",
    "resize",
    "runtimes",
    "scenes",
    "sizes",
    "smart_resize",
    "smart_resize_video",
    "vision_positions",
    "window_index",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = importlib.import_module(f"mlx_saccade.{_MODULES[name]}")
    elif name in _NAMES:
        value = getattr(importlib.import_module(f"mlx_saccade.{_NAMES[name]}"), name)
        if _NAMES[name] == "engine":  # the policies enter their names in the engine's table
            importlib.import_module("mlx_saccade.policies")
    elif name == "__version__":
        value = importlib.import_module("mlx_saccade._core").version()
    else:
        raise AttributeError(f"module 'mlx_saccade' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
