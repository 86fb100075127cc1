"""The families that this package runs: one row of the table for each `model_type` of config.json.

A new family is a file of its own with its tower and its readings, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mlx_saccade.backend import mx
from mlx_saccade.models import experts, qwen2, qwen2_5_vl, qwen2_vl, qwen3, qwen3_vl
from mlx_saccade.models.config import ConfigReader, Grid, TextConfig, VisionConfig
from mlx_saccade.models.execution import Progress
from mlx_saccade.models.generation import Decoder
from mlx_saccade.models.layers import PatchEmbed

__all__ = ["FAMILIES", "FamilySpec", "VisionModel"]


class VisionModel(Protocol):
    """A family's vision tower, as the rest of the package sees it; an `nn.Module`."""

    config: VisionConfig
    patch_embed: PatchEmbed
    patch_layers: int

    @property
    def dtype(self) -> mx.Dtype:
        """Precision of the weights."""

    def __call__(self, patches: mx.array, grids: Sequence[Grid], progress: Progress | None = None) -> mx.array:
        """Return the features [tokens, feature_width] of all images, one after another, evaluated."""

    def parameters(self) -> Any:
        """Return the weights, nested by name."""

    def named_modules(self) -> Any:
        """Return (name, layer) of every layer."""


@dataclass(frozen=True)
class FamilySpec:
    """A row of the table.

    Attributes:
        name: name of the family, as `mlx_saccade.families.get` takes it.
        vision_model: makes the vision tower.
        language_model: makes the language model without its head.
        read_vision: reads `vision_config` of config.json.
        read_text: reads the language model's values of config.json.
        text_keys: keys of the language model in config.json.
        seconds_per_grid: seconds between the grid frames of a video if the caller gives none; None if the family's
            positions count frames, not seconds.
        flat: the published config.json has the language model's values at the top level, not in `text_config`.
        timed_words: each grid frame of a video is an image of its own in the prompt, after words that say its time.
        arrange: makes the layout of this package out of tensors by published names, for a config and the checkpoint's
            name in messages; None: the layouts are the same.
    """

    name: str
    vision_model: Callable[[VisionConfig], VisionModel]
    language_model: Callable[[TextConfig], Decoder]
    read_vision: Callable[[ConfigReader, Mapping[str, Any]], VisionConfig]
    read_text: Callable[[ConfigReader, Mapping[str, Any]], TextConfig]
    text_keys: frozenset[str]
    seconds_per_grid: float | None
    flat: bool = True
    timed_words: bool = False
    arrange: Callable[[Mapping[str, mx.array], TextConfig, str], dict[str, mx.array]] | None = None


FAMILIES = {
    "qwen2_vl": FamilySpec(
        name="qwen2-vl",
        vision_model=qwen2_vl.VisionModel,
        language_model=qwen2.LanguageModel,
        read_vision=qwen2_vl.read_vision,
        read_text=qwen2.read_text,
        text_keys=qwen2.TEXT_KEYS,
        seconds_per_grid=None,
    ),
    "qwen2_5_vl": FamilySpec(
        name="qwen2.5-vl",
        vision_model=qwen2_5_vl.VisionModel,
        language_model=qwen2.LanguageModel,
        read_vision=qwen2_5_vl.read_vision,
        read_text=qwen2.read_text,
        text_keys=qwen2.TEXT_KEYS,
        seconds_per_grid=1.0,
    ),
    "qwen3_vl": FamilySpec(
        name="qwen3-vl",
        vision_model=qwen3_vl.VisionModel,
        language_model=qwen3.LanguageModel,
        read_vision=qwen3_vl.read_vision,
        read_text=qwen3.read_text,
        text_keys=qwen3.TEXT_KEYS,
        seconds_per_grid=None,
        flat=False,
        timed_words=True,
    ),
    "qwen3_vl_moe": FamilySpec(
        name="qwen3-vl",
        vision_model=qwen3_vl.VisionModel,
        language_model=qwen3.LanguageModel,
        read_vision=qwen3_vl.read_vision,
        read_text=qwen3.read_sparse_text,
        text_keys=qwen3.SPARSE_TEXT_KEYS,
        seconds_per_grid=None,
        flat=False,
        timed_words=True,
        arrange=experts.stacked,
    ),
}
"""`model_type` of config.json -> the family."""
