"""An image processor for mlx-vlm with an explicit budget, exact resizing and one decode policy."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import families
from mlx_saccade.cache import keys
from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm import budgets, prepared, reuse
from mlx_saccade.integrations.mlx_vlm.decoding import ImagePart, image_part
from mlx_saccade.integrations.mlx_vlm.prepared import PreparedImage
from mlx_saccade.preprocess import limits
from mlx_saccade.preprocess.patchify import Backend, check_backend, patchify, resize
from mlx_saccade.preprocess.plan import Plan

__all__ = ["ImageProcessor", "fitted", "pixels"]

_AT_CAP = limits.PixelLimits(upper="checkpoint")


class ImageProcessor:
    """A replacement for mlx-vlm's image processor, which passes unknown attributes on to it.

    It reports the class of the original, so that `save_pretrained` writes what it writes without the replacement.

    Attributes:
        original: mlx-vlm's image processor.
        family: geometry of the model's images.
        budget: maximum visual tokens per image, as in `mlx_saccade.plan`.
        resize_backend: library whose pixels and normalization are computed, as in `mlx_saccade.patchify`.
        native: the tower reads uint8 patches in the native layout; default False, the reference layout.
    """

    def __init__(
        self, original: Any, family: families.Family, budget: int | str | None, backend: Backend = "pillow"
    ) -> None:
        """Wrap an image processor; `budget` is as in `mlx_saccade.plan`, `backend` as in `mlx_saccade.patchify`."""
        check_backend(backend)
        self.original = original
        self.family = family
        self.budget = budget
        self.resize_backend: Backend = backend
        self.native = False
        self._level = limits.read(budget, "budget")
        self._said_cap = False

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """Return the class of the original: `isinstance` of transformers and mlx-vlm asks for it."""
        return type(self.original)

    def __getattr__(self, name: str) -> Any:
        if name == "original":  # a copy without attributes yet would recurse forever
            raise AttributeError(name)
        return getattr(self.original, name)

    @property
    def checkpoint_pixels(self) -> tuple[int, int]:
        """Return (min_pixels, max_pixels) of the checkpoint."""
        return int(self.original.min_pixels), int(self.original.max_pixels)

    def plan(self, size: tuple[int, int], /, *levels: limits.PixelLimits, **arguments: Any) -> Plan:
        """Return the plan of an image size.

        Args:
            size: (width, height) in pixels.
            levels: limits that win over those of the call's arguments, the most specific first.
            arguments: limits of the call: `budgets.ARGUMENTS`. They win over the budget of `enable`.

        Raises:
            InputError: an argument is unknown, or the budget cannot be used.
        """
        call_arguments = {name: value for name, value in arguments.items() if value is not None}
        call = budgets.arguments_limits(call_arguments)
        plan = limits.choose(size, self.family, (*levels, call, self._level), self.checkpoint_pixels)
        self._say_cap(plan)
        return plan

    def __call__(self, images: Any, **arguments: Any) -> dict[str, NDArray[Any]]:
        """Prepare images for mlx-vlm's model, and record them for `frames`.

        Args:
            images: one image or a (nested) list of images that `decoding.image_part` takes.
            arguments: as in `plan`.

        Returns:
            pixel_values, float32 [patches of all images, 3 * temporal_patch_size * patch_size ** 2], or uint8
            [patches, 3 * patch_size ** 2] where the tower is ours; and image_grid_thw, int64 [images, 3].

        Raises:
            InputError: an image or an argument cannot be used.
        """
        return self._prepare_once(images, arguments)[0]

    def preprocess(self, images: Any, **arguments: Any) -> dict[str, NDArray[Any]]:
        """Prepare images, as `__call__`."""
        return self(images, **arguments)

    def num_image_tokens(self, height: int, width: int, **arguments: Any) -> int:
        """Return the visual tokens of an image size in pixels."""
        return self.plan((width, height), **arguments).tokens

    def _prepare_once(self, images: Any, arguments: dict[str, Any]) -> tuple[dict[str, Any], tuple[PreparedImage, ...]]:
        """Prepare and record images, or take what an earlier preparation of the same server request left."""
        parts = [image_part(image) for image in _flat(images)]
        if not parts:
            raise InputError("images: expected at least one image; got none. Leave it out for a text prompt")
        request, identity = prepared.server_request(), _identity(self, parts, arguments)
        if request is not None and identity in request.patches:
            values, records = request.patches.pop(identity)  # handed over: nobody asks a third time
        else:
            with prepared.noting_mistakes():
                values, records = self._prepare(parts, arguments)
            if request is not None and identity is not None:
                request.patches[identity] = values, records
        prepared.record(records)
        return values, records

    def _prepare(
        self, parts: Sequence[ImagePart], arguments: dict[str, Any]
    ) -> tuple[dict[str, Any], tuple[PreparedImage, ...]]:
        plans = [self.plan(fitted(part), part.limits, *budgets.request_levels(), **arguments) for part in parts]
        if self.native and all(part.encoded is not None for part in parts):
            values = np.concatenate(
                [_reused(part, plan, self.resize_backend) for part, plan in zip(parts, plans, strict=True)]
            )
        else:
            images = [pixels(part) for part in parts]
            values = patchify(images, plans, "native" if self.native else "reference", backend=self.resize_backend)
        grids = np.array([plan.grid_thw for plan in plans], dtype=np.int64)
        return {"pixel_values": values, "image_grid_thw": grids}, self._records(parts, plans)

    def _records(self, parts: Sequence[ImagePart], plans: Sequence[Plan]) -> tuple[PreparedImage, ...]:
        """Return the records of prepared images, and release their pixels."""
        records = [
            PreparedImage(replace(plan, source_size=part.size), self._tokens_at_cap(plan), (*part.notes, *plan.notes))
            for part, plan in zip(parts, plans, strict=True)
        ]
        for part in parts:
            part.release()
        return tuple(records)

    def _tokens_at_cap(self, plan: Plan) -> int:
        try:
            whole = limits.choose(plan.source_size, self.family, (_AT_CAP,), self.checkpoint_pixels)
        except InputError:  # a strip whose least size is above the cap
            return plan.tokens
        return max(plan.tokens, whole.tokens)

    def _say_cap(self, plan: Plan) -> None:
        cap = self.checkpoint_pixels[1]
        if not self._said_cap and plan.max_pixels > cap and plan.resized_size[0] * plan.resized_size[1] > cap:
            self._said_cap = True
            area = self.family.factor**2
            warnings.warn(
                f"mlx-saccade: a budget of {plan.budget} is above the checkpoint's own cap, {cap // area} tokens; "
                "answers may get worse. Give a lower budget",
                stacklevel=2,
            )


def fitted(part: ImagePart) -> tuple[int, int]:
    """Return the size of an image, from its header, once mlx-vlm's `resize_shape` is applied."""
    width, height = part.size
    if part.resize_shape is None:
        return width, height
    ratio = min(part.resize_shape[0] / width, part.resize_shape[1] / height)
    return max(1, int(width * ratio)), max(1, int(height * ratio))


def pixels(part: ImagePart) -> Any:
    """Return the decoded image, fitted into `resize_shape` as mlx-vlm does it."""
    frame = part.frame()
    return frame if part.resize_shape is None else resize(frame, fitted(part))


def _reused(part: ImagePart, plan: Plan, backend: Backend) -> NDArray[np.uint8]:
    """Return the native patches of an image file, which is decoded at the first time only."""
    assert part.encoded is not None
    options = {**part.options.pixel_options, "resize_shape": part.resize_shape, "backend": backend}
    key = keys.planned(part.encoded.data, options, plan, b"")
    return reuse.store.patches(key, lambda: patchify(pixels(part), plan, backend=backend))


def _identity(processor: ImageProcessor, parts: Sequence[ImagePart], arguments: dict[str, Any]) -> str | None:
    """Return a name of a preparation, equal for equal ones of one request; None for images without a name."""
    names = [part.identity for part in parts]
    if None in names:
        return None
    return repr((id(processor), names, budgets.request_levels(), sorted(arguments.items())))


def _flat(images: Any) -> Iterable[Any]:
    if isinstance(images, list | tuple):
        for image in images:
            yield from _flat(image)
    else:
        yield images
