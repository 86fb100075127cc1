"""Qwen2.5-VL in MLX: `load(path)` gives a `Model` with transformers' argument names and layouts."""

from saccade.nets import preprocessor
from saccade.nets.checkpoint import load
from saccade.nets.config import Config, TextConfig, VisionConfig
from saccade.nets.language import KVCache
from saccade.nets.model import Model, Prompt, answer_length
from saccade.nets.preprocessor import pixel_limits

__all__ = [
    "Config",
    "KVCache",
    "Model",
    "Prompt",
    "TextConfig",
    "VisionConfig",
    "answer_length",
    "load",
    "pixel_limits",
    "preprocessor",
]
