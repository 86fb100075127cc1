"""JSON files of a checkpoint folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlx_saccade.errors import InputError

__all__ = ["check_size", "optional_json", "optional_text", "read_json"]

# Several times the largest file beside the weights, a tokenizer of 11 MB.
_LARGEST = 64 * 2**20


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        InputError: not a file that can be read, not UTF-8, not JSON, nested too deeply, or not an object.
    """
    try:
        value = json.loads(_text(path))
    except ValueError as error:  # JSONDecodeError, and numbers too long to be read
        raise InputError(f"{path}: is not JSON ({error}); download the file again") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply for a checkpoint's JSON; download the file again") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds a {type(value).__name__}, not an object; download the file again")
    return value


def optional_json(path: Path) -> dict[str, Any] | None:
    """As `read_json`; None where nothing of that name exists."""
    return read_json(path) if _exists(path) else None


def optional_text(path: Path) -> str | None:
    """Text of a UTF-8 file; None where nothing of that name exists.

    Raises:
        InputError: it exists and cannot be read.
    """
    return _text(path) if _exists(path) else None


def check_size(path: Path) -> None:
    """Refuse, before it is read, what is no ordinary file or no file of a checkpoint's.

    Raises:
        InputError: a folder, a pipe or device, or more than 64 MiB.
    """
    if not path.is_file():
        raise InputError(f"{path}: cannot be read as a file; download it again")
    size = path.stat().st_size
    if size > _LARGEST:
        raise InputError(
            f"{path}: has {size:,} bytes, over the {_LARGEST:,} of any file beside the weights; download it again"
        )


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()  # a link to nothing is a fault, not an absence


def _text(path: Path) -> str:
    check_size(path)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text ({error.reason}); download the file again") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{path}: cannot be read as a file ({reason}); download the file again") from None
