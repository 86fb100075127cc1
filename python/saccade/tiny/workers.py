"""Who asks the units of an evaluation: this process, or several that each hold the checkpoint."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from saccade.tiny.measure import PARTS

if TYPE_CHECKING:
    from saccade.engine import Engine

__all__ = ["Ask", "alone", "together"]

Row = dict[str, Any]
Ask = Callable[[str, Iterable[int]], Iterator[tuple[int, list[Row]]]]
"""From a part and its units to (unit, rows), as they are done."""

_engine: Engine | None = None


def alone(engine: Engine) -> Ask:
    """Units one after another, here."""

    def ask(part: str, units: Iterable[int]) -> Iterator[tuple[int, list[Row]]]:
        for unit in units:
            yield unit, PARTS[part](engine, unit)

    return ask


def _load(model: str | None) -> None:
    global _engine
    from saccade import engine

    _engine = engine.load(model)


def _ask(what: tuple[str, int]) -> tuple[int, list[Row]]:
    assert _engine is not None
    return what[1], PARTS[what[0]](_engine, what[1])


@contextmanager
def together(model: str | None, processes: int) -> Iterator[Ask]:
    """Units in several processes at once, one thread each: as many rows a second as the CPUs give.

    Args:
        model: as `saccade.load` takes it; each process loads it.
        processes: how many, at least 1.
    """
    threads = {name: os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "SACCADE_THREADS")}
    os.environ.update({name: "1" for name, given in threads.items() if given is None})  # read when a child starts
    try:
        pool = multiprocessing.get_context("spawn").Pool(processes, _load, (model,))
    finally:
        for name, given in threads.items():
            if given is None:
                del os.environ[name]
    with pool:
        yield lambda part, units: pool.imap_unordered(_ask, [(part, unit) for unit in units])
