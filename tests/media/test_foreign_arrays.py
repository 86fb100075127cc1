"""Arrays of other libraries: read where they lie by all that takes an image, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pictures import noise

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.errors import InputError
from mlx_saccade.media import arrays

PIXELS = noise(90, 60)
PLAN = saccade.plan((90, 60))


class Lender:
    """What a library may offer of an array, and nothing else: no length, no items, no shape."""

    def __init__(self, array: np.ndarray) -> None:
        self._lent = array


class ByDLPack(Lender):
    def __dlpack__(self, **options: Any) -> Any:
        return self._lent.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._lent.__dlpack_device__()


class ByArray(Lender):
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._lent


class ByInterface(Lender):
    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self._lent.__array_interface__


class ByInterfaceOfItsOwn(Lender):
    def __init__(self, array: np.ndarray) -> None:
        super().__init__(array)
        self.__array_interface__ = array.__array_interface__


class OnAnotherDevice(ByDLPack):
    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("the device is cuda:0")


class Refusing(ByArray):
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError("Implicit conversion\nis not allowed.")


CALLS: tuple[Callable[[Any], object], ...] = (
    media.open_image,
    media.image_size,
    saccade.plan,
    lambda image: saccade.resize(image, (28, 28)),
    lambda image: saccade.patchify(image, PLAN),
    lambda image: media.Video([image], 1),
    lambda image: media.Video(image, 1),
)


@pytest.mark.parametrize("kind", [ByDLPack, ByArray, ByInterface, ByInterfaceOfItsOwn])
def test_all_that_takes_an_image_takes_them_without_a_copy(kind: type[Lender]) -> None:
    image = kind(PIXELS)
    assert np.shares_memory(media.open_image(image).stored, PIXELS)
    assert np.shares_memory(arrays.as_numpy(image), PIXELS)
    assert media.image_size(image) == (90, 60)
    assert media.encoded(image) is None
    assert saccade.plan(image) == PLAN
    np.testing.assert_array_equal(saccade.resize(image, (31, 17)), saccade.resize(PIXELS, (31, 17)))
    np.testing.assert_array_equal(saccade.patchify(image, PLAN), saccade.patchify(PIXELS, PLAN))
    rgba = noise(90, 60, 4)
    expected = saccade.resize(rgba, (31, 17), pixel_format="bgra")
    np.testing.assert_array_equal(saccade.resize(kind(rgba), (31, 17), pixel_format="bgra"), expected)
    video = media.Video(kind(np.stack([PIXELS, PIXELS])), 2)
    assert (len(video.frames), video.size) == (2, (90, 60))


def test_arrays_of_mlx() -> None:
    mx = pytest.importorskip("mlx.core")
    image = mx.array(PIXELS)
    assert saccade.plan(image) == PLAN
    np.testing.assert_array_equal(media.open_image(image).pixels, PIXELS)
    np.testing.assert_array_equal(saccade.patchify(image, PLAN), saccade.patchify(PIXELS, PLAN))
    for read in CALLS[:5]:
        with pytest.raises(InputError, match="bfloat16"):
            read(image.astype(mx.bfloat16))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (OnAnotherDevice(PIXELS), r"^array of type OnAnotherDevice is none that NumPy reads \(the device is cuda:0\)"),
        (Refusing(PIXELS), r"none that NumPy reads \(Implicit conversion is not allowed\.\); copy it to the CPU's mem"),
        (np.ma.masked_equal(PIXELS, 0), "^array is masked; fill it first"),
    ],
)
@pytest.mark.parametrize("read", CALLS)
def test_what_numpy_cannot_read_is_refused_by_all(image: Any, message: str, read: Callable[[Any], object]) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(image)
    assert "\n" not in str(caught.value)


def test_a_picture_is_no_film() -> None:
    from PIL import Image

    with pytest.raises(InputError, match="video: an Image holds no frames"):
        media.Video(Image.fromarray(PIXELS), 1)
