"""Who asks the units of an evaluation: this process, or several that each hold the checkpoint."""

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

__all__ = ["Ask", "alone", "together"]

Row = dict[str, Any]
Ask = Callable[[str, Iterable[int]], Iterator[tuple[int, list[Row]]]]
"""From a part and its units to (unit, rows), as they are done."""

ENDED = "a process ended before its work was done; run again, with fewer --processes if memory is short"


def alone(model: str | None, **how: Any) -> Ask:
    """Units one after another, here; the checkpoint is loaded for the first. Arguments as `mlx_saccade.load`."""

    @cache
    def loaded() -> Engine:
        from mlx_saccade import engine

        return engine.load(model, **how)

    def ask(part: str, units: Iterable[int]) -> Iterator[tuple[int, list[Row]]]:
        for unit in units:
            yield unit, PARTS[part](loaded(), unit)

    return ask


@contextmanager
def together(model: str | None, processes: int, **how: Any) -> Iterator[Ask]:
    """Units in several processes at once, one thread each: as many rows a second as the CPUs give.

    What is asked has to be answered before more is asked.

    Args:
        model: as `mlx_saccade.load` takes it; each process loads it, and here it is waited for.
        processes: how many, at least 1.
        how: what else `mlx_saccade.load` takes, such as memory_limit="8GB", which is of each process.

    Raises:
        InputError: a process was killed, here or while it is asked; what refuses the checkpoint is raised as it is.
    """
    with _started(processes, model, how) as ends:
        for end in ends:
            _hear(end)
        yield lambda part, units: _shared(ends, part, units)


@contextmanager
def _started(count: int, *given: Any) -> Iterator[list[Connection]]:
    """Processes that load the checkpoint; afterwards they have ended, in the middle of a unit if need be."""
    processes: list[BaseProcess] = []
    ends: list[Connection] = []
    try:
        with _one_thread_each():
            for _ in range(count):
                process, end = start(_work, *given, answered=True, daemon=True)
                processes.append(process)
                ends.append(end)
        yield ends
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        for end in ends:
            end.close()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """What processes started within read of the environment."""
    threads = {name: os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "SACCADE_THREADS")}
    os.environ.update({name: "1" for name, given in threads.items() if given is None})
    try:
        yield
    finally:
        for name, given in threads.items():
            if given is None:
                del os.environ[name]


def _work(model: str | None, how: dict[str, Any], parent: Connection) -> None:
    """Say None when the checkpoint is loaded, then (unit, rows) to each (part, unit); at last what went wrong."""
    try:
        from mlx_saccade import engine

        loaded = engine.load(model, **how)
        parent.send(None)
        while True:
            part, unit = parent.recv()
            parent.send((unit, PARTS[part](loaded, unit)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # whoever asked has gone
    except (InputError, OSError, MemoryError) as error:
        with suppress(OSError):
            parent.send(error)


def _hear(end: Connection) -> Any:
    try:
        news = end.recv()
    except (EOFError, OSError):
        raise InputError(ENDED) from None
    if isinstance(news, Exception):
        raise news
    return news


def _shared(ends: list[Connection], part: str, units: Iterable[int]) -> Iterator[tuple[int, list[Row]]]:
    """Give each process a unit, and another when it has answered."""
    left, idle = iter(units), list(ends)
    busy: list[Connection] = []
    while True:
        for end, unit in zip(idle, left):  # noqa: B905  (as many as there are of both)
            try:
                end.send((part, unit))
            except OSError:
                raise InputError(ENDED) from None
            busy.append(end)
        if not busy:
            return
        ready = wait(busy)
        idle = [end for end in busy if end in ready]
        for end in idle:
            busy.remove(end)
            yield _hear(end)
