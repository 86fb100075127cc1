"""Qwen2-VL and Qwen2.5-VL in MLX: `load(path)` gives a `Model` with transformers' argument names and layouts."""

from saccade.nets import memory, preprocessor
from saccade.nets.batches import Prompt, join
from saccade.nets.checkpoint import load, outline
from saccade.nets.config import Config, TextConfig, VisionConfig
from saccade.nets.conversion import Conversion, convert
from saccade.nets.decoding import Choose, greedy
from saccade.nets.language import KVCache
from saccade.nets.memory import Estimate
from saccade.nets.model import Model
from saccade.nets.preprocessor import pixel_limits

__all__ = [
    "Choose",
    "Config",
    "Conversion",
    "Estimate",
    "KVCache",
    "Model",
    "Prompt",
    "TextConfig",
    "VisionConfig",
    "convert",
    "greedy",
    "join",
    "load",
    "memory",
    "outline",
    "pixel_limits",
    "preprocessor",
]
