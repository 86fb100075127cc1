"""Text and JSON files of a checkpoint folder, with bounded sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlx_saccade.errors import InputError

__all__ = ["check_size", "optional_json", "optional_text", "read_json"]

# Several times the largest file other than weights, a tokenizer of 11 MB.
_LARGEST = 64 * 2**20


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file.

    Raises:
        InputError: the file cannot be read, is not UTF-8 or not JSON, is nested too deeply, or is not an object.
    """
    try:
        value = json.loads(_text(path))
    except ValueError as error:  # JSONDecodeError, and numbers with too many digits
        raise InputError(f"{path}: expected JSON; got an error ({error}). Download the file again") from None
    except RecursionError:
        raise InputError(f"{path}: the JSON is nested too deeply. Download the file again") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object; got a {type(value).__name__}. Download the file again")
    return value


def optional_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object with `read_json`; return None if the file does not exist."""
    return read_json(path) if _exists(path) else None


def optional_text(path: Path) -> str | None:
    """Read the text of a UTF-8 file; return None if the file does not exist.

    Raises:
        InputError: the file exists and cannot be read.
    """
    return _text(path) if _exists(path) else None


def check_size(path: Path) -> None:
    """Check before reading that a path is a regular file of plausible size.

    Raises:
        InputError: the path is a folder, a pipe or a device, or has more than 64 MiB.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a regular file; got a folder, pipe or device. Download it again")
    size = path.stat().st_size
    if size > _LARGEST:
        limit = f"at most {_LARGEST:,} bytes in a file other than weights"
        raise InputError(f"{path}: expected {limit}; got {size:,} bytes. Download it again")


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()  # a dangling link is an error, not an absent file


def _text(path: Path) -> str:
    check_size(path)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8 text; got an error ({error.reason}). Download it again") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{path}: the file cannot be read ({reason}). Download it again") from None
