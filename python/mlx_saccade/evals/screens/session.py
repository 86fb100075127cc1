"""A desktop of its own: a virtual display, an accessibility bus and a window manager, in a private home folder."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.errors import InputError
from mlx_saccade.evals.screens import requirements

__all__ = ["Session", "SessionError"]

_HERE: Final = Path(__file__).parent
_START_SECONDS: Final = 60
_ANSWER_SECONDS: Final = 90
_END_SECONDS: Final = 3
_POLL_SECONDS: Final = 0.2
# It outlives this process for a moment: when its input ends, it kills the process groups that are left, and removes the
# folder. Some have children that no signal of their parent's death reaches.
_WARDEN: Final = """
groups=" "
while read -r sign group; do
    case $sign in
        +) groups="$groups $group " ;;
        -) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
rm -rf -- "$1"
"""
_DPI: Final = 96
MAX_SESSIONS: Final = 100
# A plain grey: the desktop has no other background, and black would pass for a failed capture.
_DESKTOP_COLOR: Final = 0x5E6A75
_ENVIRONMENT: Final = {
    "GDK_BACKEND": "x11",
    "QT_QPA_PLATFORM": "xcb",
    "XDG_SESSION_TYPE": "x11",
    "GTK_MODULES": "gail:atk-bridge",
    "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
    "QT_ACCESSIBILITY": "1",
    "SAL_USE_VCLPLUGIN": "gtk3",
    "GNOME_ACCESSIBILITY": "1",
    "NO_AT_BRIDGE": "0",
    # Settings in memory: nothing of the user's is read or changed.
    "GSETTINGS_BACKEND": "memory",
    "GTK_OVERLAY_SCROLLING": "0",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
}
_UNSET: Final = ("WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "AT_SPI_BUS_ADDRESS", "XAUTHORITY", "SESSION_MANAGER")
_UNSET_TOO: Final = ("LANGUAGE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "GDK_SCALE", "QT_SCALE_FACTOR")


class SessionError(InputError):
    """A desktop, or a program on it, that did not start or does not answer."""


class Session:
    """A desktop in use: `with Session((3840, 2160)) as session`. All of it ends with the block.

    Attributes:
        size: (width, height) in pixels.
        home: the private home folder of the programs, removed at the end.
        environment: the variables of the programs.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        """Take the size; nothing is started."""
        self.size = size
        self._processes: list[subprocess.Popen[Any]] = []
        self._helpers: dict[str, _Helper] = {}

    def __enter__(self) -> Session:
        """Start everything.

        Raises:
            InputError: a part is missing, or does not start.
        """
        requirements.check()
        self._folder = _make_folder()
        self._warden = subprocess.Popen(
            ["sh", "-c", _WARDEN, "warden", str(self._folder)], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """End every process and remove the folder."""
        self._end()

    def _start(self) -> None:
        self.home = self._folder / "home"
        run = self._folder / "run"
        for folder in (self.home, run):
            folder.mkdir(mode=0o700)
        kept = {name: value for name, value in os.environ.items() if name not in (*_UNSET, *_UNSET_TOO)}
        folders = {f"XDG_{name}_HOME": str(self.home / folder) for name, folder in _XDG_FOLDERS.items()}
        self.environment = kept | _ENVIRONMENT | folders | {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(run)}
        self.environment["DISPLAY"] = self._start_display()
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self._start_bus(run / "bus")
        launcher = requirements.find_bus_launcher()
        assert launcher is not None
        self.start([launcher, "--launch-immediately", "--a11y=1", "--screen-reader=1"])
        self.x11("paint_root", _DESKTOP_COLOR)
        self._start_manager()
        # Without it no program of Qt registers.
        self.x11("set_bus", self.atspi("bus_address"))

    def _start_display(self) -> str:
        width, height = self.size
        options = ["-screen", "0", f"{width}x{height}x24", "-dpi", str(_DPI), "-nolisten", "tcp"]
        # Without Composite, whatever a program draws is in the picture of the root window.
        command = ["Xvfb", "-displayfd", "1", *options, "-extension", "Composite"]
        server = self.start(command, stdout=subprocess.PIPE)
        return ":" + _first_line(server, "Xvfb")

    def _start_bus(self, path: Path) -> str:
        address = f"unix:path={path}"
        command = ["dbus-daemon", "--session", f"--address={address}", "--nofork", "--nopidfile", "--print-address=1"]
        return _first_line(self.start(command, stdout=subprocess.PIPE), "dbus-daemon")

    def _start_manager(self) -> None:
        """Start the window manager and wait for it; on a busy machine it may give up, and is started again."""
        until = time.monotonic() + _START_SECONDS
        manager: subprocess.Popen[Any] | None = None
        while not self.x11("has_manager"):
            if time.monotonic() > until:
                raise SessionError(f"screens: openbox did not start within {_START_SECONDS} s. Try again")
            if manager is None or manager.poll() is not None:
                manager = self.start(["openbox", "--sm-disable"])
            time.sleep(_POLL_SECONDS)

    def start(
        self, command: Sequence[str], *, stdout: int | None = None, variables: dict[str, str] | None = None
    ) -> subprocess.Popen[Any]:
        """Start a program on the desktop, in a process group of its own that ends with this process, however it ends.

        Args:
            command: its words.
            stdout: as for `subprocess.Popen`; default its log.
            variables: more variables of its environment.
        """
        program = Path(command[0]).name
        with (self._folder / f"{program}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log if stdout is None else stdout,
                stderr=log,
                env=self.environment | (variables or {}),
                cwd=self.home,
                start_new_session=True,
            )
        self._processes.append(process)
        self._tell_warden("+", process)
        return process

    def _tell_warden(self, sign: str, process: subprocess.Popen[Any]) -> None:
        assert self._warden.stdin is not None
        self._warden.stdin.write(f"{sign} {process.pid}\n")
        self._warden.stdin.flush()

    def end(self, process: subprocess.Popen[Any]) -> None:
        """End a program and its group: by SIGTERM, and by SIGKILL if it lives on."""
        _end_group(process)
        if process in self._processes:
            self._processes.remove(process)
            self._tell_warden("-", process)

    def atspi(self, request: str, *arguments: Any) -> Any:
        """Return the answer of `atspi_dump` to a request."""
        return self._helper("atspi_dump").ask(request, *arguments)

    def x11(self, request: str, *arguments: Any) -> Any:
        """Return the answer of `x11_screen` to a request."""
        return self._helper("x11_screen").ask(request, *arguments)

    def capture(self) -> NDArray[np.uint8]:
        """Return the screen's pixels as RGB, shape [height, width, 3]."""
        path = self._folder / "capture.raw"
        width, height = self.x11("capture", str(path))
        pixels = np.fromfile(path, np.uint8).reshape(height, width, 4)
        return np.ascontiguousarray(pixels[:, :, 2::-1])

    def _helper(self, name: str) -> _Helper:
        helper = self._helpers.get(name)
        if helper is None or helper.has_ended:
            python = requirements.find_python()
            assert python is not None
            helper = self._helpers[name] = _Helper([python, "-I", "-B", str(_HERE / f"{name}.py")], self.environment)
        return helper

    def _end(self) -> None:
        for helper in self._helpers.values():
            helper.end()
        for process in reversed(self._processes):
            _end_group(process)
        self._processes.clear()
        _end_group(self._warden)
        shutil.rmtree(self._folder, ignore_errors=True)


_XDG_FOLDERS: Final = {"CONFIG": ".config", "CACHE": ".cache", "DATA": ".local/share"}


class _Helper:
    """A program of the system's Python that answers requests."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._name = Path(command[-1]).stem
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, start_new_session=True,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def ask(self, request: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": request, "with": arguments}) + "\n")
            self._process.stdin.flush()
            line = _read_line(self._process, _ANSWER_SECONDS)
        except OSError:
            line = ""
        if not line:
            self.end()
            raise SessionError(f"screens: {self._name} did not answer to {request} within {_ANSWER_SECONDS} s")
        answer = json.loads(line)
        if "error" in answer:
            raise SessionError(f"screens: {self._name}, {request}: {answer['error']}")
        return answer["answer"]

    def end(self) -> None:
        _end_group(self._process)


def _make_folder() -> Path:
    """Make a folder for this user alone, with a short name: file managers and title bars show it."""
    for number in range(1, MAX_SESSIONS + 1):
        folder = Path(tempfile.gettempdir()) / f"screens-{number}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder
    raise SessionError(
        f"screens: {tempfile.gettempdir()} has {MAX_SESSIONS} folders screens-N. Remove those of ended runs"
    )


def _first_line(process: subprocess.Popen[Any], name: str) -> str:
    """Return the first line that a server prints, which says that it is ready."""
    line = _read_line(process, _START_SECONDS)
    if not line.strip():
        raise SessionError(f"screens: {name} did not start within {_START_SECONDS} s. Start it by hand to see why")
    return (line if isinstance(line, str) else line.decode()).strip()


def _read_line(process: subprocess.Popen[Any], seconds: float) -> Any:
    """Return the next line of a process, or nothing if it ends or the time is over."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(seconds) else ""


def _end_group(process: subprocess.Popen[Any]) -> None:
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, kind)
        until = time.monotonic() + _END_SECONDS
        while _group_lives(process) and time.monotonic() < until:
            time.sleep(0.05)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _group_lives(process: subprocess.Popen[Any]) -> bool:
    process.poll()  # reap it, or it would count
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
