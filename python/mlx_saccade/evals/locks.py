"""The lock of a run: one process at a time writes it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import weakref
from pathlib import Path

from mlx_saccade.errors import InputError

__all__ = ["FileLock"]


class FileLock:
    """A lock that is held until `release`, until nothing refers to it, or until its process ends or is killed.

    The lock is the operating system's and not the file's existence, so a file that a killed process left stops nobody.
    """

    def __init__(self, path: Path, guarded: Path) -> None:
        """Take the lock.

        Args:
            path: file of the lock; it is made if it does not exist, and removed by `release`.
            guarded: what the lock protects, for messages.

        Raises:
            InputError: another process, or another part of this one, has the lock.
            OSError: the file cannot be made, or its file system has no locks.
        """
        handle = _open_locked(path, guarded)
        with contextlib.suppress(OSError):  # on a full disk the lock has no name
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)
        self._finalizer = weakref.finalize(self, _release, handle, path, os.getpid())

    def release(self) -> None:
        """Remove the file and give the lock back; a second call does nothing."""
        self._finalizer()


def _open_locked(path: Path, guarded: Path) -> int:
    """Return a locked descriptor of the file that `path` names."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(guarded)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and path.stat().st_ino == os.fstat(handle).st_ino:  # not one that was just released
                return handle
        except BlockingIOError:
            holder = os.pread(handle, 1000, 0).decode("utf-8", "replace").split()
            os.close(handle)
            raise InputError(
                f"{guarded}: expected a run that nobody writes; got one that {_named(holder)} writes. "
                "Wait for it, or name another --out"
            ) from None
        except OSError as error:
            os.close(handle)
            raise OSError(error.errno, error.strerror, str(guarded)) from error
        os.close(handle)


def _named(holder: list[str]) -> str:
    if len(holder) != 2:  # it has the lock, but has not written its name yet
        return "another process"
    process, host = holder
    own = process == str(os.getpid()) and host == socket.gethostname()
    return "this process" if own else f"process {process} on {host}"


def _release(handle: int, path: Path, process: int) -> None:
    if os.getpid() == process:  # a forked process has a copy of the descriptor, not the lock
        path.unlink(missing_ok=True)
    os.close(handle)
