"""Qwen2-VL and Qwen2.5-VL in MLX: `load(path)` gives a `Model` with transformers' argument names and layouts."""

from mlx_saccade.nets import memory, preprocessor
from mlx_saccade.nets.batches import Prompt, join
from mlx_saccade.nets.checkpoint import load, outline
from mlx_saccade.nets.config import Config, TextConfig, VisionConfig
from mlx_saccade.nets.conversion import Conversion, convert
from mlx_saccade.nets.decoding import Choose, greedy
from mlx_saccade.nets.language import KVCache
from mlx_saccade.nets.memory import Estimate
from mlx_saccade.nets.model import Model
from mlx_saccade.nets.preprocessor import pixel_limits

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
