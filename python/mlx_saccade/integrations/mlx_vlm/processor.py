"""An image processor for mlx-vlm with an explicit budget, Pillow-exact resizing and one decode policy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import families, media
from mlx_saccade.cache import keys
from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm.frames import PreparedImage, record
from mlx_saccade.media import arrays
from mlx_saccade.preprocess.patchify import patchify
from mlx_saccade.preprocess.plan import Plan, plan

__all__ = ["ImageProcessor"]

_LIMITS = ("min_pixels", "max_pixels")


class ImageProcessor:
    """A replacement for mlx-vlm's image processor, which passes unknown attributes on to it."""

    def __init__(self, original: Any, family: families.Family, budget: int | str | None) -> None:
        """Wrap an image processor; `budget` is as in `mlx_saccade.plan`."""
        self.original = original
        self.family = family
        self.budget = budget

    def __getattr__(self, name: str) -> Any:
        if name == "original":  # a copy without attributes yet would recurse forever
            raise AttributeError(name)
        return getattr(self.original, name)

    def plan(self, size: tuple[int, int], **limits: Any) -> Plan:
        """Return the plan of an image size.

        Args:
            size: (width, height) in pixels.
            limits: `min_pixels` and `max_pixels` of one call; they take precedence over the budget, as mlx-vlm's
                callers expect.

        Raises:
            InputError: another limit is given, or the budget cannot be used.
        """
        options = {name: value for name, value in limits.items() if value is not None}
        unknown = sorted(set(options) - set(_LIMITS))
        if unknown:
            raise InputError(
                f"limits: expected min_pixels or max_pixels; got {', '.join(unknown)}. Or set the budget of enable()"
            )
        own = (int(self.original.min_pixels), int(self.original.max_pixels))
        if not options:
            return plan(size, family=self.family, budget=self.budget, checkpoint_pixels=own)
        pixels = (options.get("min_pixels", own[0]), options.get("max_pixels", own[1]))
        return plan(size, family=self.family, budget="checkpoint", checkpoint_pixels=pixels)

    def __call__(self, images: Any, **limits: Any) -> dict[str, NDArray[Any]]:
        """Prepare images for mlx-vlm's model.

        Args:
            images: one image or a (nested) list of images that `mlx_saccade.media.open_image` takes; an array whose
                first axis has length 3 is channels first, as in mlx-vlm.
            limits: as in `plan`.

        Returns:
            pixel_values, float32 [patches of all images, 3 * temporal_patch_size * patch_size ** 2], and
            image_grid_thw, int64 [images, 3].
        """
        values, grids, records = [], [], []
        for image in _flat(images):
            frame = media.open_image(_channels_last(image))
            image_plan = self.plan(frame.source_size, **limits)
            values.append(patchify(frame, image_plan, layout="reference"))
            grids.append(image_plan.grid_thw)
            records.append(PreparedImage(image_plan, keys.content(values[-1], image_plan.grid_thw, b""), frame.notes))
        if not values:
            raise InputError("images: expected at least one image; got none. Leave it out for a text prompt")
        record(tuple(records))
        return {"pixel_values": np.concatenate(values), "image_grid_thw": np.array(grids, dtype=np.int64)}

    def preprocess(self, images: Any, **limits: Any) -> dict[str, NDArray[Any]]:
        """Prepare images, as `__call__`."""
        return self(images, **limits)

    def num_image_tokens(self, height: int, width: int, **limits: Any) -> int:
        """Return the visual tokens of an image size in pixels."""
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
