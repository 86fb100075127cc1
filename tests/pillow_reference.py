"""Resize with Pillow in the pass order of any of its versions: the reference of `saccade.resize`."""

from __future__ import annotations

from typing import get_args

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.preprocess.patchify import PassOrder


def pillow(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize with the installed Pillow, bicubic."""
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def as_version(version: str, image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize with saccade in the pass order of a version of Pillow."""
    number = tuple(int(part) for part in version.split(".")[:2])
    if number >= (13, 0):
        return saccade.resize(image, size)
    height, width = image.shape[:2]
    if number >= (12, 2) and height > 100 * width and size[1] < height:
        # Only for these strips 12.2 and 12.3 run the vertical pass first.
        image = saccade.resize(image, (width, size[1]), pass_order="horizontal")
    return saccade.resize(image, size, pass_order="horizontal")


def as_installed(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize with saccade in the pass order of the installed Pillow."""
    return as_version(PIL.__version__, image, size)


ORDERS = get_args(PassOrder)


def by_axes(image: NDArray[np.uint8], size: tuple[int, int], first: str) -> NDArray[np.uint8]:
    """Resize one axis at a time with Pillow, so that no version chooses the order."""
    width, height = size
    between = (width, image.shape[0]) if first == "horizontal" else (image.shape[1], height)
    return pillow(pillow(image, between), size)


def in_order(image: NDArray[np.uint8], size: tuple[int, int], pass_order: str) -> NDArray[np.uint8]:
    """Resize with any version of Pillow in one of saccade's two pass orders."""
    (height, width), (new_width, new_height) = image.shape[:2], size
    vertical = new_height < height and height - new_height > 2 * (width - new_width)
    return by_axes(image, size, "vertical" if vertical and pass_order == "pillow13" else "horizontal")
