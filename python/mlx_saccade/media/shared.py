"""The pixels of a Pillow image where Pillow keeps them, without a copy.

Pillow stores RGB with four bytes a pixel. From 11.3 on it lends that memory through Arrow's C data interface
(https://arrow.apache.org/docs/format/CDataInterface.html), if the image lies in one of its blocks: up to 16 MB, 4.2
million pixels, unless a program has changed Pillow's block size, or the image was decoded here (`decode.load`).
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["borrow"]


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


class _Lent:
    """Memory in NumPy's array interface; an array made of it keeps this object, and so the capsule, alive."""

    def __init__(self, capsule: Any, address: int, shape: tuple[int, int, int]) -> None:
        self.capsule = capsule
        self.__array_interface__ = {"version": 3, "typestr": "|u1", "shape": shape, "data": (address, True)}


def borrow(image: Image.Image) -> npt.NDArray[np.uint8] | None:
    """The memory of a decoded image of mode RGB or RGBA.

    Returns:
        uint8 [height, width, 4], read-only: red, green, blue, and alpha or a byte without meaning; None where this
        Pillow or this image does not allow it. What is later drawn into the image shows.
    """
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
    return np.asarray(_Lent(capsule, address, (height, width, 4)))
