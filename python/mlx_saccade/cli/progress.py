"""A line on the terminal for what takes longer than a moment, and nothing for what does not."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, TextIO

from mlx_saccade.cli import output

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

__all__ = ["Progress"]

SECONDS = 1.5
WORDS = {"vision": "seeing tokens", "prefill": "reading tokens", "answer": "answering"}


class Progress:
    """Counts on standard error, where that is a terminal; an engine takes it as `progress`."""

    def __init__(self, first: str) -> None:
        """Say what is being done until the first call."""
        self._now: tuple[str, int, int | None] = (first, 0, None)
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._lock = threading.Lock()
        self._stopped = sys.stderr is None or not sys.stderr.isatty()
        self._screen = None if self._stopped else _apart(sys.stderr)
        self._timer = threading.Timer(SECONDS, self._show)
        self._timer.daemon = True

    def __enter__(self) -> Progress:
        """Begin to wait."""
        if not self._stopped:
            self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        """As `stop`."""
        self.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Say how far a stage has come."""
        with self._lock:
            self._now = (WORDS.get(stage, stage), done, total)
            if self._bar is not None and self._task is not None:
                self._bar.update(self._task, description=self._now[0], completed=done, total=total)

    def stop(self) -> None:
        """Take the bar away for good, before anything else is written."""
        self._timer.cancel()
        with self._lock:
            self._stopped = True
            if self._bar is not None:
                self._bar.stop()
                self._bar = None
            if self._screen is not None and self._screen is not sys.stderr:
                self._screen.close()

    def _show(self) -> None:
        from rich import progress

        with self._lock:
            if self._stopped:
                return
            columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), progress.MofNCompleteColumn())
            screen = output.console(stderr=True, file=self._screen)
            self._bar = progress.Progress(*columns, console=screen, transient=True)
            words, done, total = self._now
            self._task = self._bar.add_task(words, completed=done, total=total)
            self._bar.start()


def _apart(stream: TextIO) -> TextIO:
    """The same terminal by a descriptor of its own: that of `stream` is libtiff's while a TIFF is decoded."""
    try:
        return os.fdopen(os.dup(stream.fileno()), "w", encoding=stream.encoding)
    except OSError:  # a stream without one
        return stream
