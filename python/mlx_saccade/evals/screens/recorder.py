"""Programs opened, brought into states, and recorded: pixels, windows and the accessibility tree of one moment."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.evals.screens.applications import Application, State, Step
from mlx_saccade.evals.screens.documents import write_documents
from mlx_saccade.evals.screens.session import Session, SessionError

__all__ = ["Moment", "Recorder"]

_START_SECONDS: Final = 60
_SETTLE_SECONDS: Final = 20
_POLL_SECONDS: Final = 0.5
# A tree this small is that of a splash screen.
_MIN_NODES: Final = 8
_TRIES: Final = 4
DOCUMENTS: Final = "documents"


@dataclass(frozen=True)
class Moment:
    """A screen as it was recorded.

    Attributes:
        pixels: uint8 RGB, shape [height, width, 3].
        nodes: of the accessibility tree, as `atspi_dump` writes them.
        windows: of the display, the lowest first, as `x11_screen` writes them.
    """

    pixels: NDArray[np.uint8]
    nodes: list[dict[str, Any]]
    windows: list[dict[str, Any]]


class Recorder:
    """One program on a desktop, and its states.

    Args:
        session: the desktop, with no other program on it.
        application: the program.
    """

    def __init__(self, session: Session, application: Application) -> None:
        """Take them; nothing is started."""
        self._session, self._application = session, application
        self._process: subprocess.Popen[Any] | None = None
        self._first_windows: set[int] = set()

    def __enter__(self) -> Recorder:
        """Start the program.

        Raises:
            SessionError: it does not start, or shows nothing to the accessibility bus.
        """
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """End the program."""
        self.close()

    def open(self) -> None:
        """Start the program in an empty home folder, close what it opens with, and maximize its window."""
        home, application = self._session.home, self._application
        for entry in home.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()
        write_documents(home / DOCUMENTS)
        for path, content in application.settings.items():
            target = home / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        command = [word.replace("@", f"{home / DOCUMENTS}/") for word in application.command]
        self._process = self._session.start(command, variables=dict(application.variables))
        self._settle(_START_SECONDS)
        for step in application.start_up:
            self._take(step)
        self._session.x11("maximize", self._main_window())
        self._settle(_SETTLE_SECONDS)
        self._first_windows = self._managed()

    def close(self) -> None:
        """End the program."""
        if self._process is not None:
            self._session.end(self._process)
            self._process = None
            self._wait_for_nothing()

    def record(self, state: State) -> Moment:
        """Bring the program into a state, record it, and bring it back.

        Raises:
            SessionError: a step cannot be taken, or the screen does not come to rest.
        """
        try:
            for step in state.steps:
                self._take(step)
            self._park()
            moment = self._moment()
        finally:
            with contextlib.suppress(SessionError):
                self._undo(state)
        return moment

    def _moment(self) -> Moment:
        """Return a moment before and after which the tree and the windows were the same."""
        for _ in range(_TRIES):
            nodes = self._settle(_SETTLE_SECONDS, 2)
            windows = self._session.x11("windows")
            pixels = self._session.capture()
            if _same(nodes, self._session.atspi("dump")) and windows == self._session.x11("windows"):
                return Moment(pixels, nodes, windows)
        raise SessionError(f"{self._application.name}: the screen does not come to rest")

    def _take(self, step: Step) -> None:
        session, words = self._session, step.words
        if step.kind == "press":
            session.x11("press", *words)
        elif step.kind == "wait":
            time.sleep(float(words[0]))
            return
        elif step.kind == "act":
            if not session.atspi("act", *words):
                raise SessionError(f"{self._application.name}: found no {' '.join(words)} to press")
        elif step.kind == "click":
            box = session.atspi("place", *words)
            if box is None:
                raise SessionError(f"{self._application.name}: found no {' '.join(words)} to click")
            scale = self._application.scale
            session.x11("click", scale * (box[0] + box[2] // 2), scale * (box[1] + box[3] // 2))
        elif step.kind == "click at":
            session.x11("click", *map(int, words))
        else:
            assert step.kind == "close others"
            self._close_others()
        self._settle(_SETTLE_SECONDS, 2)

    def _close_others(self) -> None:
        """Close every window but the largest."""
        main = self._main_window()
        for window in self._managed() - {main}:
            self._session.x11("close", window)

    def _undo(self, state: State) -> None:
        """Close the menus and windows of a state; where that fails, start the program anew."""
        if not state.steps:
            return
        for step in state.undo:
            self._take(step)
        for _ in range(_TRIES):
            for window in self._managed() - self._first_windows:
                self._session.x11("close", window)
            self._session.x11("press", "Escape")
            time.sleep(_POLL_SECONDS)
            if self._managed() == self._first_windows and not self._popups():
                return
        self.close()
        self.open()

    def _park(self) -> None:
        """Move the pointer where it lies on nothing, so that no tooltip or highlight is on the screen."""
        width, height = self._session.size
        self._session.x11("point", width - 1, height - 1)

    def _managed(self) -> set[int]:
        return {window["id"] for window in self._session.x11("windows") if window["managed"]}

    def _popups(self) -> bool:
        return any(not one["managed"] and one["box"][2] > 20 for one in self._session.x11("windows"))

    def _main_window(self) -> int:
        windows = [window for window in self._session.x11("windows") if window["managed"]]
        if not windows:
            raise SessionError(f"{self._application.name}: opened no window within {_START_SECONDS} s")
        return int(max(windows, key=lambda window: window["box"][2] * window["box"][3])["id"])

    def _settle(self, seconds: float, readings: int = 3) -> list[dict[str, Any]]:
        """Wait until the tree and the windows are the same in some readings, and return the tree."""
        until = time.monotonic() + seconds
        last: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
        same = 0
        while time.monotonic() < until:
            now = self._session.atspi("dump"), self._session.x11("windows")
            same = same + 1 if len(now[0]) >= _MIN_NODES and _same(now[0], last[0]) and now[1] == last[1] else 0
            last = now
            if same >= readings - 1:
                break
            time.sleep(_POLL_SECONDS)
            if self._process is None or self._process.poll() is not None:
                raise SessionError(f"{self._application.name}: ended by itself")
        if len(last[0]) < _MIN_NODES:
            raise SessionError(f"{self._application.name}: shows nothing to the accessibility bus within {seconds} s")
        return last[0]

    def _wait_for_nothing(self) -> None:
        """Wait until the program has left the accessibility bus."""
        until = time.monotonic() + _SETTLE_SECONDS
        while self._session.atspi("list_programs") and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)


def _same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    """Return True if two trees have the same names and places; a blinking cursor changes neither."""
    return len(one) == len(other) and all(_key(a) == _key(b) for a, b in zip(one, other, strict=True))


def _key(node: dict[str, Any]) -> tuple[Any, ...]:
    return node["role"], node["name"], node["box"], "showing" in node["states"]
