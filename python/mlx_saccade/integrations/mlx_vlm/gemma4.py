"""An image processor for mlx-vlm's Gemma 4: a budget for each image, Pillow-exact resizing and one decode policy.

mlx-vlm's model cuts patches itself, so it gets whole images, channels first, in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import families
from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm import budgets
from mlx_saccade.integrations.mlx_vlm.decoding import ImagePart
from mlx_saccade.integrations.mlx_vlm.prepared import PreparedImage
from mlx_saccade.integrations.mlx_vlm.processor import ImageProcessor, fitted, pixels
from mlx_saccade.preprocess import limits
from mlx_saccade.preprocess.patchify import Backend, resize
from mlx_saccade.preprocess.plan import Plan

__all__ = ["Gemma4ImageProcessor"]

# mlx-vlm's own arguments that fix the model's geometry, by the attribute of the family.
_GEOMETRY = {"patch_size": "patch_size", "pooling_kernel_size": "merge_size"}


class Gemma4ImageProcessor(ImageProcessor):
    """A replacement for mlx-vlm's image processor of Gemma 4, with that one's results."""

    def __init__(
        self, original: Any, family: families.Family, budget: int | str | None, backend: Backend = "pillow"
    ) -> None:
        """Wrap an image processor as `ImageProcessor`; without a `budget` it is the checkpoint's `max_soft_tokens`."""
        super().__init__(original, family, budget, backend)
        if budget is None:
            self._level = limits.read(original.max_soft_tokens, "max_soft_tokens of the checkpoint")

    @property
    def checkpoint_pixels(self) -> tuple[int, int]:
        """Return (min_pixels, max_pixels) of the family; its checkpoints have no others."""
        return self.family.min_pixels, self.family.max_pixels

    def __call__(self, images: Any, **arguments: Any) -> tuple[dict[str, Any], list[int]]:  # type: ignore[override]
        """Prepare images for mlx-vlm's model, and record them for `frames`.

        Args:
            images: as `ImageProcessor`; each may have a budget of its own.
            arguments: limits of the call, `max_soft_tokens` among them, which is mlx-vlm's own name of the budget.

        Returns:
            pixel_values, float32 [images, 3, height, width] in 0..1, or a list of [3, height, width] if sizes differ;
            and the tokens of each image.

        Raises:
            InputError: an image or an argument cannot be used.
        """
        values, records = self._prepare_once(images, self._own_arguments(arguments))
        return values, [record.plan.tokens for record in records]

    def preprocess(self, images: Any, **arguments: Any) -> tuple[dict[str, Any], list[int]]:  # type: ignore[override]
        """Prepare images, as `__call__`."""
        return self(images, **arguments)

    def fetch_images(self, images: Any) -> Any:
        """Return images as they are: mlx-vlm's own method would open them before they are read here."""
        return images

    def _own_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the limits among the arguments under the names of this package."""
        own = {name: value for name, value in arguments.items() if value is not None}
        for name, attribute in _GEOMETRY.items():
            value, expected = own.pop(name, None), getattr(self.family, attribute)
            if value is not None and value != expected:
                raise InputError(f"{name}: expected {expected}, that of the model; got {value!r}. Leave it out")
        if "max_soft_tokens" in own:
            if "budget" in own:
                raise InputError("max_soft_tokens and budget limit the same; give one of them")
            own["budget"] = own.pop("max_soft_tokens")
        return own

    def _prepare(
        self, parts: Sequence[ImagePart], arguments: dict[str, Any]
    ) -> tuple[dict[str, Any], tuple[PreparedImage, ...]]:
        plans = [self.plan(fitted(part), part.limits, *budgets.request_levels(), **arguments) for part in parts]
        scale = np.float32(1 / 255)
        images: list[NDArray[np.float32]] = [
            np.ascontiguousarray(self._resized(part, plan).transpose(2, 0, 1)) * scale
            for part, plan in zip(parts, plans, strict=True)
        ]
        one_size = len({image.shape for image in images}) == 1
        return {"pixel_values": np.stack(images) if one_size else images}, self._records(parts, plans)

    def _resized(self, part: ImagePart, plan: Plan) -> NDArray[np.uint8]:
        return resize(pixels(part), plan.resized_size, backend=self.resize_backend)
