"""Find and select the pages of a TIFF or PDF; every other file has one page, the first frame of an animation."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from mlx_saccade.errors import InputError
from mlx_saccade.media.decode import BROKEN

__all__ = ["frames", "page_frames", "select"]

_MAX_DIRECTORIES = 1 << 16
_MAX_ENTRIES = 1 << 16
_SUBFILE_TYPE, _SHORT = 254, 3
# Bits of the subfile type: a smaller copy of another page, and a mask of transparency.
_NO_PAGE = 0b101
_PROFILE = 34675
_ANIMATIONS = frozenset(("GIF", "PNG", "WEBP", "AVIF"))


def frames(image: Any, stream: BinaryIO | None) -> list[int]:
    """Return the frames of an opened image that are pages; of one that the caller opened, only the first."""
    if stream is not None and image.format == "TIFF":
        return page_frames(stream)
    return list(range(image.n_frames)) if image.format == "PDF" else [0]


def page_frames(stream: BinaryIO) -> list[int]:
    """Return the directories of a TIFF that are pages, by their number in the file.

    Smaller copies of a page and masks are left out. A damaged chain of directories ends where it is damaged.

    Args:
        stream: seekable; its position is kept.
    """
    position = stream.tell()
    numbers, places = [0], set[int]()
    stream.seek(0)
    head = stream.read(16)
    order, is_big = "<" if head[:2] == b"II" else ">", b"+" in head[2:4]
    try:
        place = _number(order, is_big, head[8:16] if is_big else head[4:8])
        while place and place not in places and len(places) < _MAX_DIRECTORIES:
            kind, next_place = _directory(stream, place, order, is_big)
            if places and not kind & _NO_PAGE:
                numbers.append(len(places))
            places.add(place)
            place = next_place
    except (struct.error, ValueError, OverflowError, OSError):
        pass
    stream.seek(position)
    return numbers


def select(image: Any, stream: BinaryIO | None, page: int, origin: str) -> tuple[str, ...]:
    """Turn an opened image to a page.

    Args:
        image: opened by Pillow, its pixels not decoded.
        stream: the file; None for an image that the caller opened.
        page: number of the page, from 1.
        origin: for messages.

    Returns:
        A note, if the file has other pages, or is an animation.

    Raises:
        InputError: there is no such page, or it is broken.
    """
    numbers = frames(image, stream)
    count = len(numbers)
    if page > count:
        pages = "1, its only page" if count == 1 else f"1 to {count}, as it has {count} pages"
        raise InputError(f"{origin}: page: expected {pages}; got {page}")
    if numbers[page - 1]:
        try:
            image.seek(numbers[page - 1])
        except BROKEN as error:
            raise InputError(f"{origin}: page {page} of {count} is broken ({error}); save it again") from None
        if image.format == "TIFF" and _PROFILE not in image.tag_v2:
            image.info.pop("icc_profile", None)  # of the first page
    if count > 1:
        return (f"{origin}: only page {page} of {count} pages was read",)
    return (
        (f"{origin}: only the first frame of its animation was read",)
        if stream is not None and _is_animation(image)
        else ()
    )


def _is_animation(image: Any) -> bool:
    """Return True for a file of several frames; the second of a JPEG (MPO) is another view of the same."""
    if image.format not in _ANIMATIONS:
        return False
    try:
        return bool(image.is_animated)
    except BROKEN:  # the second frame of a GIF, which is not read
        return False


def _directory(stream: BinaryIO, place: int, order: str, is_big: bool) -> tuple[int, int]:
    """Return the subfile type of a directory, 0 if it has none, and the place of the next directory."""
    entry, value = (20, 12) if is_big else (12, 8)
    stream.seek(place)
    (count,) = struct.unpack(order + ("Q" if is_big else "H"), stream.read(8 if is_big else 2))
    if count > _MAX_ENTRIES:
        raise ValueError("too many entries")
    entries = stream.read(count * entry)
    next_place = _number(order, is_big, stream.read(8 if is_big else 4))
    for at in range(0, len(entries), entry):
        tag, kind = struct.unpack_from(order + "HH", entries, at)
        if tag == _SUBFILE_TYPE:
            (number,) = struct.unpack_from(order + ("H" if kind == _SHORT else "L"), entries, at + value)
            return number, next_place
    return 0, next_place


def _number(order: str, is_big: bool, data: bytes) -> int:
    (number,) = struct.unpack(order + ("Q" if is_big else "L"), data)
    return int(number)
