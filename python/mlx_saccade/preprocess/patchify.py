"""Pixels into patches: Pillow's BICUBIC bit for bit, and the two layouts in which a vision tower takes an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import _core, validation
from mlx_saccade.errors import InputError, brief
from mlx_saccade.preprocess.plan import Plan

__all__ = ["patchify", "resize"]

PassOrder = Literal["pillow13", "horizontal"]
PixelFormat = Literal["rgb", "rgba", "bgra", "grey"]

_CHANNELS = {"rgb": 3, "rgba": 4, "bgra": 4, "grey": 1}
_SHAPES = {"rgb": "[height, width, 3]", "rgba": "[height, width, 4]", "bgra": "[height, width, 4]"}


@dataclass(frozen=True)
class _Pixels:
    """An array that the core reads where it lies, and its pixel format."""

    array: NDArray[np.uint8]
    pixel_format: str

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.array.shape[1], self.array.shape[0]


def _pixels(image: Any, pixel_format: str, at_least: tuple[int, int] | None = None) -> _Pixels:
    """Of an array, a frame, or anything that media opens; copied only where pixels do not lie together."""
    _check_choice("pixel_format", pixel_format, tuple(_CHANNELS))
    if type(image) is not np.ndarray:
        from mlx_saccade import media
        from mlx_saccade.media import arrays

        if not arrays.is_array(image):
            if pixel_format != "rgb":
                said = f"pixel_format is {pixel_format!r} and image no array"
                raise InputError(f"{said}; media opens other forms as 'rgb'")
            stored = media.open_image(image, at_least=at_least).stored
            return _Pixels(stored, "rgba" if stored.shape[2] == 4 else "rgb")
        image = arrays.as_numpy(image)
    array: NDArray[Any] = image
    channels = _CHANNELS[pixel_format]
    shaped = array.ndim == 2 if channels == 1 else array.ndim == 3 and array.shape[2] == channels
    if array.dtype != np.uint8 or not shaped:
        raise InputError(
            f"image must be a uint8 array {_SHAPES.get(pixel_format, '[height, width]')}; got {array.dtype} "
            f"{array.shape}; mlx_saccade.media.open_image converts other forms"
        )
    together = array.strides[1] == channels and (channels == 1 or array.strides[2] == 1)
    as_it_lies = together and array.strides[0] >= channels * array.shape[1]
    return _Pixels(array if as_it_lies else np.ascontiguousarray(array), pixel_format)


def _check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    """Refuse what is none of the known words; an array compared with one is neither true nor false."""
    if not isinstance(value, str) or value not in known:
        *others, last = map(repr, known)
        raise InputError(f"{name} is {brief(value)}; it must be {', '.join(others)} or {last}")


def resize(
    image: Any,
    size: tuple[int, int],
    *,
    pass_order: PassOrder = "pillow13",
    pixel_format: PixelFormat = "rgb",
) -> NDArray[np.uint8]:
    """Resample an image as Pillow's `Image.resize(size, BICUBIC)` does with its RGB form, bit for bit.

    Args:
        image: uint8 array as `pixel_format` says, a `media.Frame`, or anything `media.open_image` takes. An array,
            NumPy's or one that NumPy reads, is read where it lies, rows apart or not (a crop, a padded buffer); only
            where the pixels of a row do not follow each other, or rows go backwards, is it copied first.
        size: (width, height) of the result, each at least 1; enlarging is fine.
        pass_order: the passes round to 8 bits between them, so their order shows. "pillow13": vertical first where
            that is less work, as Pillow 13.0; "horizontal": always horizontal first, as Pillow up to 12.1 (12.2
            and 12.3 too, but for sources over 100 times as tall as wide).
        pixel_format: of an array: "rgb" [height, width, 3]; "rgba" or "bgra" [height, width, 4], as screens are
            captured; "grey" [height, width], the same as three equal channels. A fourth byte is ignored: nothing is
            blended, and colors that were multiplied with an alpha stay so. `media.open_image` blends, with
            `background`.

    Returns:
        uint8 [height, width, 3], RGB.

    Raises:
        InputError: an array of another dtype or shape, an impossible size, an unknown pass order or pixel format.
    """
    try:
        width, height = map(validation.integer, size)
    except (TypeError, ValueError):
        width = height = None
    if width is None or height is None:
        raise InputError(f"size is {brief(size)}; it must be (width, height) in pixels, two integers")
    if max(abs(width), abs(height)) >= 2**63:
        raise InputError("size has a side that does not fit 64 bits; its sides must be from 1 to 67108864")
    _check_choice("pass_order", pass_order, get_args(PassOrder))
    pixels = _pixels(image, pixel_format)
    return _core.resize(pixels.array, width, height, pass_order, pixels.pixel_format)


def _planned(image: Any, plan: Plan, pixel_format: str) -> _Pixels:
    """The pixels of the image that a plan was made for."""
    if plan.frames != 1:
        raise InputError(f"the plan is of a video, {plan.frames} frames of its grid; give the plan of one image")
    pixels = _pixels(image, pixel_format, plan.decoded_size and plan.resized_size)
    wanted = plan.decoded_size or tuple(plan.source_size)
    if pixels.size != wanted:
        (width, height), planned = pixels.size, "x".join(map(str, wanted))
        raise InputError(f"image is {width}x{height}; the plan was made for {planned}; plan this image anew")
    return pixels


def _all_planned(images: Sequence[Any], plans: Sequence[Plan], pixel_format: str) -> list[_Pixels]:
    """As `_planned` of each; what is wrong is said of images[i]. All plans have to be of one family."""
    if not plans or len(images) != len(plans):
        raise InputError(f"there are {len(images)} images and {len(plans)} plans; give one plan for each, at least one")
    pixels = []
    for i, (image, plan) in enumerate(zip(images, plans, strict=True)):
        if plan.family != plans[0].family:
            raise InputError(
                f"plans[{i}] is for {plan.family.name} and plans[0] for {plans[0].family.name}, or differs in its "
                "values; patches of one call are for one model"
            )
        try:
            pixels.append(_planned(image, plan, pixel_format))
        except InputError as error:
            raise InputError(f"images[{i}]: {error}") from None
    return pixels


def patchify(
    image: Any,
    plan: Plan | Sequence[Plan],
    layout: Literal["native", "reference"] = "native",
    *,
    pass_order: PassOrder = "pillow13",
    pixel_format: PixelFormat = "rgb",
) -> NDArray[Any]:
    """Resize an image, or several, as planned and cut them into the patches a vision tower reads.

    Args:
        image: the image the plan was made for, in any form that `resize` takes; or a list of images, which all
            threads then work on together.
        plan: its `mlx_saccade.plan(...)`; for a list of images a list of as many plans, of one family.
        layout: "native": uint8 [patches, 3 * patch_size ** 2], one frame, each patch (channel, y, x), in window order
            (in merge-block order where the family has no windows). "reference": float32
            [patches, 3 * temporal_patch_size * patch_size ** 2], normalized, each patch (channel, frame, y, x), in
            merge-block order: what transformers' Pillow image processor makes, bit for bit.
        pass_order: as in `resize`.
        pixel_format: as in `resize`, of all images.

    Returns:
        The patches; 588 values each natively and 1,176 in the reference layout for a patch size of 14. Those of
        several images in one array, one image after the other, as a vision tower takes them: image i has
        `plan[i].patches` of them, and the bytes are those of a call of its own.

    Raises:
        InputError: an image of another size than its plan's, another dtype or shape, an unknown layout or pixel
            format, images and plans that are not as many, plans of several families, the plan of a video.
    """
    _check_choice("layout", layout, ("native", "reference"))
    several = isinstance(image, list | tuple)
    if several != isinstance(plan, list | tuple):
        raise InputError("image and plan must be one of each, or a list of each")
    _check_choice("pass_order", pass_order, get_args(PassOrder))
    plans = cast("Sequence[Plan]", plan if several else [plan])
    for i, one in enumerate(plans):
        if not isinstance(one, Plan):
            raise InputError(
                f"plan{f's[{i}]' if several else ''} is {brief(one)}; give what mlx_saccade.plan(...) returned"
            )
    pixels = _all_planned(image, plans, pixel_format) if several else [_planned(image, plans[0], pixel_format)]
    arrays, formats = [one.array for one in pixels], [one.pixel_format for one in pixels]
    sizes = [one.resized_size for one in plans]
    family = plans[0].family
    if layout == "native":
        cut = (family.patch_size, family.merge_size, family.window_size or 0)
        return _core.native_patches_batch(arrays, sizes, pass_order, *cut, formats)
    cut = (family.patch_size, family.merge_size, family.temporal_patch_size)
    return _core.reference_patches_batch(arrays, sizes, pass_order, *cut, family.mean, family.std, formats)
