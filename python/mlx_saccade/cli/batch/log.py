"""The file of a batch: JSON lines that are appended as answers come, and from which a stopped batch resumes.

Each row holds the setup that its answer depends on. An item that failed is tried again; its old row stays until it
succeeds. A row that a kill cut short is dropped. A lock keeps a second process from the file.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlx_saccade import files
from mlx_saccade.cli import answers_json, output
from mlx_saccade.cli.batch.items import Item
from mlx_saccade.errors import InputError, brief

__all__ = ["BatchLog", "Earlier"]

Row = dict[str, Any]
_BEGINNING = b'{"schema": "mlx-saccade/'
_RESTART = "Name another --out, or delete the file to start over"
_NOTHING: Any = object()


@dataclass(frozen=True)
class Earlier:
    """The rows that an earlier run has written of one item.

    Attributes:
        answers: the rows of its answers.
        missing: the descriptions without an answer.
        failure: the row of its failure; None without one.
    """

    answers: list[Row] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failure: Row | None = None


class BatchLog:
    """The rows of a batch, in memory and on disk; a context that holds the lock of the file.

    Attributes:
        path: the file.
        rows: all rows, those of earlier runs first; a failure that was overcome is no longer among them.
    """

    def __init__(self, path: str | os.PathLike[str], setup: Row) -> None:
        """Open the file, lock it, and read what an earlier run has written.

        Args:
            path: the file; it is created if it does not exist.
            setup: what the answers depend on: JSON values by name.

        Raises:
            InputError: another process holds the file, it is no file of a batch, or its answers have another setup.
        """
        self.path = files.check_writable(path)
        self._setup = json.loads(output.json_text(setup))
        self._overcome = False
        self._handle = _open_locked(self.path)
        try:
            data = _read(self._handle)
            whole = data[: data.rfind(b"\n") + 1]
            self.rows = list(_parse(whole, self.path))
            rest = data[len(whole) :]
            if rest[: len(_BEGINNING)] != _BEGINNING[: len(rest)]:
                raise _not_a_batch(self.path, len(self.rows) + 1, rest.decode("utf-8", "replace"))
            self._check_setups()
            os.ftruncate(self._handle, len(whole))
        except BaseException:
            os.close(self._handle)
            raise
        self._left: dict[int | str | None, list[tuple[int, Row]]] = defaultdict(list)
        for number, row in enumerate(self.rows, 1):
            self._left[row.get("line", row.get("image"))].append((number, row))

    def __enter__(self) -> BatchLog:
        """Return the log."""
        return self

    def __exit__(self, *error: object) -> None:
        """Drop the rows of failures that were overcome, remove a file without rows, and release the lock."""
        try:
            if self._overcome:
                files.write_atomically(self.path, b"".join(map(_encode, self.rows)))
            elif not self.rows:
                self.path.unlink(missing_ok=True)
        finally:
            os.close(self._handle)

    def earlier(self, item: Item) -> Earlier:
        """Return what an earlier run has written of an item; call it once for each item.

        Raises:
            InputError: the file has answers to another line in this one's place.
        """
        rows = self._left.pop(item.place, [])
        answers, missing = [], []
        for description in item.descriptions:
            pair = next((pair for pair in rows if pair[1].get("description") == description), None)
            if pair is None:
                missing.append(description)
            else:
                self._check_item(item, *pair)
                rows.remove(pair)
                answers.append(pair[1])
        failure = next((pair for pair in rows if _is_failure(pair[1])), None)
        rows = [pair for pair in rows if pair is not failure]
        if item.line is None:
            self._left[item.place] = rows  # the same image may come again
        elif rows:
            raise self._of_another_line(rows[0][0], item)
        return Earlier(answers, missing, None if failure is None else failure[1])

    def add(self, rows: Sequence[Row], failure: Row | None) -> None:
        """Append the new rows of an item in one write.

        Args:
            rows: without their setup; may be empty.
            failure: the item's earlier failure, whose place they take.

        Raises:
            OSError: the disk is full or fails; no part of the rows stays.
        """
        rows = [{**row, "setup": self._setup} for row in rows]
        if failure is not None:
            if [_plain(row) for row in rows] == [_plain(failure)]:
                return
            self.rows = [row for row in self.rows if row is not failure]
            self._overcome = True
        end = os.lseek(self._handle, 0, os.SEEK_END)
        data = b"".join(map(_encode, rows))
        try:
            while data:
                data = data[os.write(self._handle, data) :]
        except OSError as error:
            os.ftruncate(self._handle, end)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self.rows += rows

    def _check_setups(self) -> None:
        for number, row in enumerate(self.rows, 1):
            setup = row["setup"]
            for name in {**self._setup, **setup}:
                before, now = (one.get(name, _NOTHING) for one in (setup, self._setup))
                if before != now:
                    raise InputError(
                        f"{self.path}: line {number}: expected answers with {name} {_shown(now)}, as in this run; got "
                        f"{_shown(before)}. {_RESTART}"
                    )

    def _check_item(self, item: Item, number: int, row: Row) -> None:
        same = (item.id, item.options, answers_json.image_name(item.image))
        if (row.get("id"), row.get("options", {}), row["image"]) != same:
            raise self._of_another_line(number, item)

    def _of_another_line(self, number: int, item: Item) -> InputError:
        return InputError(
            f"{self.path}: line {number}: expected an answer to line {item.line} of the input; got one to another "
            f"line, as the input was changed. {_RESTART}"
        )


def _open_locked(path: Path) -> int:
    """Return a descriptor of the file that `path` names, with the lock of it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The process that held the lock may have replaced or removed the file.
            if path.exists() and path.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        except BlockingIOError:
            os.close(handle)
            raise InputError(f"{path}: another process writes this file. Wait for it, or name another --out") from None
        except OSError as error:
            os.close(handle)
            raise OSError(error.errno, error.strerror, str(path)) from error
        os.close(handle)


def _read(handle: int) -> bytes:
    with os.fdopen(handle, "rb", closefd=False) as stream:
        return stream.read()


def _parse(data: bytes, path: Path) -> Iterator[Row]:
    for number, line in enumerate(data.splitlines(), 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        known = isinstance(row, dict) and row.get("schema") in (answers_json.ANSWER, answers_json.ERROR)
        if not known or not isinstance(row.get("setup"), dict) or not isinstance(row.get("image", ""), str):
            raise _not_a_batch(path, number, line.decode("utf-8", "replace"))
        yield row


def _not_a_batch(path: Path, number: int, text: str) -> InputError:
    return InputError(
        f"{path}: line {number}: expected a row of `mlx-saccade locate --out`; got {brief(text)}. Name another --out"
    )


def _encode(row: Row) -> bytes:
    return output.json_text(row).encode() + b"\n"


def _is_failure(row: Row) -> bool:
    return bool(row["schema"] == answers_json.ERROR)


def _plain(row: Row) -> Row:
    decoded: Row = json.loads(output.json_text(row))
    return decoded


def _shown(value: Any) -> str:
    return "none" if value is _NOTHING else brief(value)
