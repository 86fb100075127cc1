"""The run log of an evaluation: a file of JSON lines from which a stopped run resumes.

The first line says what the answers depend on, each later line holds answers. A line that a kill cut short is dropped,
and its questions are asked again. A second process on the same log is refused. The runs of `mlx-saccade sweep` are
folders: `mlx_saccade.evals.run_folder`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mlx_saccade import files
from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals import lines as line_files
from mlx_saccade.evals.locks import FileLock
from mlx_saccade.scenes import VERSION

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Entry = TypeVar("Entry", bound=DataclassInstance)
else:
    Entry = TypeVar("Entry")

__all__ = ["RunKind", "RunLog", "read"]

Line = dict[str, Any]
RESTART = "Name another --out, or delete the file to start over"


@dataclass(frozen=True)
class RunKind(Generic[Entry]):
    """A kind of run log.

    Attributes:
        command: the command that writes it, for messages.
        format: number of the format; raise it if older answers must not mix with new ones.
        entry: name of what a line after the first holds, with an article, for messages.
        parse: makes an entry of a line's JSON value; raises TypeError or ValueError if it is damaged. The entry is a
            dataclass whose fields are the line.
        setup: the first line holds the setup of the run too.
    """

    command: str
    format: int
    entry: str
    parse: Callable[[Any], Entry]
    setup: bool = False

    def head(self, model: str, setup: Line | None) -> Line:
        """Return the first line of a log.

        Args:
            model: `mlx_saccade.checkpoint.hub.digest` of the checkpoint.
            setup: what is asked, if the kind has a setup.
        """
        head = {"format": self.format, "scenes": VERSION, "model": model}
        return head | {"setup": setup} if self.setup else head


class RunLog(Generic[Entry]):
    """A log of one run, in memory and on disk; it holds the lock of its file until it is closed or collected.

    Attributes:
        path: the file.
        entries: what an earlier run wrote, and what was added since.
    """

    def __init__(
        self, path: str | os.PathLike[str], kind: RunKind[Entry], model: str, setup: Line | None = None
    ) -> None:
        """Read an existing file; a new or empty one gets its first line with the first entry.

        Args:
            path: the file.
            kind: the kind of log.
            model: `mlx_saccade.checkpoint.hub.digest` of the checkpoint that answers.
            setup: what is asked, if the kind has a setup.

        Raises:
            InputError: the file is not a log of this kind, holds other answers, cannot be written, or another process
                writes it.
        """
        self.path = files.check_writable(path)
        self.entries: list[Entry] = []
        self._lock = FileLock(self.path.parent / f".{self.path.name}.lock", self.path)
        self._start: bytes | None = json.dumps(kind.head(model, setup)).encode() + b"\n"
        try:
            self._read(kind)
        except BaseException:
            self.close()
            raise

    def _read(self, kind: RunKind[Entry]) -> None:
        """Read the entries of an existing file, and what the first entry has to write before itself."""
        if not self.path.exists():
            return
        if not os.access(self.path, os.W_OK):
            raise InputError(f"{self.path}: expected a writable file; got a read-only one. Name another --out")
        data = self.path.read_bytes()
        if not data:
            return
        lines = line_files.whole_lines(data)
        head, self.entries = _parse(lines, self.path, kind)
        _check_head(self.path, head, json.loads(self._start or b"null"))
        self._start = lines if len(lines) < len(data) else None

    def __enter__(self) -> RunLog[Entry]:
        """Return the log."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the log."""
        self.close()

    def close(self) -> None:
        """Release the lock; a second call does nothing."""
        self._lock.release()

    def add(self, entry: Entry) -> None:
        """Append one entry to the file, on the disk when this returns.

        Raises:
            OSError: the disk is full or fails; entries before this one stay.
        """
        if self._start is not None:
            files.write_atomically(self.path, self._start)
            self._start = None
        line_files.append(self.path, json.dumps(asdict(entry)).encode() + b"\n")
        self.entries.append(entry)


def read(path: Path, kind: RunKind[Entry]) -> tuple[Line, list[Entry]]:
    """Return the first line of a log and its entries.

    Raises:
        FileNotFoundError: no such file.
        InputError: the file is not a log of this kind and format.
    """
    return _parse(line_files.whole_lines(path.read_bytes()), path, kind)


def _parse(data: bytes, path: Path, kind: RunKind[Entry]) -> tuple[Line, list[Entry]]:
    try:
        head, *lines = [json.loads(line) for line in data.splitlines()]
    except (ValueError, RecursionError):
        head, lines = None, []
    if not isinstance(head, dict) or head.keys() != kind.head("", None).keys():
        raise InputError(f"{path}: expected a run log of `{kind.command}`; got another file. Name another file")
    if head["format"] != kind.format:
        raise InputError(f"{path}: expected format {kind.format}; got format {brief(head['format'])}. {RESTART}")
    return head, [_entry(line, f"{path}: line {number}", kind) for number, line in enumerate(lines, 2)]


def _entry(line: Any, where: str, kind: RunKind[Entry]) -> Entry:
    try:
        return kind.parse(line)
    except (TypeError, ValueError):
        raise InputError(f"{where}: expected {kind.entry}; got {brief(line)}. Delete that line and run again") from None


def _check_head(path: Path, head: Line, expected: Line) -> None:
    problems = {
        "scenes": f"expected screens of version {VERSION}; got screens of version {brief(head['scenes'])}",
        "model": "expected answers of this model; got answers of another model, or from before a file of it changed",
        "setup": "expected answers to this setup; got answers to another setup",
    }
    for name, problem in problems.items():
        if head.get(name) != expected.get(name):
            raise InputError(f"{path}: {problem}. {RESTART}")
