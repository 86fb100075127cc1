"""The queue of requests: one runs at a time, first come first served, and a limited number waits.

A request runs in a thread and is stopped when its client closes the connection. A stream is generated as fast as the
model writes, however slowly its client reads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from starlette.types import Receive

from mlx_saccade.errors import CancelledError
from mlx_saccade.integrations.serve.errors import ClientGoneError, RefusedError

__all__ = ["Job", "Queue"]

T = TypeVar("T")


class Queue:
    """The requests in progress, of one event loop."""

    def __init__(self, length: int = 16) -> None:
        """Take the number of requests that may wait; more are refused."""
        self.length = length
        self.is_stopping = False
        self._lock = asyncio.Lock()  # wakes the waiting in their order
        self._places = 0
        self._jobs: set[Job[Any]] = set()
        self._seconds = 1.0  # of a turn, on average

    @property
    def count(self) -> int:
        """Requests that are read, wait, run or are answered."""
        return self._places

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place, from the head of a request to the end of its answer.

        Raises:
            RefusedError: 429 if all are taken, 503 if the server is ending.
        """
        if self.is_stopping:
            raise self.stopping()
        if self._places > self.length:
            wait = min(self._seconds * self._places, 60.0)
            raise RefusedError(429, f"queue: {self.length} requests wait already. Try again later", retry_after=wait)
        self._places += 1
        try:
            yield
        finally:
            self._places -= 1

    def submit(self, work: Callable[[threading.Event], T], receive: Receive) -> Job[T]:
        """Let a function wait for its turn and run in a thread.

        Args:
            work: takes an event that is set when it should end.
            receive: of the request, whose body has been read; says when the client is gone.
        """
        job = Job(self, work, receive)
        self._jobs.add(job)
        job.task.add_done_callback(lambda _: self._jobs.discard(job))
        return job

    def stop(self) -> None:
        """Take no more requests, and end those in progress."""
        self.is_stopping = True
        for job in list(self._jobs):
            job.drop()

    def stopping(self) -> RefusedError:
        """Return the refusal of a request that the end of the server has met."""
        return RefusedError(503, "the server is ending. Try again later", retry_after=5, closes=True)


class Job(Generic[T]):
    """The work of one request; `task` ends when it has run or was dropped before its turn."""

    def __init__(self, queue: Queue, work: Callable[[threading.Event], T], receive: Receive) -> None:
        self._queue, self._work = queue, work
        self._cancel = threading.Event()
        self._is_running = False
        self.task = asyncio.create_task(self._run())
        self._watch = asyncio.create_task(_until_gone(receive))
        self._watch.add_done_callback(lambda watch: None if watch.cancelled() else self.drop())
        self.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._watch.cancel()
        if not task.cancelled():
            task.exception()  # which is not reported as lost if nobody asks for it any more

    async def _run(self) -> T:
        async with self._queue._lock:
            self._is_running = True
            loop = asyncio.get_running_loop()
            start = loop.time()
            try:
                return await loop.run_in_executor(None, self._work, self._cancel)
            finally:
                self._queue._seconds += (loop.time() - start - self._queue._seconds) / 8

    def drop(self) -> None:
        """End it: at once if it waits, at its next step if it runs."""
        self._cancel.set()
        if not self._is_running:
            self.task.cancel()

    async def result(self) -> T:
        """Wait for the result.

        Raises:
            ClientGoneError: the client has closed the connection.
            RefusedError: the server is ending.
            Exception: of the work.
        """
        try:
            await asyncio.wait({self.task})
        except asyncio.CancelledError:
            self.drop()
            raise
        try:
            return self.task.result()
        except (asyncio.CancelledError, CancelledError):
            raise self._queue.stopping() if self._queue.is_stopping else ClientGoneError() from None


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
