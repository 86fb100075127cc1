"""Recognize image files by their names and headers, alone and in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from mlx_saccade.errors import InputError
from mlx_saccade.files import is_image_name

__all__ = ["images_in", "is_image"]

_ANY_PIXELS = 10**12


def is_image(path: str | os.PathLike[str]) -> bool:
    """Return True if a file has the header of an image, of any size; what follows the header may be broken."""
    from mlx_saccade.media import image_size

    try:
        image_size(path, max_pixels=_ANY_PIXELS)
    except (InputError, OSError):
        return False
    return True


def images_in(folder: str | os.PathLike[str]) -> tuple[list[str], list[str]]:
    """Return the images of a folder and the names of all else, both sorted by name.

    An image is a file whose name ends as those of images do and does not begin with a dot. Folders inside are not
    read.

    Raises:
        OSError: the folder cannot be read.
    """
    images: list[str] = []
    others: list[str] = []
    for path in sorted(Path(folder).iterdir(), key=lambda one: one.name):
        if is_image_name(path) and not path.name.startswith(".") and not path.is_dir():
            images.append(str(path))
        else:
            others.append(path.name + ("/" if path.is_dir() else ""))
    return images, others
