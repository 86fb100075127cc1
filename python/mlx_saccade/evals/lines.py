"""A file of lines that a kill or a full disk does not damage: whole lines are read, and whole lines are appended."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["append", "cut", "whole_lines"]


def whole_lines(data: bytes) -> bytes:
    """Return the data without a last line that a kill cut short."""
    return data[: data.rfind(b"\n") + 1]


def cut(path: Path) -> bytes:
    """Cut a line without its end from a file, and return the rest; no file is one without lines."""
    if not path.exists():
        return b""
    data = path.read_bytes()
    whole = whole_lines(data)
    if len(whole) < len(data):
        with path.open("r+b") as stream:
            stream.truncate(len(whole))
    return whole


def append(path: Path, line: bytes) -> None:
    """Append a line, and wait until it is on the disk.

    Args:
        path: the file; it is made if it does not exist.
        line: bytes with their newline.

    Raises:
        OSError: the disk is full or fails; it names the file, and no part of the line stays.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            end = os.lseek(handle, 0, os.SEEK_END)
            try:
                left = memoryview(line)
                while left:
                    left = left[os.write(handle, left) :]
                os.fsync(handle)
            except BaseException:
                os.ftruncate(handle, end)
                raise
        finally:
            os.close(handle)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
