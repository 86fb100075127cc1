"""The process of a side: loaded once, asked by turns, ended with its parent."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import threading
import time
from multiprocessing.connection import Connection
from typing import Any, Final

from mlx_saccade.bench.ask import Measurement, Question, Side, SideOptions
from mlx_saccade.errors import InputError
from mlx_saccade.evals.processes import start

__all__ = ["LOAD_SECONDS", "SideProcess"]

LOAD_SECONDS: Final = 600
"""Longest time of a load."""


def load_side(name: str, options: SideOptions) -> Side:
    """Load a side of `mlx_saccade.bench.run.SIDES`."""
    if name == "saccade":
        from mlx_saccade.bench.saccade_side import SaccadeSide

        return SaccadeSide(options)
    from mlx_saccade.bench.mlx_vlm_side import MlxVlmSide

    return MlxVlmSide(options, enabled=name == "mlx-vlm enabled")


def serve(name: str, options: SideOptions, parent: Connection) -> None:
    """Load a side, then answer calls (method, arguments) by ("result", value) or ("refused", reason) to the end."""
    _end_with_parent()
    if name != "saccade":
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # warnings and bars of others; errors come by the pipe
    try:
        side = _attempt(parent, load_side, (name, options))
        while side is not None:
            method, arguments = parent.recv()
            value = _attempt(parent, getattr(side, method), arguments)
            if value is not None:
                parent.send(("result", value))
    except (EOFError, OSError):
        return  # the parent has ended


def _end_with_parent() -> None:
    """End this process as soon as its parent has ended, also in the midst of a question."""
    process = multiprocessing.parent_process()

    def watch() -> None:
        if process is not None:
            process.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _attempt(parent: Connection, work: Any, arguments: Any) -> Any:
    """Return what work returns, True for nothing; send the reason and return None if it cannot be done."""
    try:
        value = work(*arguments)
    except (InputError, ImportError, MemoryError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        parent.send(
            ("refused", f"{type(error).__name__}: {error}" if not isinstance(error, InputError) else str(error))
        )
        return None
    if work is load_side:
        parent.send(("result", True))
    return True if value is None else value


class RefusedError(Exception):
    """A call that a side cannot answer, with its reason."""


class SideProcess:
    """A side in a process of its own."""

    def __init__(self, name: str, options: SideOptions) -> None:
        """Start and load.

        Raises:
            RefusedError: it cannot load.
        """
        if name != "saccade" and importlib.util.find_spec("mlx_vlm") is None:
            raise RefusedError("mlx-vlm is not installed; pip install mlx-vlm")
        self.name = name
        self._process, self._end = start(serve, name, options, duplex=True, daemon=True)
        try:
            self._receive(LOAD_SECONDS)
        except BaseException:
            self.close()
            raise

    def predict(self, size: tuple[int, int], budget: int, text: str, timeout: float) -> int:
        """Return the predicted bytes; raise RefusedError if the side says that it cannot run."""
        value: int = self._call("predict", (size, budget, text), timeout)
        return value

    def forget(self, timeout: float) -> None:
        """Drop what earlier questions left in caches."""
        self._call("forget", (), timeout)

    def ask(self, question: Question, timeout: float) -> Measurement:
        """Ask and measure.

        Raises:
            RefusedError: it has no answer within `timeout` seconds, ends, or refuses.
        """
        value: Measurement = self._call("ask", (question,), timeout)
        return value

    def close(self) -> None:
        """End the process; one that does not end by itself in a second, since it computes, is terminated."""
        self._end.close()
        self._process.join(1)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    @property
    def alive(self) -> bool:
        """The process has not ended."""
        return self._process.is_alive()

    def _call(self, method: str, arguments: tuple[Any, ...], timeout: float) -> Any:
        try:
            self._end.send((method, arguments))
            return self._receive(timeout)
        except (EOFError, OSError) as error:
            self.close()
            raise RefusedError(self._end_of(error)) from None

    def _receive(self, timeout: float) -> Any:
        end = time.monotonic() + timeout
        while not self._end.poll(min(0.5, max(0.0, end - time.monotonic()))):
            if time.monotonic() >= end:
                self.close()
                raise RefusedError(f"no answer within {timeout:g} s")
        try:
            kind, value = self._end.recv()
        except (EOFError, OSError) as error:
            self._process.join(5)
            raise RefusedError(self._end_of(error)) from None
        if kind == "refused":
            raise RefusedError(value)
        return value

    def _end_of(self, error: BaseException) -> str:
        code = self._process.exitcode
        return f"its process ended{'' if code is None else f' with code {code}'} ({type(error).__name__})"
