"""Read the sizes of all images from their headers, and compare them with those that a data set states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from mlx_saccade import validation
from mlx_saccade.errors import InputError, brief, quantity
from mlx_saccade.evals.datasets.images import ImageFolders, stored_size, upright_size
from mlx_saccade.evals.datasets.records import Fault, Record, Tally
from mlx_saccade.media.sources import short

__all__ = ["Advance", "Missing", "Size", "read_sizes", "size_of"]

Missing = Literal["refuse", "skip", "keep"]
"""What a missing image does: refuse the data set, leave out its targets, or keep those whose image's size is stated."""
Advance = Callable[[int, int], None]
"""Takes the number of images looked at and that of all of them."""
Size = tuple[int, int]
"""(width, height) in pixels."""


def read_sizes(
    name: str,
    records: Sequence[Record],
    folders: ImageFolders,
    files: dict[str, Path],
    oddities: Tally,
    missing: Missing,
    advance: Advance,
) -> dict[str, Size | str]:
    """Return (width, height) of each image by its name, or in words why it has none.

    Args:
        name: the data set, for messages.
        records: those whose images are looked at.
        folders: where they are looked for.
        files: takes the path of each image by its name.
        oddities: takes the images that are missing and kept.
        missing: what a missing or unreadable image does.
        advance: called after each image.

    Raises:
        InputError: `missing` is "refuse", and an image is missing or unreadable.
    """
    images: dict[str, Record] = {}
    for record in records:
        images.setdefault(record.image, record)
    sizes: dict[str, Size | str] = {}
    for count, image in enumerate(images, 1):
        path = folders.find(image)
        if path is None:
            sizes[image] = "no such file"
        else:
            try:
                sizes[image] = upright_size(path)
                files[image] = path
            except (InputError, OSError) as error:
                sizes[image] = str(error)
        advance(count, len(images))
    without = [image for image, size in sizes.items() if isinstance(size, str)]
    if without and missing == "refuse":
        first = images[without[0]]
        targets = sum(isinstance(sizes[record.image], str) for record in records)
        reason = sizes[first.image]
        raise InputError(
            f"{name}: expected {quantity(len(images), 'image')}; {len(without)} of them missing or unreadable, "
            f"the first {brief(first.image)} ({first.where}: {reason}), looked for in {folders}. "
            f"Name their folder with images= (--images), or leave {quantity(targets, 'target')} out with "
            "missing='skip' (--skip-missing)"
        )
    if missing == "keep":
        known = {image: size for image in without if (size := _stated_size(images[image])) is not None}
        sizes |= known
        for record in records:
            if record.image in known:
                oddities.add("a missing image", f"{record.where} ({short(record.image)})")
    return sizes


def _stated_size(record: Record) -> Size | None:
    """Return the size of the image that a record states; None if it states none, or no two whole numbers."""
    value = record.image_size
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    width, height = (validation.integer(side) for side in value)
    return None if width is None or height is None or min(width, height) < 1 else (width, height)


def size_of(record: Record, sizes: dict[str, Size | str], files: dict[str, Path]) -> Size | Fault:
    """Return the size of a record's image, checked against the one that the record states."""
    size = sizes[record.image]
    if isinstance(size, str):
        return Fault("a missing or unreadable image", f"{short(record.image)}: {size}")
    stated = _stated_size(record)
    if stated is None or stated == size:
        return size
    path = files.get(record.image)
    if path is not None and stored_size(path) == stated:
        return Fault(
            "an image that its EXIF orientation turns",
            f"{short(record.image)}: expected the stated {stated[0]}x{stated[1]} upright; got {size[0]}x{size[1]}",
        )
    return Fault(
        "an image of another size than stated",
        f"{short(record.image)}: expected {stated[0]}x{stated[1]}; got {size[0]}x{size[1]}",
    )
