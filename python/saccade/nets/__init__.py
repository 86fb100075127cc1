"""Qwen2.5-VL in MLX: `load(path)` gives a `Model` with transformers' argument names and layouts."""

from saccade.nets.checkpoint import load, pixel_limits
from saccade.nets.config import Config, TextConfig, VisionConfig
from saccade.nets.model import Model, Prompt

__all__ = ["Config", "Model", "Prompt", "TextConfig", "VisionConfig", "load", "pixel_limits"]
