"""Convert arrays to images: which shapes and dtypes are read, what their values mean, and pixels shared without a copy.

NumPy is imported where it is used: the size of a file is read without it.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from mlx_saccade.errors import InputError
from mlx_saccade.media import pixel_formats
from mlx_saccade.media.color import over
from mlx_saccade.media.pixel_formats import PixelFormat

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Pixels", "array_size", "as_numpy", "borrow", "from_array", "is_array", "to_array"]

_CHANNELS = (1, 3, 4)
_NUMPY = ("__array__", "__array_interface__", "__array_struct__")
_MAX_REASON = 120


def array_size(array: npt.NDArray[Any]) -> tuple[int, int]:
    """Return (width, height) of an image array.

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


class Pixels(NamedTuple):
    """The pixels of an array as a frame stores them.

    Attributes:
        stored: uint8 [h, w, 3], or [h, w, 4] with a fourth byte that means nothing; C-contiguous, read-only.
        is_bgr: True if blue comes first.
        notes: what was set aside, in words.
    """

    stored: npt.NDArray[np.uint8]
    is_bgr: bool = False
    notes: tuple[str, ...] = ()


def from_array(
    array: npt.NDArray[Any], *, pixel_format: PixelFormat, background: tuple[int, int, int] | None
) -> Pixels:
    """Return red, green and blue of an image array.

    Args:
        array: as many channels as `pixel_format` says, last; [h, w] or [h, w, 1] for grey. uint8: as it is; uint16:
            x 1/257, to the nearest; float16, float32, float64 in 0..1: x 255, to the nearest, half to even; bool: 0
            or 255.
        pixel_format: order of the channels. Alpha that is 0 everywhere in "bgra" is padding, with a note: screens are
            not transparent, and many captures leave the byte unset.
        background: what shows through alpha; None drops alpha.

    Returns:
        The pixels, in the array's own memory where it already has one of their forms.

    Raises:
        InputError: another shape or dtype, no pixels, NaN, infinity, or floats outside 0..1.
    """
    import numpy as np

    array_size(array)
    pixels, is_bgr = _eight_bit(array), pixel_formats.is_bgr(pixel_format)
    notes: tuple[str, ...] = ()
    if pixel_format == "grey":
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    elif pixel_format == "bgr":
        pixels, is_bgr = pixels[:, :, ::-1], False
    elif pixel_formats.has_alpha(pixel_format) and background is not None:
        alpha = pixels[:, :, 3]
        least = alpha.min()
        if is_bgr and least == 0 and not alpha.any():
            notes = (f"array: the fourth byte of all its pixels is 0, and was read as padding of {pixel_format!r}",)
        elif least < 255:
            rgb = pixels[:, :, 2::-1] if is_bgr else pixels[:, :, :3]
            pixels, is_bgr = _over(rgb, alpha, background), False
    frozen = np.ascontiguousarray(pixels).view()
    frozen.flags.writeable = False
    return Pixels(frozen, is_bgr, notes)


def to_array(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Copy the pixels of a Pillow image of mode RGB or RGBA: uint8 [h, w, 3 or 4], C-contiguous, read-only."""
    import numpy as np

    pixels: npt.NDArray[np.uint8] = np.ascontiguousarray(np.asarray(image, dtype=np.uint8))
    pixels.flags.writeable = False
    return pixels


def _eight_bit(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    import numpy as np

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
    import numpy as np

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


def _over(
    rgb: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8], background: tuple[int, int, int]
) -> npt.NDArray[np.uint8]:
    import numpy as np

    top, mask = (Image.fromarray(np.ascontiguousarray(part)) for part in (rgb, alpha))
    return to_array(over(top, mask, background))


def is_array(source: object) -> bool:
    """Return True for NumPy's arrays and for what NumPy reads, by DLPack too; NumPy is not imported."""
    # A Pillow image offers itself too, and `media` knows it better.
    if isinstance(source, Image.Image):
        return False
    return _is_screenshot(source) or any(_offers(source, name) for name in (*_NUMPY, "__dlpack__"))


def as_numpy(source: Any) -> npt.NDArray[Any]:
    """Return a plain NumPy array of what `is_array` accepts; the memory is shared where its library allows it.

    Raises:
        InputError: masked, not in the CPU's memory, or of a type of value that NumPy has not.
    """
    import numpy as np

    if type(source) is np.ndarray:
        return source
    if np.ma.isMaskedArray(source):
        raise InputError("array is masked; fill it first: array.filled(...)")
    try:
        if any(_offers(source, name) for name in _NUMPY):
            return np.asarray(source)
        if _is_screenshot(source):
            width, height = source.size
            return np.frombuffer(source.bgra, np.uint8).reshape(height, width, 4)
        read: npt.NDArray[Any] = np.from_dlpack(source)
    except (TypeError, ValueError, BufferError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:_MAX_REASON] or type(error).__name__
        raise InputError(
            f"array of type {type(source).__name__} is none that NumPy reads ({reason}); "
            "copy it to the CPU's memory first, as a NumPy array"
        ) from None
    return read


def _is_screenshot(source: object) -> bool:
    """Return True for a screenshot of mss, of a version without NumPy's protocol too."""
    return pixel_formats.own_format(source) is not None


def _offers(source: object, name: str) -> bool:
    """Return True if there is an attribute of a name, without reading it: reading may convert the array."""
    return hasattr(type(source), name) or name in getattr(source, "__dict__", ())


class _ArrowArray(ctypes.Structure):
    """`struct ArrowArray` of the C data interface, as far as it is read here."""


_ArrowArray._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_ArrowArray))),
]

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype = ctypes.c_void_p
_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


class _Shared:
    """Memory in NumPy's array interface; an array made of it keeps this object, and so the capsule, alive."""

    def __init__(self, capsule: Any, address: int, shape: tuple[int, int, int]) -> None:
        self.capsule = capsule
        self.__array_interface__ = {"version": 3, "typestr": "|u1", "shape": shape, "data": (address, True)}


def borrow(image: Image.Image) -> npt.NDArray[np.uint8] | None:
    """Return the memory of a decoded image of mode RGB or RGBA, without a copy.

    Returns:
        uint8 [height, width, 4], read-only: red, green, blue, and alpha or a byte without meaning; None where this
        Pillow or this image does not allow it. What is later drawn into the image shows.
    """
    import numpy as np

    if image.mode not in ("RGB", "RGBA") or not hasattr(image, "__arrow_c_array__"):
        return None
    try:
        _, capsule = image.__arrow_c_array__()
    except ValueError:  # the rows lie in several blocks
        return None
    array = _ArrowArray.from_address(_pointer(capsule, b"arrow_array"))
    width, height = image.size
    # A list of four bytes for every pixel; the bytes are its only child.
    if array.n_children != 1 or array.offset or array.length != width * height:
        return None
    values = array.children[0].contents
    address = values.buffers[1] if values.n_buffers == 2 else None
    if address is None or values.offset or values.length != 4 * width * height:
        return None
    return np.asarray(_Shared(capsule, address, (height, width, 4)))
