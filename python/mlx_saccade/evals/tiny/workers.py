"""The processes that ask an evaluation's units: this one, or several that each hold the checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError
from mlx_saccade.evals.processes import start
from mlx_saccade.evals.tiny.measure import PARTS

if TYPE_CHECKING:
    from mlx_saccade.engine import Engine

__all__ = ["Ask", "parallel", "serial"]

Row = dict[str, Any]
Ask = Callable[[str, Iterable[int]], Iterator[tuple[int, list[Row]]]]
"""Asks units of a part, and yields (unit, rows) as each is done."""

ENDED = "--processes: a process ended before its work was done. Run again, with fewer processes if memory is short"


def serial(model: str | None, **options: Any) -> Ask:
    """Return a function that asks units one after another, here.

    The checkpoint is loaded for the first unit. Arguments as `mlx_saccade.load`.
    """

    @cache
    def engine() -> Engine:
        from mlx_saccade import engine

        return engine.load(model, **options)

    def ask(part: str, units: Iterable[int]) -> Iterator[tuple[int, list[Row]]]:
        for unit in units:
            yield unit, PARTS[part](engine(), unit)

    return ask


@contextmanager
def parallel(model: str | None, processes: int, **options: Any) -> Iterator[Ask]:
    """Ask units in several processes of one thread each.

    Read all answers of one call before the next.

    Args:
        model: as `mlx_saccade.load`; every process loads it before this returns.
        processes: number of processes, at least 1.
        options: more arguments of `mlx_saccade.load`, such as memory_limit="8GB" for each process.

    Raises:
        InputError: a process was killed, now or later. Errors of loading the checkpoint are raised as they are.
    """
    with _started(processes, model, options) as pipes:
        for pipe in pipes:
            _receive(pipe)
        yield lambda part, units: _share(pipes, part, units)


@contextmanager
def _started(count: int, *arguments: Any) -> Iterator[list[Connection]]:
    """Start processes that load the checkpoint; at the end they are terminated, even in the middle of a unit."""
    processes: list[BaseProcess] = []
    pipes: list[Connection] = []
    try:
        with _one_thread_each():
            for _ in range(count):
                process, pipe = start(_work, *arguments, duplex=True, daemon=True)
                processes.append(process)
                pipes.append(pipe)
        yield pipes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        for pipe in pipes:
            pipe.close()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Set the environment variables for processes started within."""
    before = {name: os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "SACCADE_THREADS")}
    unset = [name for name, value in before.items() if value is None]
    os.environ.update(dict.fromkeys(unset, "1"))
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]


def _work(model: str | None, options: dict[str, Any], parent: Connection) -> None:
    """Send None once the checkpoint is loaded, then (unit, rows) for each (part, unit), or an error at last."""
    try:
        from mlx_saccade import engine

        loaded = engine.load(model, **options)
        parent.send(None)
        while True:
            part, unit = parent.recv()
            parent.send((unit, PARTS[part](loaded, unit)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent has ended
    except (InputError, OSError, MemoryError) as error:
        with suppress(OSError):
            parent.send(error)


def _receive(pipe: Connection) -> Any:
    try:
        message = pipe.recv()
    except (EOFError, OSError):
        raise InputError(ENDED) from None
    if isinstance(message, Exception):
        raise message
    return message


def _share(pipes: list[Connection], part: str, units: Iterable[int]) -> Iterator[tuple[int, list[Row]]]:
    """Give each process a unit, and another as soon as it has answered."""
    left, idle = iter(units), list(pipes)
    busy: list[Connection] = []
    while True:
        for pipe, unit in zip(idle, left):  # noqa: B905  (as many as there are of both)
            try:
                pipe.send((part, unit))
            except OSError:
                raise InputError(ENDED) from None
            busy.append(pipe)
        if not busy:
            return
        ready = wait(busy)
        idle = [pipe for pipe in busy if pipe in ready]
        for pipe in idle:
            busy.remove(pipe)
            yield _receive(pipe)
