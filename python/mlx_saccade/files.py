"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from mlx_saccade.errors import InputError

__all__ = ["check_writable", "part_beside", "write_atomically"]


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work is done, a path that could not be written after it.

    Args:
        path: file to be written; its folder must exist.

    Returns:
        The path that will be written: where `path` is a symbolic link, what it points to.

    Raises:
        InputError: an empty path, a folder that does not exist or is not writable, or a path that is no ordinary file.
    """
    if not os.fspath(path):
        raise InputError("the name of the file to write is empty; name a file")
    target = Path(path)
    if target.is_symlink():
        target = target.resolve()
    folder = target.parent
    if not folder.is_dir():
        raise InputError(f"{target}: the folder {folder} does not exist; create it or name another file")
    if target.is_dir():
        raise InputError(f"{target}: is a folder; name a file in it")
    if target.exists() and not target.is_file():
        raise InputError(f"{target}: is no ordinary file; name another")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{target}: the folder {folder} is not writable; name a file elsewhere")
    return target


def part_beside(path: Path) -> Path:
    """A name nobody has, in the folder of `path`, for what will be renamed to it.

    What is made there by open() or mkdir() has the mode that the umask leaves, which nothing here has to ask for: it is
    read by setting it, for every thread.
    """
    return path.parent / f".saccade-{secrets.token_hex(8)}.part"


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` beside `path` and rename it into place, so that `path` holds the old bytes or the new ones.

    Args:
        path: file to write or replace.
        data: its whole content.

    Raises:
        InputError: as `check_writable`.
        OSError: the disk is full or the rename is refused, said of `path`; nothing is left behind.
    """
    target = check_writable(path)
    mode = target.stat().st_mode & 0o777 if target.exists() else None
    try:
        _replace(target, data, mode)
    except OSError as error:
        if error.errno is None:
            raise
        # What failed may have been the part, a name that the caller has never seen.
        raise OSError(error.errno, error.strerror, str(target)) from error


def _replace(target: Path, data: bytes, mode: int | None) -> None:
    part = part_beside(target)
    # What replaces a file is private until it has that one's mode, which may be narrower than a new file's.
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
