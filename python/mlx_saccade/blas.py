"""Find the BLAS that MLX's library calls, and give it another.

The dynamic linker writes the address of each function that a library calls into a table of that library. It chooses
them when MLX is imported; a BLAS that is loaded later changes nothing. So the table is read here, and can be written.
The format is that of 64-bit ELF, as the System V ABI describes it; elsewhere nothing is known, and nothing changed.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["direct", "library"]

# Tags of the dynamic section.
_END, _STRINGS, _SYMBOLS, _SLOTS_BYTES, _SLOTS_KIND, _SLOTS = 0, 5, 6, 2, 20, 23
_WITH_ADDEND = 7
_LINK_MAP = 2  # RTLD_DI_LINKMAP of dlinfo


class _LinkMap(ctypes.Structure):
    """A loaded library, as the dynamic linker describes it."""

    _fields_ = (("base", ctypes.c_size_t), ("name", ctypes.c_char_p), ("dynamic", ctypes.c_size_t))


class _Tag(ctypes.Structure):
    _fields_ = (("tag", ctypes.c_int64), ("value", ctypes.c_size_t))


class _Slot(ctypes.Structure):
    """A relocation with addend: where the address of which symbol goes."""

    _fields_ = (("offset", ctypes.c_size_t), ("info", ctypes.c_uint64), ("addend", ctypes.c_int64))


class _Symbol(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_uint32),
        ("kind", ctypes.c_uint8),
        ("visibility", ctypes.c_uint8),
        ("section", ctypes.c_uint16),
        ("value", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
    )


class _Address(ctypes.Structure):
    """The result of dladdr."""

    _fields_ = (
        ("path", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def library(core: str) -> str | None:
    """Return the path of the library whose matrix product MLX calls.

    Args:
        core: `mlx.core.__file__`.

    Returns:
        The path; None if it is not known, or if MLX's library has a product of its own.
    """
    address = {name: value for name, value, _ in _slots(core)}.get("cblas_sgemm")
    origin = _Address()
    if not address or not ctypes.CDLL(None).dladdr(ctypes.c_void_p(address), ctypes.byref(origin)) or not origin.path:
        return None
    path = os.fsdecode(origin.path)
    # A slot that is not bound yet leads back into MLX's own code.
    return None if Path(path).name.startswith("libmlx") else path


def direct(core: str, blas: ctypes.CDLL) -> bool:
    """Make MLX call another BLAS from now on.

    Args:
        core: `mlx.core.__file__`.
        blas: the library; it stays loaded.

    Returns:
        True if every function of BLAS that MLX calls was replaced; False if none was.
    """
    places = {name: place for name, _, place in _slots(core) if name.startswith("cblas_")}
    if not places or not all(hasattr(blas, name) and _is_writable(place) for name, place in places.items()):
        return False
    for name, place in places.items():
        function = getattr(blas, name)
        ctypes.c_size_t.from_address(place).value = ctypes.cast(function, ctypes.c_void_p).value or 0
    return True


def _slots(core: str) -> Iterator[tuple[str, int, int]]:
    """Yield (name, address, place of the address) of the functions that MLX's library calls in others."""
    path = Path(core).parent / "lib" / "libmlx.so"
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little":
        return
    try:
        mlx = ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        dlinfo = ctypes.CDLL(None).dlinfo
    except (OSError, AttributeError):
        return
    pointer = ctypes.POINTER(_LinkMap)()
    if dlinfo(ctypes.c_void_p(mlx._handle), _LINK_MAP, ctypes.byref(pointer)) != 0:
        return
    base, tags = pointer.contents.base, _tags(pointer.contents.dynamic)
    if tags.get(_SLOTS_KIND) != _WITH_ADDEND or not {_STRINGS, _SYMBOLS, _SLOTS, _SLOTS_BYTES} <= tags.keys():
        return
    # glibc has added the base to these, musl has not.
    strings, symbols, table = (tags[tag] + base * (tags[tag] < base) for tag in (_STRINGS, _SYMBOLS, _SLOTS))
    for slot in (_Slot * (tags[_SLOTS_BYTES] // ctypes.sizeof(_Slot))).from_address(table):
        symbol = _Symbol.from_address(symbols + (slot.info >> 32) * ctypes.sizeof(_Symbol))
        name = ctypes.string_at(strings + symbol.name).decode("ascii", "replace")
        place = base + slot.offset
        yield name, ctypes.c_size_t.from_address(place).value, place


def _tags(section: int) -> dict[int, int]:
    tags: dict[int, int] = {}
    while (entry := _Tag.from_address(section)).tag != _END:
        tags[entry.tag] = entry.value
        section += ctypes.sizeof(_Tag)
    return tags


def _is_writable(place: int) -> bool:
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return False
    for line in lines:
        bounds, permissions = line.split()[:2]
        first, end = (int(bound, 16) for bound in bounds.split("-"))
        if first <= place < end:
            return "w" in permissions
    return False
