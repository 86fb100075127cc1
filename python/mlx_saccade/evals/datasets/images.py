"""Find the images of a data set, read their sizes from their headers, and name their content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from mlx_saccade.errors import InputError
from mlx_saccade.media import image_size
from mlx_saccade.media.sources import find_file

__all__ = ["ImageFolders", "digest", "stored_size", "upright_size"]


class ImageFolders:
    """The folders in which the images of a data set are looked for, the first that has a file first."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Take the folders; those that do not exist are left out."""
        self.folders = tuple(dict.fromkeys(Path(os.path.normpath(one)) for one in folders if one.is_dir()))

    def find(self, name: str) -> Path | None:
        """Return the file of an image; None without one.

        Args:
            name: path in one of the folders, or an absolute path; a backslash separates folders too, if no file has it.
        """
        names = [name, name.replace("\\", "/")] if "\\" in name else [name]
        try:
            for one in names:
                for folder in self.folders:
                    path = folder / one
                    if path.is_file():
                        return path
            # A folder is listed to find a file whose spaces or accents are of another form, as macOS writes them.
            if not name.isascii() or " " in name:
                return self._same_looking(names[-1])
        except (OSError, ValueError):  # a name that is too long, or has a null character
            pass
        return None

    def _same_looking(self, name: str) -> Path | None:
        paths = (_find(folder / name) for folder in self.folders)
        return next((path for path in paths if path is not None), None)

    def __str__(self) -> str:
        return ", ".join(map(str, self.folders)) or "no folder"


def _find(path: Path) -> Path | None:
    try:
        return Path(find_file(str(path)))
    except FileNotFoundError:
        return None


def upright_size(path: Path) -> tuple[int, int]:
    """Return (width, height) of an image as it is asked about, turned as its EXIF tag says; only the header is read.

    Raises:
        InputError: the file is no image, or is damaged.
        FileNotFoundError: no such file.
    """
    return image_size(path)


def stored_size(path: Path) -> tuple[int, int]:
    """Return (width, height) of an image as its file stores it; errors as `upright_size`."""
    return image_size(path, orientation=False)


def digest(path: Path) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of a file, computed again only when its size or time changes.

    Raises:
        FileNotFoundError: no such file.
        InputError: it cannot be read.
    """
    try:
        status = path.stat()
        return _digest(str(path), status.st_size, status.st_mtime_ns)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; it was there when the run began. Put it back") from None
    except OSError as error:
        raise InputError(f"{path}: expected a readable file; got {error.strerror}. Check its mode") from None


@lru_cache(maxsize=1 << 16)
def _digest(path: str, _size: int, _time: int) -> str:
    content = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while part := stream.read(1 << 20):
            content.update(part)
    return content.hexdigest()[:16]
