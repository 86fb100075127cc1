"""Where a checkpoint is: in the package, in a folder, or on the hub."""

from __future__ import annotations

import errno
import hashlib
import importlib.resources
import os
import re
from pathlib import Path

from mlx_saccade.errors import InputError

__all__ = ["FILES", "digest", "find"]

# What is read. Pickles (.bin, .pt) are not downloaded, nor sub-folders, which hold other exports.
FILES = ("*.json", "*.jinja", "*.safetensors")
# What this machine's disk says, and no network does.
_LOCAL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EMFILE)
# Bytes read at once of a file that may be larger than the memory.
PIECE = 1 << 20
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def find(
    path_or_id: str | os.PathLike[str] | None, *, revision: str | None = None, local_files_only: bool = False
) -> Path:
    """The folder of a checkpoint.

    Args:
        path_or_id: a local folder; a hub id ("owner/name"), downloaded unless the hub's cache on this machine has it;
            None: the packaged checkpoint.
        revision: branch, tag or commit of a hub id; None: its main branch.
        local_files_only: take a hub id from the cache alone, without a look at the network.

    Raises:
        FileNotFoundError: no such folder, or this installation has no packaged checkpoint.
        InputError: no path and no text, a hub id that cannot be downloaded, or is not in the cache where only that was
            to be asked, or a cache that cannot be written; a revision of something that is no hub id.
    """
    if path_or_id is not None and not (isinstance(path_or_id, str | os.PathLike) and os.fspath(path_or_id)):
        raise InputError(f"a checkpoint named {path_or_id!r}: name a folder, or a hub id, owner/name")
    if revision is not None and not isinstance(revision, str):
        raise InputError(f"revision is {revision!r}; give a branch, tag or commit as text")
    if revision is not None and (path_or_id is None or Path(path_or_id).is_dir()):
        raise InputError(f"revision {revision!r}: a folder has none; give a hub id, owner/name, or leave it out")
    if path_or_id is None:
        folder = Path(str(importlib.resources.files("mlx_saccade"))) / "assets" / "tiny"
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(
                f"{folder}: the packaged checkpoint is missing; install mlx-saccade again, or name a folder"
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
    return _download(os.fspath(path_or_id), revision, local_files_only)


def digest(path_or_id: str | os.PathLike[str] | None, *, revision: str | None = None) -> str:
    """SHA-256 of all that a checkpoint is read from: what tells its answers from another's.

    Args:
        path_or_id: as `find`.
        revision: as `find`.

    Raises:
        FileNotFoundError: no such folder, or no weights in it.
        InputError: as `find`.
    """
    folder = find(path_or_id, revision=revision)
    paths = sorted({path for pattern in FILES for path in folder.glob(pattern) if path.is_file()})
    if not any(path.suffix == ".safetensors" for path in paths):
        raise FileNotFoundError(f"{folder}: holds no weights (*.safetensors); name the folder of a checkpoint")
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path.name} {path.stat().st_size}\n".encode())
        with path.open("rb") as stream:
            while piece := stream.read(PIECE):
                found.update(piece)
    return found.hexdigest()


def _download(name: str, revision: str | None, local_files_only: bool) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    # Its bases are the errors of whichever HTTP library this version of the hub uses: a connection that breaks raises
    # them as they are, and a proxy that needs a missing package an ImportError.
    refusals: tuple[type[BaseException], ...] = (*HfHubHTTPError.__bases__, OSError, ValueError, ImportError)
    try:
        found = snapshot_download(
            name,
            revision=revision,
            local_files_only=local_files_only,
            allow_patterns=list(FILES),
            ignore_patterns=["*/*"],
        )
    except refusals as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if _is_local(error):
            raise InputError(
                f"{name}: the hub's cache, {constants.HF_HUB_CACHE}, cannot be used ({reason}); "
                "make room there and let this user write it, or set HF_HUB_CACHE to another folder"
            ) from None
        how = f"hf download {name}" + (f" --revision {revision}" if revision else "")
        where = "it is not in the hub's cache on this machine" if local_files_only else "the hub did not give it"
        raise InputError(
            f"{name}: no such folder here, and {where} ({reason}); "
            f"run `{how}` where there is a network, or name a folder"
        ) from None
    return Path(found)


def _is_local(error: BaseException) -> bool:
    """Whether an error is about a file of this machine; a failed connection names none."""
    return isinstance(error, OSError) and (error.filename is not None or error.errno in _LOCAL)
