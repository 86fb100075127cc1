"""The data files of a dashboard: runs, sweeps and recorded tables; one that cannot be read is named and skipped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mlx_saccade import evals
from mlx_saccade.bench import history, profile
from mlx_saccade.bench.run import Run
from mlx_saccade.dashboard import recorded, sweeps
from mlx_saccade.dashboard.recorded import Conditions, Table
from mlx_saccade.dashboard.sweeps import Sweep
from mlx_saccade.errors import InputError
from mlx_saccade.evals.screenspot import ANNOTATIONS

__all__ = ["SUFFIXES", "Sources", "gather"]

SUFFIXES = (".json", ".jsonl", ".csv")
"""Of a folder, the files with these endings are read."""
_LONGEST_HEAD = 1 << 20
_MAX_WHOLE = 1 << 53  # the largest whole number that JavaScript tells from the next one
_UNREADABLE = "expected numbers that fit; got a larger one. Repair the file"


@dataclass
class Sources:
    """The content of all data files.

    Attributes:
        files: name of each file or run that was read, below the path that was given.
        runs: runs of `mlx-saccade bench`, by date.
        sweeps: sweeps.
        tables: recorded tables by the name of their file.
        conditions: machine, date and note by the name of a recorded table's file.
        problems: a message for each file that was skipped, or of which a part was.
    """

    files: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    sweeps: list[Sweep] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    conditions: dict[str, Conditions] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def gather(paths: Iterable[str | os.PathLike[str]]) -> Sources:
    """Read files, and the data files of folders.

    Args:
        paths: files, folders of runs, or folders whose runs and JSON, JSON Lines and CSV files are read, without
            hidden ones.

    Raises:
        FileNotFoundError: no such file or folder.
    """
    sources = Sources()
    unique: set[Path] = set()
    for path, name in _files(paths):
        if path.resolve() in unique:
            continue
        unique.add(path.resolve())
        try:
            _read(sources, path, name)
        except (InputError, OSError, OverflowError) as error:
            # Only the name below the given path goes on the page, which may be published.
            problem = str(error) if isinstance(error, InputError) else getattr(error, "strerror", None) or _UNREADABLE
            sources.problems.append(_named(problem.replace(str(path), name), name))
        else:
            sources.files.append(name)
    sources.runs.sort(key=lambda run: run.date)
    return sources


def _named(problem: str, name: str) -> str:
    return problem if problem.startswith(name) else f"{name}: {problem}"


def _files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[Path, str]]:
    """Return each file with the name that the page shows."""
    for given in map(Path, paths):
        if evals.is_run(given):
            yield given, _printable(given.resolve().name)
        elif given.is_dir():
            for path in sorted(given.rglob("*")):
                inner = path.relative_to(given)
                hidden = any(part.startswith(".") for part in inner.parts)
                if not hidden and (evals.is_run(path) or _is_data(path)):
                    yield path, _printable(inner.as_posix())
        elif given.exists():
            yield given, _printable(given.name)
        else:
            raise FileNotFoundError(f"{given}: no such file or folder. Name a data file, or a folder of such files")


def _is_data(path: Path) -> bool:
    """Return True if a file in a folder may hold figures; the list of a data set holds none."""
    return path.suffix in SUFFIXES and path.name != ANNOTATIONS and path.is_file() and not evals.is_run(path.parent)


def _printable(name: str) -> str:
    """Return a name as UTF-8 can hold it: on Linux, a file's name may be bytes that are no text."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _read(sources: Sources, path: Path, name: str) -> None:
    if path.is_dir():
        _read_sweep(sources, path, name)
        return
    if not path.is_file():
        raise InputError(f"{name}: expected a regular file; got a device, pipe or socket. Name another file")
    reader = _READERS.get(path.suffix, _read_lines)
    reader(sources, path, name)


def _read_json(sources: Sources, path: Path, name: str) -> None:
    conditions = recorded.conditions_of(_parsed(path), name)
    if conditions is None:
        _add(sources, history.read(path), name)
    else:
        sources.conditions.update(conditions)


def _add(sources: Sources, run: Run, name: str) -> None:
    """Add a run, once: the log of a profile may lie beside the file that `bench record` made of it."""
    if _largest(asdict(run)) > _MAX_WHOLE:
        raise InputError(f"{name}: expected whole numbers of at most 2^53; got a larger one. Repair the file")
    if run not in sources.runs:
        sources.runs.append(run)


def _largest(value: Any) -> int:
    """Return the largest whole number in a JSON value; 0 without one."""
    if isinstance(value, (dict, list, tuple)):
        items = value.values() if isinstance(value, dict) else value
        return max(map(_largest, items), default=0)
    return value if isinstance(value, int) else 0


def _parsed(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None  # `history.read` says what is wrong


def _read_csv(sources: Sources, path: Path, name: str) -> None:
    table = recorded.read_table(path, name)
    if table is not None:
        sources.tables.append(table)
        return
    headers: Sequence[str] = [", ".join(columns) for columns in recorded.COLUMNS.values()]
    raise InputError(f"{name}: expected one of the headers {' | '.join(headers)}; got another. Name another file")


def _read_lines(sources: Sources, path: Path, name: str) -> None:
    """Read the run log of a profile, or the rows of a run."""
    with path.open("rb") as stream:
        first = stream.readline(_LONGEST_HEAD)
    if b'"setup": {"machine"' in first:
        _add(sources, profile.read_turns(path), name)
    elif evals.is_run(path.parent):
        _read_sweep(sources, path.parent, name)
    else:
        raise InputError(f"{name}: expected a run of `sweep` or of `bench profile`; got another file. Name another one")


def _read_sweep(sources: Sources, path: Path, name: str) -> None:
    sweep, problem = sweeps.read(path, name)
    sources.sweeps.append(sweep)
    if problem:
        sources.problems.append(problem)


_READERS: dict[str, Callable[[Sources, Path, str], None]] = {".json": _read_json, ".csv": _read_csv}
