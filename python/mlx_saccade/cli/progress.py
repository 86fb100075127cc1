"""Progress bars on standard error, if that is a terminal."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, TextIO

from mlx_saccade.cli import output

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import ProgressColumn, TaskID

__all__ = ["Progress", "bar"]

# A bar appears after this time; quick work shows none.
SECONDS = 1.5
STAGES = {"frames": "reading frames", "vision": "encoding tokens", "prefill": "reading tokens", "answer": "answering"}


def bar(*columns: ProgressColumn, redirect_stdout: bool = True) -> Bar:
    """Return a bar that appears at once and goes away at its end.

    Args:
        columns: of the bar; without them it has rich's own.
        redirect_stdout: print what goes to standard output above the bar, on standard error; for a command that prints
            nothing there meanwhile, or on the same terminal.
    """
    from rich.progress import Progress

    screen = output.console(stderr=True)
    disable = output.is_quiet() or not screen.is_terminal
    return Progress(*columns, console=screen, transient=True, disable=disable, redirect_stdout=redirect_stdout)


class Progress:
    """A bar for the stages of a question; an engine takes it as `progress`."""

    def __init__(self, first: str) -> None:
        """Name what is being done until the first call."""
        self._now: tuple[str, int, int | None] = (first, 0, None)
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._lock = threading.Lock()
        self._stopped = output.is_quiet() or sys.stderr is None or not sys.stderr.isatty()
        self._screen = None if self._stopped else _own_terminal(sys.stderr)
        self._timer = threading.Timer(SECONDS, self._show)
        self._timer.daemon = True

    def __enter__(self) -> Progress:
        """Start the timer of the bar."""
        if not self._stopped:
            self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the bar, as `stop`."""
        self.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` of a stage is finished."""
        with self._lock:
            self._now = (STAGES.get(stage, stage), done, total)
            if self._bar is not None and self._task is not None:
                self._bar.update(self._task, description=self._now[0], completed=done, total=total)

    def stop(self) -> None:
        """Remove the bar for good, before anything else is written."""
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
            stage, done, total = self._now
            self._task = self._bar.add_task(stage, completed=done, total=total)
            self._bar.start()


def _own_terminal(stream: TextIO) -> TextIO:
    """Open the same terminal by another descriptor: while a TIFF is decoded, that of `stream` is libtiff's."""
    try:
        return os.fdopen(os.dup(stream.fileno()), "w", encoding=stream.encoding)
    except OSError:  # a stream without a descriptor
        return stream
