"""Read lines of bounded length from a file descriptor, without blocking the event loop or the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

__all__ = ["CUT", "MAX_LINE_BYTES", "Lines", "split"]

MAX_LINE_BYTES = 128 << 20
"""Longest line that is kept whole."""
CUT = "[cut by mlx-saccade]"
"""What stands in a line in place of the bytes beyond the longest."""

_CHUNK, _TAIL = 1 << 16, 1 << 16


def split(read: Callable[[], bytes], most: int) -> Iterator[str]:
    """Yield lines as text, without their ends.

    Of a longer line the middle is replaced by `CUT`. A message is that long because of one string, an image. So its cut
    form is valid JSON with its id, and can be answered by an error; the bytes are never all in memory.

    Args:
        read: returns the next bytes, none at the end.
        most: bytes that are kept at the start of a line; another 64 KiB at its end are.
    """
    head, tail, dropped = bytearray(), bytearray(), False
    while chunk := read():
        *whole, rest = chunk.split(b"\n")
        for number, part in enumerate((*whole, rest)):
            room = max(0, most - len(head))
            head += part[:room]
            tail += part[room:]
            if len(tail) > _TAIL:
                del tail[:-_TAIL]
                dropped = True
            if number < len(whole):
                yield _text(head, tail, dropped=dropped)
                head, tail, dropped = bytearray(), bytearray(), False
    if head:
        yield _text(head, tail, dropped=dropped)


def _text(head: bytearray, tail: bytearray, *, dropped: bool) -> str:
    if dropped:
        head += CUT.encode()
    head += tail
    return head.decode("utf-8", "replace")


class Lines:
    """The lines of a file descriptor, read ahead by a daemon thread; an asynchronous iterator.

    The thread holds no lock of Python's while it waits for bytes, so the process may end at any time.
    """

    def __init__(self, descriptor: int) -> None:
        """Start to read in the running event loop; the descriptor stays open."""
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(maxsize=1)
        threading.Thread(target=self._read, args=(descriptor,), name="mlx-saccade-stdin", daemon=True).start()

    def _read(self, descriptor: int) -> None:
        # The loop may have ended: nobody reads on.
        with contextlib.suppress(RuntimeError):
            with contextlib.suppress(OSError):
                for line in split(partial(os.read, descriptor, _CHUNK), MAX_LINE_BYTES):
                    self._put(line)
            self._put(None)

    def _put(self, line: str | None) -> None:
        put = self._queue.put(line)
        try:
            asyncio.run_coroutine_threadsafe(put, self._loop).result()
        except RuntimeError:
            put.close()
            raise

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield each line."""
        while (line := await self._queue.get()) is not None:
            yield line
