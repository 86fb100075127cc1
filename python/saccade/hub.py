"""Where a checkpoint is: in the package, in a folder, or on the hub."""

from __future__ import annotations

import importlib.resources
import os
import re
from pathlib import Path

from saccade.errors import InputError

__all__ = ["find"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FILES = ("*.json", "*.jinja", "*.safetensors")


def find(path_or_id: str | os.PathLike[str] | None) -> Path:
    """The folder of a checkpoint.

    Args:
        path_or_id: a local folder; a hub id ("owner/name"), downloaded unless the cache has it; None: the packaged
            checkpoint.

    Raises:
        FileNotFoundError: no such folder, or this installation has no packaged checkpoint.
        InputError: a hub id that cannot be downloaded.
    """
    if path_or_id is None:
        folder = Path(str(importlib.resources.files("saccade"))) / "assets" / "tiny"
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(
                f"{folder}: the packaged checkpoint is missing; install saccade again, or name a folder"
            )
        return folder
    try:
        folder = Path(path_or_id).expanduser()
    except RuntimeError as error:  # ~name of a user that this machine does not have
        raise InputError(f"{os.fspath(path_or_id)}: {error}; name a folder or a hub id") from None
    if folder.is_dir():
        return folder
    if folder.exists():
        raise InputError(f"{folder}: is a file; name the folder that holds config.json and the weights")
    if not _HUB_ID.fullmatch(os.fspath(path_or_id)):
        raise FileNotFoundError(f"{folder}: no such folder; name a checkpoint folder or a hub id, owner/name")
    return _download(os.fspath(path_or_id))


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{name}: no such folder here, and the hub did not give it ({reason}); "
            f"run `hf download {name}` where there is a network, or name a folder"
        ) from None
