"""A folder of recorded screens: one PNG and one tree of each, and the annotations of all."""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlx_saccade import files
from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals.screens.applications import APPLICATIONS, Application, State
from mlx_saccade.evals.screens.recorder import Recorder
from mlx_saccade.evals.screens.session import Session, SessionError
from mlx_saccade.evals.screenspot import ANNOTATIONS, PNG_END, write_list

if TYPE_CHECKING:
    from mlx_saccade.evals.screens.recorder import Moment

__all__ = ["Collection", "Screen", "choose_screens", "installed", "not_installed"]

# Of the files, for a later run: a change of the documents or of the form of the trees makes another one.
VERSION: Final = 1
STAMP: Final = "saccade-screen"


@dataclass(frozen=True)
class Screen:
    """A state of a program, to be recorded."""

    application: Application
    state: State

    @property
    def name(self) -> str:
        """Return the name of its files, without an ending."""
        return f"{self.application.name.replace('@', '-')}-{self.state.name.replace(' ', '-')}"


def installed(application: Application) -> bool:
    """Return True if a program is on PATH."""
    return shutil.which(application.command[0]) is not None


def not_installed() -> list[Application]:
    """Return the first setting of every program that is not installed."""
    first = {one.program: one for one in reversed(APPLICATIONS)}
    return [one for one in reversed(first.values()) if not installed(one)]


def choose_screens(names: Sequence[str] | None = None, count: int | None = None) -> list[Screen]:
    """Return the screens of programs.

    Args:
        names: of programs; None (default) is all that are installed.
        count: at most so many screens, taken from every program in turn; None (default) is all.

    Raises:
        InputError: a name is not known, or its program is not installed; or no program is installed.
    """
    known = list(dict.fromkeys(one.program for one in APPLICATIONS))
    for name in names or ():
        if name not in known:
            raise InputError(f"--apps: expected some of {','.join(known)}; got {brief(name)}")
    chosen = [one for one in APPLICATIONS if (one.program in names if names else installed(one))]
    absent = {one.program: one.package for one in chosen if not installed(one)}
    if absent:
        packages = " ".join(absent.values())
        raise InputError(f"--apps: not installed: {', '.join(absent)}. On Debian: apt install {packages}")
    if not chosen:
        packages = " ".join(dict.fromkeys(one.package for one in APPLICATIONS))
        raise InputError(f"screens: none of the programs is installed. On Debian: apt install some of {packages}")
    screens = [Screen(application, state) for application in chosen for state in application.states]
    if count is None or count >= len(screens):
        return screens
    # The first screens of all programs come before the second ones of any.
    programs: Counter[str] = Counter()
    turns = {}
    for screen in screens:
        turns[screen.name] = programs[screen.application.program]
        programs[screen.application.program] += 1
    picked = sorted(screens, key=lambda screen: turns[screen.name])[:count]
    return [screen for screen in screens if screen in picked]


@dataclass(frozen=True)
class Collection:
    """A folder of screens of one size.

    Attributes:
        folder: where the files are.
        size: (width, height) of the screens in pixels.
    """

    folder: Path
    size: tuple[int, int]

    def image(self, screen: Screen) -> Path:
        """Return the path of a screen's pixels."""
        return self.folder / f"{screen.name}.png"

    def tree(self, screen: Screen) -> Path:
        """Return the path of a screen's accessibility tree and windows."""
        return self.folder / "trees" / f"{screen.name}.json"

    def finished(self) -> list[Screen]:
        """Return the screens in the folder that are complete.

        Raises:
            InputError: the folder is a file, or holds a screen of another size or version, or a list of something else.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"--out {self.folder}: expected a folder; got a file. Name another folder")
        self._check_list()
        screens = [Screen(application, state) for application in APPLICATIONS for state in application.states]
        return [screen for screen in screens if self._is_finished(screen)]

    def _is_finished(self, screen: Screen) -> bool:
        from PIL import Image

        path = self.image(screen)
        if not path.exists():
            return False
        try:
            with Image.open(path, formats=["PNG"]) as image:
                own = image.info.get(STAMP) == self._stamp(screen) and image.size == self.size
            complete = path.read_bytes().endswith(PNG_END)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            own, complete = False, False
        if not own:
            raise InputError(
                f"--out {self.folder}: expected screens made with these arguments; got {path.name} of others. "
                "Name an empty folder"
            )
        return complete and self.tree(screen).exists()

    def _check_list(self) -> None:
        path = self.folder / ANNOTATIONS
        if not path.exists():
            return
        try:
            entries = json.loads(path.read_bytes())
            own = all(one["platform"] == "linux" and one["img_size"] == list(self.size) for one in entries)
        except (ValueError, TypeError, KeyError, RecursionError):
            own = False
        if not own:
            raise InputError(f"--out {self.folder}: expected the annotations of screens of this size; got another "
                             f"{ANNOTATIONS}. Name an empty folder")  # fmt: skip

    def _stamp(self, screen: Screen) -> str:
        return f"version {VERSION} screen {screen.name}"

    def record(self, screens: Sequence[Screen], note: Callable[[str], None]) -> Iterator[Screen]:
        """Record screens on a desktop of its own, and yield each when its files are written or it has failed.

        Args:
            screens: in the order of the table; those of one setting share a start of the program.
            note: takes one line for each screen that could not be recorded.

        Raises:
            InputError: the desktop cannot be started.
        """
        if not screens:
            return
        (self.folder / "trees").mkdir(parents=True, exist_ok=True)
        with Session(self.size) as session:
            for application, group in groupby(screens, key=lambda screen: screen.application):
                yield from self._record_program(session, application, list(group), note)

    def _record_program(
        self, session: Session, application: Application, screens: Sequence[Screen], note: Callable[[str], None]
    ) -> Iterator[Screen]:
        left = list(screens)
        try:
            with Recorder(session, application) as recorder:
                while left:
                    screen = left.pop(0)
                    try:
                        self._write(screen, recorder.record(screen.state))
                    except SessionError as error:
                        note(f"skipped {screen.name}: {error}")
                    yield screen
        except SessionError as error:
            for screen in left:
                note(f"skipped {screen.name}: {error}")
                yield screen

    def _write(self, screen: Screen, moment: Moment) -> None:
        from PIL import Image, PngImagePlugin

        record = {"nodes": moment.nodes, "windows": moment.windows, "size": list(self.size)}
        files.write_atomically(self.tree(screen), json.dumps(record, ensure_ascii=False).encode())
        info = PngImagePlugin.PngInfo()
        info.add_text(STAMP, self._stamp(screen))
        stream = io.BytesIO()
        image = Image.fromarray(moment.pixels)
        colors = image.getcolors(256)
        if colors is not None:  # exact, and a third of the bytes
            image = image.quantize(len(colors), dither=Image.Dither.NONE)
            assert image.convert("RGB").tobytes() == moment.pixels.tobytes()
        image.save(stream, "PNG", optimize=True, pnginfo=info)
        files.write_atomically(self.image(screen), stream.getvalue())

    def annotate(self, track: Callable[[Sequence[Screen]], Iterator[Screen]] = iter) -> list[dict[str, Any]]:
        """Write the annotations of all complete screens, and return them.

        Args:
            track: shows progress over the screens; default nothing.
        """
        import numpy as np
        from PIL import Image

        from mlx_saccade.evals.screens.annotations import annotate, find_elements
        from mlx_saccade.evals.screens.filters import Tree

        rows = []
        for screen in track(self.finished()):
            record = json.loads(self.tree(screen).read_bytes())
            with Image.open(self.image(screen)) as image:
                pixels = np.asarray(image.convert("RGB"))
            tree = Tree.read(record["nodes"], record["windows"], self.size)
            elements = find_elements(tree, screen.application, pixels)
            rows.append((self.image(screen).name, elements, screen.application))
        entries = annotate(rows, self.size)
        write_list(self.folder / ANNOTATIONS, entries)
        return entries
