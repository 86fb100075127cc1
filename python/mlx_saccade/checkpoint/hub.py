"""The folder of a checkpoint: in the package, on this machine, or on the hub."""

from __future__ import annotations

import errno
import hashlib
import importlib.resources
import os
import re
from pathlib import Path

from mlx_saccade.errors import InputError

__all__ = ["FILES", "digest", "find", "find_local"]

# Patterns of the files that are read. Pickles (.bin, .pt) and sub-folders, which hold other exports, are not.
FILES = ("*.json", "*.jinja", "*.safetensors")
# Errors of this machine's disk, which no network raises.
_LOCAL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EMFILE)
# Bytes read at once, as a file may be larger than the memory.
PIECE = 1 << 20
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def name_of(folder: Path) -> str:
    """Return a short name of a checkpoint's folder; of one in the hub's cache its id."""
    repository = folder.parent.parent.name
    if folder.parent.name == "snapshots" and repository.startswith("models--"):
        return repository.removeprefix("models--").replace("--", "/")
    return folder.resolve().name


def find(
    path_or_id: str | os.PathLike[str] | None, *, revision: str | None = None, local_files_only: bool = False
) -> Path:
    """Find the folder of a checkpoint, downloading it if necessary.

    Args:
        path_or_id: local folder, or hub id ("owner/name"), which is downloaded unless this machine's cache has it;
            None is the packaged checkpoint.
        revision: branch, tag or commit of a hub id; None (default) is its main branch.
        local_files_only: look up a hub id in the cache only, without network; default False.

    Raises:
        FileNotFoundError: the folder does not exist, or this installation has no packaged checkpoint.
        InputError: the name is malformed, the hub id cannot be downloaded or is not in the cache, the cache is not
            writable, or a revision is given without a hub id.
    """
    folder = find_local(path_or_id, revision=revision)
    if folder is not None:
        return folder
    assert path_or_id is not None, "the packaged checkpoint is on this machine"
    return _download(os.fspath(path_or_id), revision, local_files_only)


def find_local(path_or_id: str | os.PathLike[str] | None, *, revision: str | None = None) -> Path | None:
    """Find the folder of a checkpoint on this machine; None for a hub id, which is not looked up.

    Args:
        path_or_id: as in `find`.
        revision: as in `find`.

    Raises:
        FileNotFoundError: as `find`.
        InputError: the name is malformed, or a revision is given without a hub id.
    """
    if path_or_id is not None and not (isinstance(path_or_id, str | os.PathLike) and os.fspath(path_or_id)):
        raise InputError(f"checkpoint: expected a folder or a hub id, owner/name; got {path_or_id!r}")
    if revision is not None and not isinstance(revision, str):
        raise InputError(f"revision: expected a branch, tag or commit as text; got {revision!r}")
    if revision is not None and (path_or_id is None or Path(path_or_id).is_dir()):
        raise InputError(
            f"revision {revision!r}: a folder has no revisions. Give a hub id, owner/name, or leave it out"
        )
    if path_or_id is None:
        folder = Path(str(importlib.resources.files("mlx_saccade"))) / "assets" / "tiny"
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(
                f"{folder}: the packaged checkpoint is missing. Install mlx-saccade again, or name a folder"
            )
        return folder
    try:
        folder = Path(path_or_id).expanduser()
    except RuntimeError as error:  # ~name of a user unknown to this machine
        raise InputError(f"{os.fspath(path_or_id)}: {error}. Name a folder or a hub id") from None
    if folder.is_dir():
        return Path.cwd() if folder == Path() else folder  # messages name the folder, and "." has no name
    if folder.exists():
        raise InputError(f"{folder}: expected a folder; got a file. Name the folder of config.json and the weights")
    if not _HUB_ID.fullmatch(os.fspath(path_or_id)):
        raise FileNotFoundError(f"{folder}: no such folder. Name a checkpoint folder or a hub id, owner/name")
    return None


def digest(path_or_id: str | os.PathLike[str] | None, *, revision: str | None = None) -> str:
    """Return the SHA-256 of all files that a checkpoint is read from, which identifies its answers.

    Args:
        path_or_id: as in `find`.
        revision: as in `find`.

    Raises:
        FileNotFoundError: the folder does not exist or has no weights.
        InputError: as `find`.
    """
    folder = find(path_or_id, revision=revision)
    paths = sorted({path for pattern in FILES for path in folder.glob(pattern) if path.is_file()})
    if not any(path.suffix == ".safetensors" for path in paths):
        raise FileNotFoundError(
            f"{folder}: expected weights (*.safetensors); got none. Name the folder of a checkpoint"
        )
    sha = hashlib.sha256()
    for path in paths:
        sha.update(f"{path.name} {path.stat().st_size}\n".encode())
        with path.open("rb") as stream:
            while piece := stream.read(PIECE):
                sha.update(piece)
    return sha.hexdigest()


def _download(name: str, revision: str | None, local_files_only: bool) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    # The bases are the errors of the HTTP library in use, which a broken connection raises unwrapped. A proxy without
    # its package raises ImportError.
    refusals: tuple[type[BaseException], ...] = (*HfHubHTTPError.__bases__, OSError, ValueError, ImportError)
    try:
        folder = snapshot_download(
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
                f"{name}: the hub's cache, {constants.HF_HUB_CACHE}, cannot be used ({reason}). "
                "Free disk space, make it writable for this user, or set HF_HUB_CACHE to another folder"
            ) from None
        how = f"hf download {name}" + (f" --revision {revision}" if revision else "")
        where = "it is not in the hub's cache on this machine" if local_files_only else "it cannot be downloaded"
        raise InputError(
            f"{name}: no such folder here, and {where} ({reason}). Run `{how}` with a network, or name a folder"
        ) from None
    return Path(folder)


def _is_local(error: BaseException) -> bool:
    """Return True if an error is about a file of this machine; a failed connection names no file."""
    return isinstance(error, OSError) and (error.filename is not None or error.errno in _LOCAL)
