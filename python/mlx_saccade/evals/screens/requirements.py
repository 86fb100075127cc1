"""What `mlx-saccade screens` needs of the system, and which package of Debian brings it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from mlx_saccade.errors import InputError

__all__ = ["Missing", "check", "find_bus_launcher", "find_python", "missing"]

_PROGRAMS: Final = {"Xvfb": "xvfb", "dbus-daemon": "dbus", "openbox": "openbox"}
# Debian, Fedora and Arch put it in different folders, all outside PATH.
_BUS_LAUNCHERS: Final = tuple(
    f"{folder}/at-spi-bus-launcher" for folder in ("/usr/libexec", "/usr/lib/at-spi2-core", "/usr/lib")
)
# The other Pythons on PATH are those of environments, which lack the system's modules.
_PYTHON: Final = "/usr/bin/python3"
_MODULES: Final = {
    "gi": ("import gi", "python3-gi"),
    "Atspi": ("import gi; gi.require_version('Atspi', '2.0'); from gi.repository import Atspi", "gir1.2-atspi-2.0"),
    "Xlib": ("import Xlib", "python3-xlib"),
}
# GTK 2 and 3 load these by name, and are mute without them.
_BRIDGES: Final = {"libatk-bridge.so": "libatk-adaptor", "libgail.so": "libgail-common"}
_LIBRARY_FOLDERS: Final = ("/usr/lib", "/usr/lib64")


class Missing(NamedTuple):
    """A part that is not installed.

    Attributes:
        part: its name, such as "Xvfb".
        package: the package of Debian that has it.
    """

    part: str
    package: str


def find_bus_launcher() -> str | None:
    """Return the path of the accessibility bus's launcher, or None."""
    return next((path for path in _BUS_LAUNCHERS if os.access(path, os.X_OK)), None)


def find_python() -> str | None:
    """Return the path of the system's Python, or None."""
    return _PYTHON if os.access(_PYTHON, os.X_OK) else None


@cache
def missing() -> tuple[Missing, ...]:
    """Return the parts that are not installed, without the programs to show."""
    parts = [Missing(program, package) for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if find_bus_launcher() is None:
        parts.append(Missing("at-spi-bus-launcher", "at-spi2-core"))
    python = find_python()
    if python is None:
        parts += [Missing(_PYTHON, "python3"), *(Missing(module, package) for module, (_, package) in _MODULES.items())]
    else:
        parts += [Missing(module, package) for module, (code, package) in _MODULES.items() if not _runs(python, code)]
    return (*parts, *(Missing(name, package) for name, package in _BRIDGES.items() if not _is_library(name)))


def _runs(python: str, code: str) -> bool:
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, check=False)
    return done.returncode == 0


def _is_library(name: str) -> bool:
    """Return True if GTK has a module of this name, in any version and for any machine."""
    patterns = (f"gtk-*/modules/{name}", f"*/gtk-*/modules/{name}")
    return any(next(Path(folder).glob(pattern), None) for folder in _LIBRARY_FOLDERS for pattern in patterns)


def check() -> None:
    """Refuse to run where a part is missing.

    Raises:
        InputError: the system is not Linux, or a part is missing; the message has the command that installs it.
    """
    if sys.platform != "linux":
        raise InputError(f"screens: expected Linux with X11 and AT-SPI; got {sys.platform}. Run it on Linux")
    parts = missing()
    if parts:
        names = ", ".join(part.part for part in parts)
        raise InputError(f"screens: not installed: {names}. On Debian: {install_command(parts)}")


def install_command(parts: tuple[Missing, ...]) -> str:
    """Return the command that installs parts on Debian."""
    return "apt install " + " ".join(dict.fromkeys(part.package for part in parts))
