"""Qwen2-VL and Qwen2.5-VL in MLX: `load(path)` returns a `Model` with transformers' argument names and layouts."""

from mlx_saccade.models import memory, preprocessor_config
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.config import Config, TextConfig, VisionConfig
from mlx_saccade.models.convert import Conversion, convert
from mlx_saccade.models.generation import Sampler, greedy
from mlx_saccade.models.inputs import Prompt, left_pad
from mlx_saccade.models.loading import load, load_lazy, read_config
from mlx_saccade.models.memory import Estimate
from mlx_saccade.models.model import Model
from mlx_saccade.models.preprocessor_config import pixel_limits

__all__ = [
    "Config",
    "Conversion",
    "Estimate",
    "KVCache",
    "Model",
    "Prompt",
    "Sampler",
    "TextConfig",
    "VisionConfig",
    "convert",
    "greedy",
    "left_pad",
    "load",
    "load_lazy",
    "memory",
    "pixel_limits",
    "preprocessor_config",
    "read_config",
]
