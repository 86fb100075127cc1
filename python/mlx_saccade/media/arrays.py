"""NumPy arrays as images: which ones are taken, and what their values mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mlx_saccade.errors import InputError
from mlx_saccade.media.colour import over

__all__ = ["array_size", "from_array", "to_array"]

_CHANNELS = (1, 3, 4)


def array_size(array: npt.NDArray[Any]) -> tuple[int, int]:
    """(width, height) of an image array.

    Raises:
        InputError: not [h, w], [h, w, 1], [h, w, 3] or [h, w, 4], or no pixels.
    """
    shape = array.shape
    if len(shape) == 3 and shape[0] in _CHANNELS and shape[2] > max(_CHANNELS):
        raise InputError(f"array of shape {shape}: channels come last; use array.transpose(1, 2, 0)")
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in _CHANNELS):
        raise InputError(f"array of shape {shape}: an image is [h, w], [h, w, 1], [h, w, 3] or [h, w, 4]")
    if 0 in shape:
        raise InputError(f"array of shape {shape}: has no pixels; both sides must be at least 1")
    return shape[1], shape[0]


def from_array(array: npt.NDArray[Any], *, background: tuple[int, int, int] | None) -> npt.NDArray[np.uint8]:
    """Red, green and blue of an image array.

    Args:
        array: [h, w], [h, w, 1] (grey), [h, w, 3] (RGB) or [h, w, 4] (RGBA), channels last. uint8: as it is; uint16:
            x 1/257, to the nearest; float16, float32, float64 in 0..1: x 255, to the nearest, half to even; bool: 0
            or 255.
        background: what shows through alpha; None drops alpha.

    Returns:
        uint8 [h, w, 3], C-contiguous, read-only; the array's own memory where it already has this form.

    Raises:
        InputError: another shape or dtype, no pixels, NaN, infinity, or floats outside 0..1.
    """
    array_size(array)
    pixels = _eight_bit(array)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    elif pixels.shape[2] == 4:
        pixels = _without_alpha(pixels, background)
    frozen = np.ascontiguousarray(pixels).view()
    frozen.flags.writeable = False
    return frozen


def to_array(image: Image.Image) -> npt.NDArray[np.uint8]:
    """The pixels of a Pillow image of mode RGB or RGBA: uint8 [h, w, 3 or 4], C-contiguous, read-only."""
    pixels: npt.NDArray[np.uint8] = np.ascontiguousarray(np.asarray(image, dtype=np.uint8))
    pixels.flags.writeable = False
    return pixels


def _eight_bit(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    dtype = array.dtype
    if dtype == np.uint8:
        return array
    if dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    # The kind and width, not the dtype itself: it may be in the other byte order.
    if dtype.kind == "u" and dtype.itemsize == 2:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if dtype.kind == "f" and dtype.itemsize in (2, 4, 8):
        return _from_float(array)
    raise InputError(f"array of {dtype}: an image is uint8, uint16, bool or floats in 0..1; convert it first")


def _from_float(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    least, most = float(array.min()), float(array.max())
    # min and max of an array with NaN are NaN.
    if not (np.isfinite(least) and np.isfinite(most)):
        raise InputError(f"array of {array.dtype}: holds NaN or infinity; an image is finite, in 0..1")
    if least < 0 or most > 1:
        raise InputError(
            f"array of {array.dtype}: values reach from {least:g} to {most:g}, an image's are in 0..1; "
            "scale or clip it, or convert 0..255 to uint8"
        )
    # float64, so that the product is rounded once and float16 loses nothing.
    return np.rint(array.astype(np.float64) * 255).astype(np.uint8)


def _without_alpha(pixels: npt.NDArray[np.uint8], background: tuple[int, int, int] | None) -> npt.NDArray[np.uint8]:
    if background is None:
        return pixels[:, :, :3]
    rgb, alpha = (np.ascontiguousarray(part) for part in (pixels[:, :, :3], pixels[:, :, 3]))
    return to_array(over(Image.fromarray(rgb), Image.fromarray(alpha), background))
