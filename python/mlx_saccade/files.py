"""Atomic writes, by which a reader sees the old file or the new one; and which names are those of images and films."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from mlx_saccade.errors import InputError

__all__ = ["PARTS", "check_writable", "is_film_name", "is_image_name", "part_beside", "write_atomically"]

PARTS = ".saccade-*.part"
"""Pattern of the names that `part_beside` gives; a process that is killed leaves such a file."""
_IMAGE_SUFFIXES = frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"),
        *(".pnm", ".jp2", ".j2k", ".avif", ".ico", ".icns", ".tga", ".heic", ".heif", ".pdf"),
    )
)
_FILM_SUFFIXES = frozenset(
    (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv", ".mpg", ".mpeg", ".m2ts", ".ogv", ".wmv", ".3gp")
)


def is_film_name(path: str | os.PathLike[str]) -> bool:
    """Return True if the name of a file ends as those of films do; the file need not exist."""
    return Path(path).suffix.lower() in _FILM_SUFFIXES


def is_image_name(path: str | os.PathLike[str]) -> bool:
    """Return True if the name of a file ends as those of images do; the file need not exist."""
    return Path(path).suffix.lower() in _IMAGE_SUFFIXES


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Check that a path can be written, before the work that fills it.

    Args:
        path: file to write; its folder must exist.

    Returns:
        The path to write; the target if `path` is a symbolic link.

    Raises:
        InputError: the path is empty or not a regular file, or its folder does not exist or is not writable.
    """
    if not os.fspath(path):
        raise InputError("path: expected the name of a file to write; got an empty string")
    target = Path(path)
    if target.is_symlink():
        target = target.resolve()
    folder = target.parent
    if not folder.is_dir():
        raise InputError(f"{target}: the folder {folder} does not exist. Create it or name another file")
    if target.is_dir():
        raise InputError(f"{target}: expected a file; got a folder. Name a file in it")
    if target.exists() and not target.is_file():
        raise InputError(f"{target}: expected a regular file; got a device, pipe or socket. Name another file")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{target}: the folder {folder} is not writable. Name a file in another folder")
    return target


def part_beside(path: Path) -> Path:
    """Return an unused name in the folder of `path`, for a file or folder that will be renamed to it.

    Create it with open() or mkdir(), which apply the umask. Reading the umask means setting it, for every thread.
    """
    return path.parent / f".saccade-{secrets.token_hex(8)}.part"


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file beside `path` and rename it into place, so that `path` holds the old bytes or the new ones.

    Args:
        path: file to write or replace.
        data: whole content of the file.

    Raises:
        InputError: as `check_writable`.
        OSError: the disk is full or the rename is refused; it names `path`, and nothing is left behind.
    """
    target = check_writable(path)
    mode = target.stat().st_mode & 0o777 if target.exists() else None
    try:
        _replace(target, data, mode)
    except OSError as error:
        if error.errno is None:
            raise
        # The error may name the temporary file, which the caller does not know.
        raise OSError(error.errno, error.strerror, str(target)) from error


def _replace(target: Path, data: bytes, mode: int | None) -> None:
    part = part_beside(target)
    # A replacement stays private until it has the old file's mode, which may be narrower than a new file's.
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            part.chmod(mode)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
