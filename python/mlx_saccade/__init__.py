"""saccade: the right visual tokens in the right place, for Qwen-VL models on MLX.

Names are loaded when first used, so that `import mlx_saccade` and the command line start without MLX or NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlx_saccade import families, grounding, integrations, media, nets, policies, runtimes, scenes, sizes
    from mlx_saccade.advice import Recommendation, recommend
    from mlx_saccade.budget import Plan, plan, smart_resize
    from mlx_saccade.engine import Answer, Engine, Piece, load
    from mlx_saccade.errors import InputError
    from mlx_saccade.nets import convert
    from mlx_saccade.patches import patchify, resize
    from mlx_saccade.positions import mrope_positions, vision_positions, window_index

_MODULES = {"families", "grounding", "integrations", "media", "nets", "policies", "runtimes", "scenes", "sizes"}
_NAMES = {
    "Answer": "engine",
    "Engine": "engine",
    "InputError": "errors",
    "Piece": "engine",
    "Plan": "budget",
    "Recommendation": "advice",
    "convert": "nets",
    "load": "engine",
    "mrope_positions": "positions",
    "patchify": "patches",
    "plan": "budget",
    "recommend": "advice",
    "resize": "patches",
    "smart_resize": "budget",
    "vision_positions": "positions",
    "window_index": "positions",
}

__all__ = [
    "Answer",
    "Engine",
    "InputError",
    "Piece",
    "Plan",
    "Recommendation",
    "__version__",
    "convert",
    "families",
    "grounding",
    "integrations",
    "load",
    "media",
    "mrope_positions",
    "nets",
    "patchify",
    "plan",
    "policies",
    "recommend",
    "resize",
    "runtimes",
    "scenes",
    "sizes",
    "smart_resize",
    "vision_positions",
    "window_index",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"mlx_saccade.{name}")
    if name in _NAMES:
        value = getattr(importlib.import_module(f"mlx_saccade.{_NAMES[name]}"), name)
    elif name == "__version__":
        value = importlib.import_module("mlx_saccade._core").version()
    else:
        raise AttributeError(f"module 'mlx_saccade' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
