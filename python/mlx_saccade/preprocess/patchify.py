"""Resizing equal to Pillow's or torchvision's BICUBIC, and the two patch layouts that vision towers take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import _core, validation
from mlx_saccade.errors import InputError, brief
from mlx_saccade.gpu import choice
from mlx_saccade.gpu.choice import Device
from mlx_saccade.preprocess.plan import Plan

if TYPE_CHECKING:
    from mlx_saccade.media.pixel_formats import PixelFormat

__all__ = ["Backend", "check_backend", "patchify", "resize"]

Backend = Literal["pillow", "torchvision"]
PassOrder = Literal["pillow13", "horizontal"]
# The core ignores a fourth byte, whatever it is called.
_CORE_FORMATS = {"rgb": "rgb", "rgba": "rgba", "rgbx": "rgba", "bgra": "bgra", "bgrx": "bgra", "grey": "grey"}


@dataclass(frozen=True)
class _Pixels:
    """An array that the core reads in place, and its pixel format by the core's name."""

    array: NDArray[np.uint8]
    pixel_format: str

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height)."""
        return self.array.shape[1], self.array.shape[0]


def _pixels(image: Any, pixel_format: PixelFormat | None, at_least: tuple[int, int] | None = None) -> _Pixels:
    """Return the pixels of an array, a frame or any source that media opens, copied only if the core cannot read it."""
    from mlx_saccade.media import arrays, pixel_formats
    from mlx_saccade.media.image import check_format, open_image

    check_format(image, pixel_format)
    if not arrays.is_array(image):
        frame = open_image(image, at_least=at_least)
        return _Pixels(frame.stored, "bgra" if frame.order == "bgr" else "rgb" + "a" * (frame.stored.shape[2] == 4))
    array: NDArray[Any] = arrays.as_numpy(image)
    arrays.array_size(array)
    chosen = pixel_formats.of_array(image, array.shape, pixel_format)
    if array.dtype != np.uint8:
        raise InputError(
            f"image: expected a uint8 array; got {array.dtype} {array.shape}. "
            "mlx_saccade.media.open_image converts other types"
        )
    channels = pixel_formats.CHANNELS[chosen]
    if chosen == "grey":
        array = array.reshape(array.shape[:2])
    if chosen == "bgr":
        return _Pixels(np.ascontiguousarray(array[:, :, ::-1]), "rgb")
    contiguous_rows = array.strides[1] == channels and (channels == 1 or array.strides[2] == 1)
    in_place = contiguous_rows and array.strides[0] >= channels * array.shape[1]
    return _Pixels(array if in_place else np.ascontiguousarray(array), _CORE_FORMATS[chosen])


def _check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    """Refuse an unknown word."""
    # The type first: comparing an array with a string is neither true nor false.
    if not isinstance(value, str) or value not in known:
        *others, last = map(repr, known)
        raise InputError(f"{name}: expected {', '.join(others)} or {last}; got {brief(value)}")


def check_backend(backend: Backend) -> None:
    """Check the name of a backend.

    Raises:
        InputError: the backend is unknown.
    """
    _check_choice("backend", backend, get_args(Backend))


def _core_backend(backend: Backend, pass_order: PassOrder | None) -> str:
    """Return the core's name of a backend with its order of passes."""
    check_backend(backend)
    if pass_order is not None:
        _check_choice("pass_order", pass_order, get_args(PassOrder))
    if backend == "torchvision":
        if pass_order == "pillow13":
            raise InputError(
                "pass_order: expected 'horizontal' or None for backend 'torchvision', which is always horizontal "
                "first; got 'pillow13'. Leave it out"
            )
        return "torchvision"
    return "pillow12" if pass_order == "horizontal" else "pillow13"


def resize(
    image: Any,
    size: tuple[int, int],
    *,
    backend: Backend = "pillow",
    pass_order: PassOrder | None = None,
    pixel_format: PixelFormat | None = None,
) -> NDArray[np.uint8]:
    """Resize an image, with the same bytes as Pillow's or torchvision's BICUBIC of its RGB form.

    Args:
        image: uint8 array in `pixel_format`, a `media.Frame`, or any source that `media.open_image` takes. An array is
            read in place, crops and padded rows included. It is copied only if it is "bgr", the pixels of a row are
            not contiguous or the rows go backwards.
        size: (width, height) of the result in pixels, each at least 1; it may be larger than the image.
        backend: library whose bytes are computed. "pillow" (default) is `Image.resize(size, BICUBIC)`. "torchvision" is
            `torchvision.transforms.v2.functional.resize(image, size, BICUBIC, antialias=True)` of a uint8 tensor on a
            CPU, from torchvision 0.16 on. transformers uses torchvision where it is installed.
        pass_order: order of Pillow's two passes, which round to 8 bits between them. "pillow13" (default) is vertical
            first where that is less work, as Pillow 13.0. "horizontal" is horizontal first, as Pillow up to 12.1, and
            as 12.2 and 12.3 except for sources over 100 times as tall as wide. torchvision is always horizontal first.
        pixel_format: order of an array's channels, by the rule of `media.open_image`: "rgb", "bgr", "rgba", "bgra",
            "rgbx", "bgrx" or "grey"; None (default) is grey of one channel and RGB of three, and an array of four
            needs it. Here the fourth byte is ignored in each of them: nothing is blended, and premultiplied colors
            stay so. `media.open_image` blends "rgba" and "bgra", with `background`.

    Returns:
        uint8 [height, width, 3], RGB.

    Raises:
        InputError: the array has another dtype or shape, or four channels without a pixel format; the size is
            impossible; the backend, pass order or pixel format is unknown; or the backend has another pass order.
    """
    try:
        width, height = map(validation.integer, size)
    except (TypeError, ValueError):
        width = height = None
    if width is None or height is None:
        raise InputError(f"size: expected (width, height) in pixels, two integers; got {brief(size)}")
    if max(abs(width), abs(height)) >= 2**63:
        raise InputError("size: expected sides from 1 to 67108864; got one that does not fit 64 bits")
    core_backend = _core_backend(backend, pass_order)
    pixels = _pixels(image, pixel_format)
    return _core.resize(pixels.array, width, height, core_backend, pixels.pixel_format)


def _planned(image: Any, plan: Plan, pixel_format: PixelFormat | None) -> _Pixels:
    """Return the pixels of an image, checked against its plan."""
    if plan.frames != 1:
        raise InputError(f"plan: expected the plan of one image; got that of a video, {plan.frames} frames of its grid")
    pixels = _pixels(image, pixel_format, plan.decoded_size and plan.resized_size)
    planned_size = plan.decoded_size or tuple(plan.source_size)
    if pixels.size != planned_size:
        size, planned = ("x".join(map(str, sides)) for sides in (pixels.size, planned_size))
        raise InputError(f"image: expected the planned size, {planned}; got {size}. Plan this image again")
    return pixels


def _all_planned(images: Sequence[Any], plans: Sequence[Plan], pixel_format: PixelFormat | None) -> list[_Pixels]:
    """Return `_planned` of each image; errors name images[i], and all plans must be of one family."""
    if not plans or len(images) != len(plans):
        got = f"got {len(images)} images and {len(plans)} plans"
        raise InputError(f"plan: expected one plan per image, at least one; {got}")
    pixels = []
    for i, (image, plan) in enumerate(zip(images, plans, strict=True)):
        if plan.family != plans[0].family:
            first, got = plans[0].family.name, plan.family.name
            if got == first:
                got += " with other values"
            raise InputError(f"plans[{i}]: expected the family of plans[0], {first}; got {got}. Call once per model")
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
    backend: Backend = "pillow",
    pass_order: PassOrder | None = None,
    pixel_format: PixelFormat | None = None,
    device: Device = "auto",
) -> NDArray[Any]:
    """Resize one or several images as planned and cut them into the patches of a vision tower.

    Args:
        image: planned image, in any form that `resize` takes; or a list of images, which share all threads.
        plan: plan of the image from `mlx_saccade.plan`; for a list of images, a list of plans of one family.
        layout: "native" (default) is uint8 [patches, 3 * patch_size ** 2], one frame, each patch (channel, y, x), in
            window order, or in merge-block order for a family without windows. "reference" is float32 [patches,
            3 * temporal_patch_size * patch_size ** 2], normalized, each patch (channel, frame, y, x), in merge-block
            order, equal to the output of transformers' image processor with this backend. Gemma 4 has the reference
            layout only: 0..1, each patch (y, x, channel), in rows from left to right, without padding.
        backend: as in `resize`. The backends also normalize differently, in the reference layout.
        pass_order: as in `resize`.
        pixel_format: as in `resize`, for all images.
        device: "cpu" is the compiled core, "gpu" its GPU kernel (native layout only), with the same bytes. "auto"
            (default) takes the GPU where MLX has one that was measured to be faster, else the core. If MLX cannot run
            the kernel, a RuntimeWarning names it and the core computes.

    Returns:
        The patches: for patch size 14, 588 values each in the native layout and 1,176 in the reference layout; for
        Gemma 4 768. Several
        images share one array, one image after the other. Image i has `plan[i].patches` rows, with the bytes of a call
        for it alone.

    Raises:
        InputError: an image differs from its plan in size, or has another dtype or shape; the layout, backend, pass
            order or pixel format is unknown; the numbers of images and plans differ; the plans are of several families
            or of a video; or the device is "gpu" where MLX has none, or for the reference layout.
    """
    _check_choice("layout", layout, ("native", "reference"))
    several = isinstance(image, list | tuple)
    if several != isinstance(plan, list | tuple):
        raise InputError("image and plan: expected one of each or a list of each; got one and a list")
    core_backend = _core_backend(backend, pass_order)
    plans = cast("Sequence[Plan]", plan if several else [plan])
    for i, one in enumerate(plans):
        if not isinstance(one, Plan):
            raise InputError(
                f"plan{f's[{i}]' if several else ''}: expected the result of mlx_saccade.plan(...); got {brief(one)}"
            )
    pixels = _all_planned(image, plans, pixel_format) if several else [_planned(image, plans[0], pixel_format)]
    family = plans[0].family
    if layout == "native" and family.budgets:
        raise InputError(f"layout: expected 'reference' for {family.name}; got 'native', which no tower of it reads")
    if layout == "native":
        return _native(pixels, plans, core_backend, device)
    if choice.choose(device, "resize_patchify", 0) == "gpu":
        raise InputError("device: expected 'auto' or 'cpu' for the reference layout; got 'gpu'")
    if family.budgets:
        return _rows_of_patches(pixels, plans, core_backend)
    arrays, formats = [one.array for one in pixels], [one.pixel_format for one in pixels]
    sizes = [one.resized_size for one in plans]
    geometry = (family.patch_size, family.merge_size, family.temporal_patch_size)
    return _core.resize_patchify_reference_batch(
        arrays, sizes, core_backend, *geometry, family.mean, family.std, formats
    )


def _native(pixels: Sequence[_Pixels], plans: Sequence[Plan], core_backend: str, device: Device) -> NDArray[np.uint8]:
    """Return the native patches by the GPU kernel or by the core."""
    arrays, formats = [one.array for one in pixels], [one.pixel_format for one in pixels]
    sizes, family = [one.resized_size for one in plans], plans[0].family
    geometry = (family.patch_size, family.merge_size, family.window_size or 0)
    source_pixels = sum(width * height for width, height in (one.size for one in pixels))
    patch_bytes = sum(one.patches for one in plans) * 3 * family.patch_size**2
    elements = max(patch_bytes, sum(array.size for array in arrays))
    if choice.choose(device, "resize_patchify", source_pixels, elements) == "gpu":
        from mlx_saccade.gpu import patches

        images = [
            patches.GpuImage(array, name, size, core_backend)
            for array, name, size in zip(arrays, formats, sizes, strict=True)
        ]
        outputs = patches.resize_patchify(images, *geometry)
        if outputs is not None:
            return outputs
    return _core.resize_patchify_native_batch(arrays, sizes, core_backend, *geometry, formats)


def _rows_of_patches(pixels: Sequence[_Pixels], plans: Sequence[Plan], backend: str) -> NDArray[np.float32]:
    """Return Gemma 4's patches of several images, float32 [patches, 768] in 0..1."""
    side = plans[0].family.patch_size
    # transformers multiplies in double with Pillow, in float32 with torchvision.
    scale = np.array(1 / 255, np.float32 if backend == "torchvision" else np.float64)
    values = (np.arange(256).astype(scale.dtype) * scale).astype(np.float32)
    patches = np.empty((sum(plan.patches for plan in plans), 3 * side**2), np.float32)
    start = 0
    for image, plan in zip(pixels, plans, strict=True):
        resized = _core.resize(image.array, *plan.resized_size, backend, image.pixel_format)
        _, rows, columns = plan.grid_thw
        cut = resized.reshape(rows, side, columns, side, 3).swapaxes(1, 2)
        np.take(values, cut, out=patches[start : start + plan.patches].reshape(cut.shape))
        start += plan.patches
    return patches
