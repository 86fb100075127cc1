"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL in MLX: `load(path)` returns a `Model` that takes what transformers takes."""

from mlx_saccade.models import memory, preprocessor_config
from mlx_saccade.models import video_preprocessor_config as video_preprocessor_config
from mlx_saccade.models.cache import KVCache as KVCache
from mlx_saccade.models.config import Config
from mlx_saccade.models.config import TextConfig as TextConfig
from mlx_saccade.models.config import VisionConfig as VisionConfig
from mlx_saccade.models.convert import Conversion, convert
from mlx_saccade.models.generation import Observer as Observer
from mlx_saccade.models.generation import Sampler as Sampler
from mlx_saccade.models.generation import greedy as greedy
from mlx_saccade.models.generation import log_probabilities as log_probabilities
from mlx_saccade.models.inputs import Prompt as Prompt
from mlx_saccade.models.inputs import left_pad as left_pad
from mlx_saccade.models.loading import load, load_lazy
from mlx_saccade.models.loading import read_config as read_config
from mlx_saccade.models.memory import Estimate
from mlx_saccade.models.model import Model
from mlx_saccade.models.preprocessor_config import pixel_limits as pixel_limits

__all__ = [
    "Config",
    "Conversion",
    "Estimate",
    "Model",
    "convert",
    "load",
    "load_lazy",
    "memory",
    "preprocessor_config",
]
