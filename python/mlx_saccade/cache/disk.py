"""Cache arrays by key in a folder that several processes share, under a limit in bytes.

A file is written whole under another name and renamed, so a reader sees all of it or nothing. It holds its own key, the
version of the format and a checksum; a damaged file is deleted and computed again. The format is safetensors with one
tensor, read without trusting its header: no pickles, nothing is executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np

from mlx_saccade import files
from mlx_saccade.backend import mx
from mlx_saccade.cache.keys import Key
from mlx_saccade.errors import InputError

__all__ = ["FORMAT", "Disk"]

FORMAT = 1
"""Version of the files; a file of another version is not read."""

_SUFFIX = ".safetensors"
# File names of `Disk._path`. The folder may hold somebody's weights too, which are not ours to delete.
_NAME = re.compile(rf"[0-9a-f]{{64}}{re.escape(_SUFFIX)}")
_HEADER_MOST = 4096
_STALE_SECONDS = 3600.0
_DTYPES = {"F32": mx.float32, "F16": mx.float16, "BF16": mx.bfloat16, "U8": mx.uint8}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


class DamagedError(Exception):
    """The error for a file whose content is not what its name and header say."""


class Disk:
    """A folder of arrays, one file each."""

    def __init__(self, folder: str | os.PathLike[str], limit: int) -> None:
        """Create the folder if it is missing, readable only by its owner: features reveal what was on a screen.

        Args:
            folder: of the cache; its parent must exist.
            limit: maximum bytes of its files.

        Raises:
            InputError: it cannot be created or written to.
        """
        self.folder, self.limit, self.faults = Path(folder).expanduser(), limit, 0
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cache folder {self.folder}: cannot be made ({error.strerror}); name another, or make its parent"
            ) from None
        if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
            raise InputError(f"cache folder {self.folder}: is not writable; name another")

    def get(self, key: Key) -> mx.array | None:
        """Return the array of a key, or None if there is no undamaged file."""
        path = self._path(key)
        try:
            value = _parse(path.read_bytes(), key)
            os.utime(path)  # used now: `trim` deletes the least recently used files
        except FileNotFoundError:
            return None
        except (DamagedError, OSError):
            self.faults += 1
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        return value

    def put(self, key: Key, value: mx.array) -> None:
        """Write an array of float32, float16, bfloat16 or uint8; a write that fails counts as a fault."""
        data = _serialize(value, key)
        if len(data) > self.limit:
            return
        try:
            files.write_atomically(self._path(key), data)
            self.trim()
        except (OSError, InputError):
            self.faults += 1

    def trim(self) -> None:
        """Delete the least recently used files until the rest fit the limit, and what a killed process left behind.

        Files of other names are neither counted nor touched.
        """
        entries: list[tuple[float, int, Path]] = []
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process was faster
                status = path.lstat()
                if _NAME.fullmatch(path.name):
                    entries.append((status.st_mtime, status.st_size, path))
                elif path.name.startswith(".saccade-") and status.st_mtime < time.time() - _STALE_SECONDS:
                    path.unlink()
        excess = sum(size for _, size, _ in entries) - self.limit
        for _, size, path in sorted(entries):
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= size

    def _path(self, key: Key) -> Path:
        return self.folder / (key.hex() + _SUFFIX)


def _serialize(value: mx.array, key: Key) -> bytes:
    body = np.asarray(mx.contiguous(value).view(mx.uint8)).tobytes()
    metadata = {"format": str(FORMAT), "key": key.hex(), "sha256": hashlib.sha256(body).hexdigest()}
    tensor = {"dtype": _NAMES[value.dtype], "shape": list(value.shape), "data_offsets": [0, len(body)]}
    header = json.dumps({"__metadata__": metadata, "array": tensor}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + body


def _parse(data: bytes, key: Key) -> mx.array:
    """Return the array of a file's bytes.

    Raises:
        DamagedError: not one whole tensor under this key, or bytes that do not match the checksum.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_HEADER_MOST, len(data) - 8):
        raise DamagedError("header")
    try:
        header = json.loads(data[8 : 8 + length])
        metadata, tensor = header["__metadata__"], header["array"]
        dtype, shape = _DTYPES[tensor["dtype"]], tensor["shape"]
        expected = (metadata["format"], metadata["key"], metadata["sha256"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DamagedError("header") from None
    body = memoryview(data)[8 + length :]
    if expected != (str(FORMAT), key.hex(), hashlib.sha256(body).hexdigest()) or not _fits(shape, dtype, len(body)):
        raise DamagedError("content")
    return mx.array(np.frombuffer(body, np.uint8)).view(dtype).reshape(shape)


def _fits(shape: Any, dtype: mx.Dtype, length: int) -> bool:
    """Return True if a shape is valid and has `length` bytes."""
    if not isinstance(shape, list) or not all(type(side) is int and 0 < side < 2**31 for side in shape) or not shape:
        return False
    count = dtype.size
    for side in shape:
        count *= side
    return count == length
