"""Check regions of images: rectangles (x, y, width, height) in pixels, as window systems and PyAutoGUI write them."""

from __future__ import annotations

from typing import Any

from mlx_saccade import validation
from mlx_saccade.errors import InputError, brief

__all__ = ["Region", "check_form", "check_inside"]

Region = tuple[int, int, int, int]
"""(x, y, width, height): the left upper corner and the size, in whole pixels."""


def check_form(region: Any, name: str = "region") -> Region:
    """Return a region of four whole numbers with a width and height of at least 1.

    Raises:
        InputError: another form; the message begins with `name`.
    """
    try:
        numbers = [validation.integer(value) for value in region]
    except TypeError:
        numbers = []
    x, y, width, height = numbers if len(numbers) == 4 else [None] * 4
    if x is None or y is None or width is None or height is None:
        raise InputError(f"{name}: expected (x, y, width, height) in whole pixels; got {brief(region)}")
    if width < 1 or height < 1:
        raise InputError(
            f"{name}: expected (x, y, width, height) with sides of at least 1; got {brief(region)}. "
            "The last two numbers are a size, not a corner"
        )
    return x, y, width, height


def check_inside(region: Any, size: tuple[int, int], name: str = "region") -> Region:
    """Return a region that lies inside an image of a size (width, height).

    Raises:
        InputError: another form, or a region that leaves the image; the message has the image's size.
    """
    x, y, width, height = check_form(region, name)
    if x < 0 or y < 0 or x + width > size[0] or y + height > size[1]:
        raise InputError(
            f"{name}: expected (x, y, width, height) inside the image of {size[0]}x{size[1]}; got "
            f"{brief((x, y, width, height))}, from {brief((x, y))} to {brief((x + width, y + height))}. "
            "Give it in pixels of this image"
        )
    return x, y, width, height
