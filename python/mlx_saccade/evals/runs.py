"""A file of JSON lines that a stopped run goes on from: one says what the answers depend on, the others hold them.

A line cut short by a kill is dropped, and what it held is asked anew.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_saccade import files
from mlx_saccade.errors import InputError, brief
from mlx_saccade.scenes import VERSION

__all__ = ["RunKind", "RunLog", "read"]

Line = dict[str, Any]


@dataclass(frozen=True)
class RunKind:
    """Whose journals they are.

    Attributes:
        command: that writes them.
        format: raised where the answers of older ones are not to be mixed with new ones.
        line: what a line after the first is, for messages.
        setup: whether the first line has a setup.
    """

    command: str
    format: int
    line: str
    setup: bool = False

    @property
    def keys(self) -> set[str]:
        """What the first line has."""
        return {"format", "scenes", "model"} | ({"setup"} if self.setup else set())

    def damaged(self, path: Path, place: int) -> InputError:
        """What to raise for the line at `place` of the lines after the first."""
        return InputError(f"{path}: line {place + 2} is no {self.line}; delete that line and run again")


class RunLog:
    """The file of one run, which goes on where an earlier one has stopped.

    Attributes:
        path: of the file.
        lines: what the earlier run has left behind the first line.
    """

    def __init__(self, path: str | os.PathLike[str], kind: RunKind, model: str, setup: Line | None = None) -> None:
        """Read what is there; a new file is made, and an empty one filled, with the first line that is added.

        Args:
            path: of the file.
            kind: of journal.
            model: whose answers they are: `mlx_saccade.checkpoint.hub.digest` of it.
            setup: what is asked, where the kind has one.

        Raises:
            InputError: the file is no journal of this kind, holds other answers, or cannot be written.
        """
        self.path = files.check_writable(path)
        head = {"format": kind.format, "scenes": VERSION, "model": model, **({"setup": setup} if kind.setup else {})}
        start = json.dumps(head).encode() + b"\n"
        self.lines: list[Any] = []
        self._start: bytes | None = start
        if not self.path.exists():
            return
        if not os.access(self.path, os.W_OK):
            raise InputError(f"{self.path}: is not writable; name another --out")
        if not self.path.stat().st_size:
            return
        data = self.path.read_bytes()
        whole = _whole(data)
        found, self.lines = _parse(whole, self.path, kind)
        _check(self.path, found, json.loads(start))
        self._start = whole if len(whole) < len(data) else None

    def add(self, line: Line) -> None:
        """Keep one line."""
        if self._start is not None:
            files.write_atomically(self.path, self._start)
            self._start = None
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


def read(path: Path, kind: RunKind) -> tuple[Line, list[Any]]:
    """The first line of a journal, and the whole ones after it.

    Raises:
        FileNotFoundError: no such file.
        InputError: the file is no journal of this kind and format.
    """
    return _parse(_whole(path.read_bytes()), path, kind)


def _whole(data: bytes) -> bytes:
    """What is left without a line that a kill cut short."""
    return data[: data.rfind(b"\n") + 1]


def _parse(whole: bytes, path: Path, kind: RunKind) -> tuple[Line, list[Any]]:
    try:
        head, *lines = [json.loads(line) for line in whole.splitlines()]
    except (ValueError, RecursionError):
        head, lines = None, []
    if not isinstance(head, dict) or head.keys() != kind.keys:
        raise InputError(f"{path}: is no file of this version's `{kind.command}`; name another")
    if head["format"] != kind.format:
        told = f"is a journal of format {brief(head['format'])}, not {kind.format}"
        raise InputError(f"{path}: {told}; name another, or delete it to ask anew")
    return head, lines


def _check(path: Path, found: Line, wanted: Line) -> None:
    differs = {
        "scenes": f"holds answers on screens of version {brief(found['scenes'])}, not {VERSION}",
        "model": "holds answers of another model, or of this one before a file of it was changed",
        "setup": "holds answers under another setup",
    }
    for name, why in differs.items():
        if found.get(name) != wanted.get(name):
            raise InputError(f"{path}: {why}; name another --out, or delete it to ask anew")
