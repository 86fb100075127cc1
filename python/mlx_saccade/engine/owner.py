"""Run the work of all engines on one thread of the process, so that they may be called from any thread.

MLX's streams belong to the thread that made them: another thread cannot use what they have not computed yet, and the
process may abort at exit after a thread that computed has ended. So the first call starts a thread that lives as long
as the process, and every call runs there, one after another.
"""

from __future__ import annotations

import atexit
import contextvars
import functools
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from queue import SimpleQueue
from typing import Any, Generic, ParamSpec, TypeVar

from mlx_saccade import backend
from mlx_saccade.errors import CancelledError

__all__ = ["OwnedGenerator", "call", "checkpoint", "on_owner"]

P = ParamSpec("P")
T = TypeVar("T")

# How often a waiting call looks at its `cancel`, and at signals: one that comes just before the thread blocks on a lock
# does not wake it.
POLL_SECONDS = 0.05
# How long the end of the process waits for the running call to reach its next step.
EXIT_SECONDS = 30.0


class _Task(Generic[T]):
    """One call: it waits for its turn, runs, and ends with a result or an exception."""

    def __init__(self, function: Callable[[], T], cancel: threading.Event | None = None) -> None:
        self.function, self.cancel = function, cancel
        self.stopped = self.abandoned = self.ended = False
        self.context = contextvars.copy_context()  # numpy.errstate and the like hold there too
        self.result: T | None = None
        self.error: BaseException | None = None
        self._turn, self._end = threading.Lock(), threading.Lock()
        self._end.acquire()

    def claim(self) -> bool:
        """Return True to the first who asks: the thread that runs it, or the caller who withdraws it."""
        return self._turn.acquire(blocking=False)

    @property
    def is_stopped(self) -> bool:
        """True if it has to end at its next step."""
        return self.stopped or (self.cancel is not None and self.cancel.is_set())

    def run(self) -> None:
        """Run it on this thread, and wake the caller."""
        try:
            if self.is_stopped:
                raise CancelledError
            self.result = self.context.run(_nested, self)
        except BaseException as error:
            self.error = error
        finally:
            self.ended = True
            if not self.abandoned:
                self._end.release()

    def wait(self, seconds: float = -1) -> bool:
        """Wait for its end; return False if the time is over first. At the end of the process it waits for ever."""
        if self.abandoned:
            self._end.acquire()
        # Ctrl-C may have come right after an earlier wait acquired the lock, which then stays locked.
        return self.ended or self._end.acquire(timeout=seconds)

    def outcome(self) -> T:
        """Return its result, or raise its exception with the traceback of where it arose."""
        error, self.error = self.error, None
        if error is None:
            return self.result  # type: ignore[return-value]
        try:
            raise error
        finally:
            del error  # the traceback holds this frame


class _Owner:
    """The thread, its queue, and the generators that it steps."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[_Task[Any]] = SimpleQueue()
        self.running: _Task[Any] | None = None
        self.closing = False
        # Held here, so that no other thread's garbage collection closes one.
        self.generators: dict[int, Generator[Any, None, None]] = {}
        self._last: _Task[None] = _Task(self._close_generators)
        self.thread = threading.Thread(target=self._work, name="mlx-saccade", daemon=True)
        self.thread.start()
        atexit.register(self._finish)

    def submit(self, task: _Task[Any]) -> None:
        """Put a call at the end of the queue."""
        if not self.closing:
            self.queue.put(task)
        elif not threading.current_thread().daemon:  # the interpreter ends those soon, without a word
            raise CancelledError("the process is ending")

    def _work(self) -> None:
        while True:
            task = self.queue.get()
            self.running = task  # before it looks at `closing`, which `_finish` sets before it looks at this
            if task.claim() and (task is self._last or not self.closing):
                task.run()
            self.running = None
            if task is self._last:
                break
            del task  # its result belongs to the caller alone
        # A daemon thread that wants the GIL while the interpreter ends is ended there, and MLX's streams with it.
        forever = threading.Lock()
        forever.acquire()
        _rest(forever)

    def _finish(self) -> None:
        """Stop the running call at its next step, and let no other begin; MLX is then idle while the process ends."""
        if not backend.is_own_process():
            return
        self.closing = True
        if (running := self.running) is not None:
            running.abandoned = True  # only daemon threads are left to wait for it
            running.stopped = True
        self.queue.put(self._last)
        end = time.monotonic() + EXIT_SECONDS
        self._last.wait(EXIT_SECONDS)
        while not self._is_resting() and time.monotonic() < end:
            time.sleep(0.001)

    def _is_resting(self) -> bool:
        """Return True once the thread waits without the GIL and will not take it again."""
        frame = sys._current_frames().get(self.thread.ident or 0)
        # At the first line it may still be asked to hand over the GIL; at the next it has done so by itself.
        return frame is None or (frame.f_code is _rest.__code__ and frame.f_lineno > _rest.__code__.co_firstlineno)

    def _close_generators(self) -> None:
        for generator in list(self.generators.values()):
            generator.close()
        self.generators.clear()


def _rest(locked: threading.Lock) -> None:
    locked.acquire()


_owner: _Owner | None = None
_starting = threading.Lock()
_here = threading.local()


def _reset_lock() -> None:
    global _starting
    _starting = threading.Lock()  # a thread that the child does not have may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_lock)


def _get() -> _Owner:
    global _owner
    backend.claim_process()
    if _owner is None:
        with _starting:
            if _owner is None:
                _owner = _Owner()
    return _owner


def _nested(task: _Task[T]) -> T:
    """Run a task on this thread, inside of those that run here already."""
    tasks = _here.__dict__.setdefault("tasks", [])
    tasks.append(task)
    try:
        return task.function()
    finally:
        tasks.pop()


def checkpoint() -> None:
    """End the call that runs on this thread if its caller has stopped it; engines call this at every step.

    Raises:
        CancelledError: it was stopped.
    """
    if any(task.is_stopped for task in _here.__dict__.get("tasks", ())):
        raise CancelledError


def call(function: Callable[[], T], cancel: threading.Event | None = None) -> T:
    """Run a function on the engines' thread, after the calls before it, and return its result.

    A call from that thread itself runs at once. Ctrl-C stops the function at its next step and is raised after that;
    the next Ctrl-C is raised at once. A function that waits for its turn then never runs.

    Args:
        function: takes no arguments. Code that uses the arrays of an engine's model belongs here.
        cancel: stops the function as Ctrl-C does, from any thread.

    Raises:
        CancelledError: `cancel` was set before the function ended.
        InputError: this process was forked from one that had used MLX.
    """
    owner = _get()
    if threading.current_thread() is owner.thread:
        return _nested(_Task(function, cancel))
    return _submit(owner, _Task(function, cancel))


def _submit(owner: _Owner, task: _Task[T]) -> T:
    try:
        owner.submit(task)
        while not task.wait(POLL_SECONDS):
            if task.cancel is not None and task.cancel.is_set():
                raise CancelledError
    except BaseException:  # that, or Ctrl-C
        task.stopped = True
        while not task.claim() and not task.wait(POLL_SECONDS):
            pass
        raise
    return task.outcome()


def on_owner(method: Callable[P, T]) -> Callable[P, T]:
    """Make a function or method run on the engines' thread, as `call`; its option `cancel` is that of `call`."""

    @functools.wraps(method)
    def run(*arguments: P.args, **options: P.kwargs) -> T:
        cancel: Any = options.get("cancel")
        cancel = cancel if hasattr(cancel, "is_set") else None
        return call(lambda: method(*arguments, **options), cancel)

    return run


class OwnedGenerator(Generator[T, None, None]):
    """A generator whose every step runs on the engines' thread; it may be read and closed from any thread."""

    _key = -1  # of none, if there is an error in __init__
    _keys = itertools.count()

    def __init__(self, generator: Generator[T, None, None], cancel: threading.Event | None = None) -> None:
        """Take a generator, and the event that stops a step as in `call`."""
        self._owner, self._cancel, self._key = _get(), cancel, next(self._keys)
        self._owner.generators[self._key] = generator
        self._step: _Task[T] | None = None
        self._reason: str | None = None

    def __next__(self) -> T:
        """Return the next item.

        Raises:
            StopIteration: there is none, or the generator is closed.
            CancelledError: `cancel` was set, another thread has closed it during this step, or its engine is closed.
        """
        return self.send(None)

    def send(self, value: None) -> T:
        """Return the next item, as `next`; the value is not used."""
        generator = self._owner.generators.get(self._key)
        if generator is None:
            if self._reason is not None:
                raise CancelledError(self._reason)
            raise StopIteration
        backend.claim_process()
        task: _Task[T] = _Task(lambda: _step(generator), self._cancel)
        self._step = task
        try:
            if threading.current_thread() is self._owner.thread:
                return _nested(task)
            return _submit(self._owner, task)
        except BaseException as error:  # it has ended, or is where nobody can go on
            self._step = None
            self.close()
            if isinstance(error, _ExhaustedError):
                raise StopIteration from None
            raise
        finally:
            self._step = None

    def throw(self, *error: Any) -> T:
        """Close the generator and raise the exception here."""
        self.close()
        return super().throw(*error)

    def close(self, reason: str | None = None) -> None:
        """Stop a running step, and free what the generator holds as soon as the thread is free; wait for neither.

        Args:
            reason: in the `CancelledError` that later steps raise; None: they raise StopIteration, as of any generator.
        """
        if self._key < 0 or not backend.is_own_process():
            return
        generator = self._owner.generators.pop(self._key, None)
        if generator is None:
            return
        self._reason = reason
        if (step := self._step) is not None:
            step.stopped = True
            self._reason = reason or "the stream was closed while it was read"
        if not self._owner.closing:
            # `put` may be called in the midst of anything, as garbage collection does.
            self._owner.queue.put(_Task(generator.close))

    def __del__(self) -> None:
        """Close it."""
        self.close()


class _ExhaustedError(Exception):
    """The end of a generator; a StopIteration that leaves a function means something else in a generator's frame."""


def _step(generator: Generator[T, None, None]) -> T:
    try:
        return next(generator)
    except StopIteration:
        raise _ExhaustedError from None
