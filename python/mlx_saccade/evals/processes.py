"""Processes of our own that a Ctrl-C does not reach."""

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

__all__ = ["cores", "ignoring_interrupts", "start"]

# Not "fork": a forked process keeps the others' pipes open, so the end of one, or of a parent that is killed, would go
# unnoticed.
_SPAWN = multiprocessing.get_context("spawn")


def cores() -> int:
    """Return the number of CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Let processes started within ignore Ctrl-C, which reaches the whole group; their parent ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def start(
    work: Callable[..., None], *arguments: Any, duplex: bool = False, daemon: bool = False
) -> tuple[BaseProcess, Connection]:
    """Start a process that ignores Ctrl-C.

    Args:
        work: function to run, called with `arguments` and its end of a pipe.
        *arguments: arguments of `work`; they are pickled.
        duplex: the pipe carries messages both ways; default from the process only.
        daemon: end the process with this one; default no.

    Returns:
        The process, and this end of the pipe.
    """
    end, far_end = _SPAWN.Pipe(duplex=duplex)
    process = _SPAWN.Process(target=work, args=(*arguments, far_end), daemon=daemon)
    with ignoring_interrupts():
        process.start()
    far_end.close()
    return process, end
