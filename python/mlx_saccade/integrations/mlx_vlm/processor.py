"""saccade's image preparation inside mlx-vlm: a stated budget, Pillow-exact resizing, one decode policy.

What changes is how images become `pixel_values` and `image_grid_thw`; the model and its generation stay mlx-vlm's. The
processor's `image_processor` is replaced by an object that answers for it, and put back by `disable`. Videos still go
the processor's own way. Checked against mlx-vlm 0.7.10 (see tests/long).

    model, processor = mlx_vlm.load(path)
    mlx_saccade.integrations.mlx_vlm.enable(model, processor, budget=1280)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import families, media
from mlx_saccade.errors import InputError
from mlx_saccade.media import arrays
from mlx_saccade.preprocess.patchify import patchify
from mlx_saccade.preprocess.plan import Plan, plan

__all__ = ["ImageProcessor", "disable", "enable"]

_FAMILIES = {"qwen2_vl": "qwen2-vl", "qwen2_5_vl": "qwen2.5-vl", "qwen3_vl": "qwen3-vl"}
_LIMITS = ("min_pixels", "max_pixels")

_enabled: list[tuple[Any, Any]] = []


class ImageProcessor:
    """Stands where mlx-vlm's image processor stood; what it does not know itself it asks that one."""

    def __init__(self, original: Any, family: families.Family, budget: int | str | None) -> None:
        """Keep the image processor that is stood in for; `budget` as in `mlx_saccade.plan`."""
        self.original = original
        self.family = family
        self.budget = budget

    def __getattr__(self, name: str) -> Any:
        if name == "original":  # a copy that is not filled yet must not ask itself for ever
            raise AttributeError(name)
        return getattr(self.original, name)

    def plan(self, size: tuple[int, int], **limits: Any) -> Plan:
        """The plan of an image of (width, height).

        Args:
            size: in pixels.
            limits: `min_pixels` and `max_pixels` of one call; they go before the budget, as mlx-vlm's own callers
                expect.

        Raises:
            InputError: a limit that is neither of these two, or a budget that cannot be used.
        """
        given = {name: value for name, value in limits.items() if value is not None}
        unknown = sorted(set(given) - set(_LIMITS))
        if unknown:
            raise InputError(f"{', '.join(unknown)}: saccade takes min_pixels, max_pixels or the budget of enable()")
        own = (int(self.original.min_pixels), int(self.original.max_pixels))
        if not given:
            return plan(size, family=self.family, budget=self.budget, checkpoint_pixels=own)
        pixels = (given.get("min_pixels", own[0]), given.get("max_pixels", own[1]))
        return plan(size, family=self.family, budget="checkpoint", checkpoint_pixels=pixels)

    def __call__(self, images: Any, **limits: Any) -> dict[str, NDArray[Any]]:
        """Prepare images as mlx-vlm's processor wants them.

        Args:
            images: one image or a list (of lists) of what `mlx_saccade.media.open_image` takes; an array whose first
            axis
                has three values is channels first, as in mlx-vlm.
            limits: as `plan`.

        Returns:
            pixel_values float32 [patches of all images, 3 * temporal_patch_size * patch_size ** 2] and
            image_grid_thw int64 [images, 3].
        """
        values, grids = [], []
        for image in _flat(images):
            frame = media.open_image(_channels_last(image))
            made = self.plan(frame.source_size, **limits)
            values.append(patchify(frame, made, layout="reference"))
            grids.append(made.grid_thw)
        if not values:
            raise InputError("images is empty; give at least one image or leave it out")
        return {"pixel_values": np.concatenate(values), "image_grid_thw": np.array(grids, dtype=np.int64)}

    def preprocess(self, images: Any, **limits: Any) -> dict[str, NDArray[Any]]:
        """The same as calling it."""
        return self(images, **limits)

    def num_image_tokens(self, height: int, width: int, **limits: Any) -> int:
        """Visual tokens that an image of this size will cost."""
        return self.plan((width, height), **limits).tokens


def _flat(images: Any) -> Iterable[Any]:
    if isinstance(images, list | tuple):
        for image in images:
            yield from _flat(image)
    else:
        yield images


def _channels_last(image: Any) -> Any:
    if not arrays.is_array(image):
        return image
    array = arrays.as_numpy(image)
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] not in (1, 3, 4):
        return np.ascontiguousarray(array.transpose(1, 2, 0))
    return array


def enable(model: Any, processor: Any, budget: int | str | None = None) -> None:
    """Let saccade prepare the images of an mlx-vlm model.

    Args:
        model: what `mlx_vlm.load` gave; its config names the family.
        processor: what `mlx_vlm.load` gave.
        budget: as in `mlx_saccade.plan`; None spends 1,280 tokens an image at most.

    Raises:
        InputError: a model of another family, or a processor without an image processor of that family's geometry.
    """
    kind = getattr(getattr(model, "config", None), "model_type", None)
    if kind not in _FAMILIES:
        raise InputError(f"model_type {kind!r}: saccade prepares images for {', '.join(_FAMILIES)}")
    family = families.get(_FAMILIES[kind])
    original = getattr(processor, "image_processor", None)
    if isinstance(original, ImageProcessor):
        original = original.original
    found = tuple(getattr(original, name, None) for name in ("patch_size", "merge_size", "temporal_patch_size"))
    wanted = (family.patch_size, family.merge_size, family.temporal_patch_size)
    if found != wanted:
        raise InputError(
            f"the processor's (patch_size, merge_size, temporal_patch_size) is {found}, {family.name} has {wanted}; "
            "give the processor that mlx_vlm.load returned with this model"
        )
    preparer = ImageProcessor(original, family, budget)
    preparer.plan((family.factor * 4, family.factor * 4))  # an impossible budget is said now, not at the first image
    if all(known is not processor for known, _ in _enabled):
        _enabled.append((processor, original))
    processor.image_processor = preparer


def disable() -> None:
    """Give every processor its own image processor back."""
    while _enabled:
        processor, original = _enabled.pop()
        processor.image_processor = original
