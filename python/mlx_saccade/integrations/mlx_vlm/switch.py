"""`enable`, `disable` and `status`: which models and which of mlx-vlm's modules are hooked."""

from __future__ import annotations

from typing import Any

from mlx_saccade import families
from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm import guard, vision
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks
from mlx_saccade.integrations.mlx_vlm.processor import ImageProcessor

__all__ = ["FAMILIES", "disable", "enable", "hooks"]

FAMILIES = {
    "qwen2_vl": "qwen2-vl",
    "qwen2_5_vl": "qwen2.5-vl",
    "qwen3_vl": "qwen3-vl",
    "qwen3_vl_moe": "qwen3-vl",
    "qwen3_5": "qwen3-vl",
    "qwen3_5_moe": "qwen3-vl",
}
"""mlx-vlm's model types, and the family whose geometry and arithmetic of images each has."""

hooks = Hooks()


def enable(model: Any, processor: Any, budget: int | str | None = None) -> None:
    """Replace the image processor of an mlx-vlm model.

    Args:
        model: model from `mlx_vlm.load`; its config names the family.
        processor: processor from `mlx_vlm.load`.
        budget: maximum visual tokens per image, as in `mlx_saccade.plan`; None (default) is 1,280.

    Raises:
        InputError: the model is of another family, or the processor has no image processor of its geometry.
    """
    kind = getattr(getattr(model, "config", None), "model_type", None)
    if kind not in FAMILIES:
        raise InputError(f"model_type: expected one of {', '.join(FAMILIES)}; got {kind!r}")
    family = families.get(FAMILIES[kind])
    original = getattr(processor, "image_processor", None)
    if isinstance(original, ImageProcessor):
        original = original.original
    geometry = tuple(getattr(original, name, None) for name in ("patch_size", "merge_size", "temporal_patch_size"))
    expected = (family.patch_size, family.merge_size, family.temporal_patch_size)
    if geometry != expected:
        raise InputError(
            f"processor: expected (patch_size, merge_size, temporal_patch_size) of {family.name}, {expected}; "
            f"got {geometry}. Give the processor that mlx_vlm.load returned with this model"
        )
    replacement = ImageProcessor(original, family, budget)
    replacement.plan((family.factor * 4, family.factor * 4))  # refuse an impossible budget before the first image
    hooks.replace(processor, "image_processor", replacement)
    vision.attach(model, hooks)
    guard.attach(hooks)


def disable() -> None:
    """Restore every attribute that `enable` replaced."""
    hooks.restore()
