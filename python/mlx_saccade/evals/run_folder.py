"""The folder of a run: `run.json` says what was asked of what, `rows.jsonl` has a row for each answer.

Rows are appended as answers come, so a run that was stopped or killed goes on, and the same folder takes more targets,
budgets and policies. `RunFolder.finish` puts the rows in question order: by image, target, policy and budget. That
order depends on the questions alone, so runs that were interrupted, merged or shared out have the same rows. A run that
is kept may have its rows packed, by `gzip rows.jsonl`; it is then read and not added to.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from mlx_saccade import files
from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals import lines
from mlx_saccade.evals.locks import FileLock
from mlx_saccade.evals.rows import Budget, Key, Row
from mlx_saccade.evals.targets import DataSet

__all__ = ["ROWS", "RUN", "Header", "Questions", "Run", "RunFolder", "Subject", "is_run", "read_run"]

RUN, ROWS = "run.json", "rows.jsonl"
SCHEMA = "mlx-saccade/run/1"
_PACKED = f"{ROWS}.gz"
_LOCK = ".lock"
_RESTART = "Name another folder"


class Named(Protocol):
    """What has the name and identity of a data set or a runtime."""

    @property
    def name(self) -> str:
        """Return the short name."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """Return what the answers depend on."""
        ...


@dataclass(frozen=True)
class Subject:
    """A data set or a runtime, as a run names it.

    Attributes:
        name: short name, for people.
        identity: what the answers depend on, for JSON. What is under "versions" may differ in one run, and is then
            noted; the rest may not.
    """

    name: str
    identity: dict[str, Any]


@dataclass(frozen=True)
class Questions:
    """Questions that were asked together: every target at every budget under every policy.

    Attributes:
        targets: ids of the targets.
        budgets: limits on the visual tokens of a look, as they were asked.
        policies: names of the policies with their parameters.
    """

    targets: tuple[str, ...]
    budgets: tuple[Budget, ...]
    policies: tuple[str, ...]

    def __iter__(self) -> Iterator[Key]:
        """Return the key of each question."""
        return (
            (target, str(budget), policy)
            for target in self.targets
            for policy in self.policies
            for budget in self.budgets
        )


@dataclass(frozen=True)
class Header:
    """What a run is about.

    Attributes:
        created: UTC, such as "2026-11-29T12:00:00Z".
        data: where the targets are from.
        runtime: what answers.
        asked: what was asked so far.
        notes: what a reader of the figures should know, in words.
    """

    created: str
    data: Subject
    runtime: Subject
    asked: tuple[Questions, ...] = ()
    notes: tuple[str, ...] = ()

    def keys(self) -> set[Key]:
        """Return the keys of all questions that were asked."""
        return {key for questions in self.asked for key in questions}

    def encoded(self) -> bytes:
        """Return the content of `run.json`."""
        return (json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n").encode()

    @classmethod
    def new(cls, data: Named, runtime: Named, notes: Sequence[str] = ()) -> Header:
        """Return the header of a run that starts now."""
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return cls(now, _plain(data), _plain(runtime), (), tuple(notes))


@dataclass(frozen=True)
class Run:
    """A run as it was read.

    Attributes:
        path: its folder.
        header: what it is about.
        rows: the rows, one for each question, in question order; of several answers to a question, the first.
        repeated: questions with a second answer.
    """

    path: Path
    header: Header
    rows: tuple[Row, ...] = field(repr=False)
    repeated: int = 0

    @property
    def missing(self) -> int:
        """Number of questions that were asked and have no answer; those with an error are among them."""
        return len(self.header.keys() - {row.key for row in self.rows if row.reply.error is None})


def is_run(path: str | os.PathLike[str]) -> bool:
    """Return True if a path is the folder of a run."""
    return (Path(path) / RUN).is_file()


def read_run(path: str | os.PathLike[str]) -> Run:
    """Read a run, finished or not; a process may be writing it.

    Raises:
        FileNotFoundError: no such folder.
        InputError: not the folder of a run, or a line of it is damaged.
    """
    folder = Path(path)
    if folder.is_file():
        raise _not_a_folder(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such folder. Name the folder of a run of `mlx-saccade sweep`")
    header = _read_header(folder)
    rows, repeated = _best(_parsed(lines.whole_lines(_read_rows(folder)), folder / ROWS))
    return Run(folder, header, tuple(in_question_order(rows.values())), repeated)


def _read_rows(folder: Path) -> bytes:
    """Return the rows' file, or that of packed rows; empty without either."""
    if (folder / ROWS).exists():
        return (folder / ROWS).read_bytes()
    path = folder / _PACKED
    try:
        return gzip.decompress(path.read_bytes()) if path.exists() else b""
    except (OSError, EOFError, zlib.error):
        raise InputError(f"{path}: expected rows packed by gzip; got a damaged file. Pack rows.jsonl again") from None


class RunFolder:
    """A run that is written; a context that holds the lock of its folder.

    Attributes:
        path: the folder.
        header: what the run is about.
        rows: the row of each question that has one, by its key.
        repeated: questions with a second answer, which does not count.
    """

    def __init__(self, path: str | os.PathLike[str], data: Named, runtime: Named, notes: Sequence[str] = ()) -> None:
        """Open the folder, lock it, and read what an earlier process has written.

        Args:
            path: the folder; it is made, with its parents, if it does not exist.
            data: where the targets are from.
            runtime: what answers.
            notes: what a reader of the figures should know of the data.

        Raises:
            InputError: another process writes the run, the folder is no run, or its data or runtime are others; the
                message names all that differs.
        """
        if not os.fspath(path):
            raise InputError("--out: expected the name of a folder; got an empty one")
        self.path = Path(path)
        self._made = _make(self.path)
        self._is_new = not is_run(self.path)
        self._lock = FileLock(self.path / _LOCK, self.path)
        try:
            self.header = self._open(Header.new(data, runtime, notes))
            self.rows, self.repeated = _best(_parsed(lines.cut(self.path / ROWS), self.path / ROWS))
        except BaseException:
            self._lock.release()
            self._remove_if_empty()
            raise

    def __enter__(self) -> RunFolder:
        """Return the run."""
        return self

    def __exit__(self, *error: object) -> None:
        """Release the lock; a run that is new and has no row is removed, with its folder if that is new too."""
        if not self.rows and self._is_new:
            for name in (RUN, ROWS):
                (self.path / name).unlink(missing_ok=True)
        self._lock.release()
        self._remove_if_empty()

    def check_targets(self, data: DataSet) -> None:
        """Compare the targets of the answers with those that the data set has now, but not images that are gone.

        Raises:
            InputError: a target of the same name has another description, place or image; the message names it.
        """
        targets = {target.id: target for target in data.targets}
        for row in self.rows.values():
            target = targets.get(row.target.id)
            if target is None or row.reply.error is not None:
                continue
            before = {**asdict(row.target), "image_id": row.image_id}
            try:
                now = {**asdict(target), "image_id": data.image_id(target)}
            except FileNotFoundError:
                now = {**asdict(target), "image_id": row.image_id}
            changed = [
                f"{name} {brief(before[name])}, now {brief(now[name])}" for name in now if before[name] != now[name]
            ]
            if changed:
                raise InputError(
                    f"{self.path}: target {row.target.id}: expected what was asked before; got another: "
                    f"{'; '.join(changed)}. {_RESTART}"
                )

    def ask(self, questions: Questions) -> None:
        """Record questions before they are asked, so that the run knows what it lacks."""
        if not set(questions) <= self.header.keys():
            self._write(replace(self.header, asked=(*self.header.asked, questions)))

    def is_answered(self, key: Key) -> bool:
        """Return True if a question has an answer; one with an error is asked again."""
        return key in self.rows and self.rows[key].reply.error is None

    def add(self, row: Row) -> None:
        """Append a row, on the disk when this returns; a question that has an answer keeps it.

        Raises:
            OSError: the disk is full or fails; rows before this one stay.
        """
        if not self.is_answered(row.key):
            lines.append(self.path / ROWS, encoded(row))
            self.rows[row.key] = row

    def finish(self) -> None:
        """Put the rows of the file in question order, each question once."""
        content = b"".join(map(encoded, in_question_order(self.rows.values())))
        path = self.path / ROWS
        if self.rows and path.read_bytes() != content:
            files.write_atomically(path, content)

    def _open(self, header: Header) -> Header:
        """Return the header of the folder, with notes on what may differ; write it to a new folder."""
        if not is_run(self.path):
            foreign = sorted(one.name for one in self.path.iterdir() if not one.name.startswith("."))
            if foreign:
                raise InputError(
                    f"{self.path}: expected the folder of a run, or an empty one; got {foreign[0]} and no {RUN}. "
                    f"{_RESTART}"
                )
            files.write_atomically(self.path / RUN, header.encoded())
            return header
        if (self.path / _PACKED).exists():
            raise InputError(f"{self.path}: expected {ROWS}; got packed rows. Unpack them first: gunzip {_PACKED}")
        before = _read_header(self.path)
        for part in self.path.glob(files.PARTS):  # of a process that was killed while it wrote
            part.unlink()
        notes = check_same(self.path, before, header.data, header.runtime)
        merged = replace(before, notes=tuple(dict.fromkeys([*before.notes, *notes, *header.notes])))
        if merged != before:
            self._write(merged)
        return merged

    def _write(self, header: Header) -> None:
        files.write_atomically(self.path / RUN, header.encoded())
        self.header = header

    def _remove_if_empty(self) -> None:
        if self._made and not any(self.path.iterdir()):
            self.path.rmdir()


def check_same(path: Path, before: Header, data: Named, runtime: Named) -> list[str]:
    """Return what differs between a run and what it shall go on with, and may differ.

    Raises:
        InputError: something differs that may not; the message names all of it.
    """
    problems, notes = [], []
    for name, old, new in (("data", before.data, data), ("runtime", before.runtime, runtime)):
        for what, was, now in differences(old.identity, _plain(new).identity):
            if what.partition(".")[0] == "versions":
                notes.append(f"{what.partition('.')[2]}: {was}, later {now}")
            else:
                problems.append(f"{name}: {what}: expected {was}; got {now} ({new.name})")
    if problems:
        raise InputError(f"{path}: {'; '.join(problems)}. {_RESTART}")
    return notes


def encoded(row: Row) -> bytes:
    """Return the line of a row."""
    return json.dumps(row.as_dict(), allow_nan=False).encode() + b"\n"


def in_question_order(rows: Iterable[Row]) -> list[Row]:
    """Return rows by image, target, policy and budget, numbers within names by their value, "flat" first."""

    def place(row: Row) -> tuple[Any, ...]:
        words = isinstance(row.budget, str)
        budget = (words, 0 if words else row.budget, _natural(str(row.budget)))
        policy = (row.policy != "flat", _natural(row.policy))
        return _natural(row.target.image), _natural(row.target.id), policy, budget

    return sorted(rows, key=place)


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Return (name, before, now) of each value that differs, names of values inside others as "versions.mlx"."""
    for name in {**before, **now}:
        one, other = before.get(name), now.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from differences(one, other, f"{prefix}{name}.")
        elif one != other or (name in before) != (name in now):
            was, is_now = (brief(side[name]) if name in side else "nothing" for side in (before, now))
            yield f"{prefix}{name}", was, is_now


def _natural(text: str) -> tuple[Any, ...]:
    """Return what sorts names with numbers as people do: "2" before "10"."""
    parts: list[Any] = re.split(r"([0-9]+)", text)
    for place in range(1, len(parts), 2):
        digits = parts[place].lstrip("0")
        parts[place] = (len(digits), digits)
    return tuple(parts), text


def _plain(subject: Named) -> Subject:
    return Subject(subject.name, json.loads(json.dumps(subject.identity)))


def _make(path: Path) -> bool:
    """Make a folder, and return True if it is new."""
    if path.is_dir():
        return False
    if path.exists():
        raise _not_a_folder(path)
    path.mkdir(parents=True)
    return True


def _not_a_folder(path: Path) -> InputError:
    return InputError(f"{path}: expected the folder of a run; got a file, such as an earlier `sweep` wrote. {_RESTART}")


def _read_header(folder: Path) -> Header:
    path = folder / RUN
    if not path.is_file():
        raise InputError(f"{folder}: expected the folder of a run; got one without {RUN}. Name another folder")
    try:
        values = json.loads(path.read_bytes())
        if values["schema"] != SCHEMA:
            raise InputError(f"{path}: expected {SCHEMA}; got {brief(values['schema'])}. {_RESTART}")
        asked = tuple(Questions(**{name: tuple(some) for name, some in one.items()}) for one in values["asked"])
        data, runtime = (Subject(**values[name]) for name in ("data", "runtime"))
        if not isinstance(data.identity, dict) or not isinstance(runtime.identity, dict):
            raise TypeError
        return Header(str(values["created"]), data, runtime, asked, tuple(map(str, values["notes"])))
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError, AttributeError):
        raise InputError(f"{path}: expected what `mlx-saccade sweep` writes; got another file. {_RESTART}") from None


def _parsed(data: bytes, path: Path) -> Iterator[Row]:
    return (_row(line, f"{path}: line {number}") for number, line in enumerate(data.split(b"\n")[:-1], 1))


def _row(line: bytes, where: str) -> Row:
    try:
        return Row.of_dict(json.loads(line))
    except InputError as error:
        raise InputError(f"{where}: {error}. Delete that line and run again") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        got = brief(line.decode("utf-8", "replace"))
        raise InputError(f"{where}: expected a row of a run; got {got}. Delete that line and run again") from None


def _best(rows: Iterable[Row]) -> tuple[dict[Key, Row], int]:
    """Return the first answer to each question, or its last error, and the number of answers that do not count."""
    best: dict[Key, Row] = {}
    repeated = 0
    for row in rows:
        earlier = best.get(row.key)
        if earlier is None or earlier.reply.error is not None:
            best[row.key] = row
        elif row.reply.error is None:
            repeated += 1
    return best, repeated
