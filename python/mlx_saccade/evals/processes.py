"""Starting processes of our own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

__all__ = ["cores", "start"]

# Not forked: a forked process would hold the others' pipes open, so that the end of one, or of a parent that is killed,
# would go unnoticed.
_SPAWN = multiprocessing.get_context("spawn")


def cores() -> int:
    """CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes started within do not hear Ctrl-C, which reaches the whole group: who started them ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def start(
    work: Callable[..., None], *arguments: Any, answered: bool = False, daemon: bool = False
) -> tuple[BaseProcess, Connection]:
    """Start a process that does not hear Ctrl-C.

    Args:
        work: what it does, with `arguments` and, behind them, its end of a pipe.
        *arguments: of `work`; they are pickled.
        answered: it hears from here too; else it only tells.
        daemon: it is ended with this process.

    Returns:
        The process, and this end of the pipe.
    """
    end, far_end = _SPAWN.Pipe(duplex=answered)
    process = _SPAWN.Process(target=work, args=(*arguments, far_end), daemon=daemon)
    with _deaf():
        process.start()
    far_end.close()
    return process, end
