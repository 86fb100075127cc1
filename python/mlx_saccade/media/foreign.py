"""Arrays of any library, as NumPy sees them: the one door for `media` and `patches`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["as_numpy", "is_array"]

_NUMPY = ("__array__", "__array_interface__", "__array_struct__")
_LONGEST = 120


def is_array(source: object) -> bool:
    """Whether something is an array of NumPy's, or offers itself to NumPy or by DLPack; NumPy is not imported."""
    # A Pillow image offers itself too, and `media` knows it better.
    return not isinstance(source, Image.Image) and any(_offers(source, name) for name in (*_NUMPY, "__dlpack__"))


def as_numpy(source: Any) -> npt.NDArray[Any]:
    """What `is_array` is true of as a plain NumPy array: the same memory where its library lends that.

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
        read: npt.NDArray[Any] = np.from_dlpack(source)
    except (TypeError, ValueError, BufferError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
        raise InputError(
            f"array of type {type(source).__name__} is none that NumPy reads ({reason}); "
            "copy it to the CPU's memory first, as a NumPy array"
        ) from None
    return read


def _offers(source: object, name: str) -> bool:
    """Whether it has an attribute, which is not read: what is offered may be made in that moment."""
    return hasattr(type(source), name) or name in getattr(source, "__dict__", ())
