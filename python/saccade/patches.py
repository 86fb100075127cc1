"""Pixels into patches: Pillow's BICUBIC bit for bit, and the two layouts in which a vision tower takes an image."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from saccade import _core
from saccade.errors import InputError

if TYPE_CHECKING:
    from saccade.budget import Plan

__all__ = ["patchify", "resize"]

PassOrder = Literal["pillow13", "horizontal"]


def _pixels(image: Any) -> NDArray[np.uint8]:
    """The uint8 [height, width, 3] array of an array, a frame, or anything that media opens."""
    if hasattr(image, "pixels"):
        image = image.pixels
    if not (hasattr(image, "__array_interface__") or hasattr(image, "__dlpack__")) or hasattr(image, "convert"):
        from saccade import media

        image = media.open_image(image).pixels
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise InputError(
            f"image must be a uint8 array [height, width, 3]; got {array.dtype} {array.shape}; "
            "saccade.media.open_image converts other forms"
        )
    packed_rows = array.strides[2] == 1 and array.strides[1] == 3 and array.strides[0] >= 3 * array.shape[1]
    return array if packed_rows else np.ascontiguousarray(array)


def resize(image: Any, size: tuple[int, int], *, pass_order: PassOrder = "pillow13") -> NDArray[np.uint8]:
    """Resample an image as Pillow's `Image.resize(size, BICUBIC)` does, bit for bit.

    Args:
        image: uint8 array [height, width, 3] (RGB; any strides), a `media.Frame`, or anything `media.open_image` takes.
        size: (width, height) of the result, each at least 1; enlarging is fine.
        pass_order: the passes round to 8 bits between them, so their order shows. "pillow13": vertical first where
            that is less work, as Pillow 13.0; "horizontal": always horizontal first, as Pillow up to 12.1 (12.2
            and 12.3 too, but for sources over 100 times as tall as wide).

    Returns:
        uint8 [height, width, 3].

    Raises:
        InputError: an array of another dtype or shape, an impossible size, an unknown pass order.
    """
    try:
        width, height = (operator.index(side) for side in size)
    except (TypeError, ValueError):
        raise InputError(f"size is {size!r}; it must be (width, height) in pixels, two integers") from None
    return _core.resize(_pixels(image), width, height, pass_order)


def patchify(
    image: Any, plan: Plan, layout: Literal["native", "reference"] = "native", *, pass_order: PassOrder = "pillow13"
) -> NDArray[Any]:
    """Resize an image as planned and cut it into the patches a vision tower reads.

    Args:
        image: the image the plan was made for, in any form that `resize` takes.
        plan: its `saccade.plan(...)`.
        layout: "native": uint8 [patches, 3 * patch_size ** 2], one frame, each patch (channel, y, x), in window order
            (in merge-block order where the family has no windows). "reference": float32
            [patches, 3 * temporal_patch_size * patch_size ** 2], normalised, each patch (channel, frame, y, x), in
            merge-block order: what transformers' Pillow image processor makes, bit for bit.
        pass_order: as in `resize`.

    Returns:
        The patches; 588 values each natively and 1,176 in the reference layout for a patch size of 14.

    Raises:
        InputError: an image of another size than the plan's, another dtype or shape, an unknown layout.
    """
    if layout not in ("native", "reference"):
        raise InputError(f"layout is {layout!r}; it must be 'native' or 'reference'")
    pixels = _pixels(image)
    size = (pixels.shape[1], pixels.shape[0])
    if size != tuple(plan.source_size):
        planned = "x".join(map(str, plan.source_size))
        raise InputError(f"image is {size[0]}x{size[1]}; the plan was made for {planned}; plan this image anew")
    family = plan.family
    if layout == "native":
        cut = (family.patch_size, family.merge_size, family.window_size or 0)
        return _core.native_patches(pixels, *plan.resized_size, pass_order, *cut)
    cut = (family.patch_size, family.merge_size, family.temporal_patch_size)
    return _core.reference_patches(pixels, *plan.resized_size, pass_order, *cut, family.mean, family.std)
