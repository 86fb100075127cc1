"""The history of measurements: one JSON file a run, in a folder a machine, never overwritten.

    benchmarks/history/<machine>/<date>-<commit>-<kind>.json

`read` also takes the JSON of pytest-benchmark (`--benchmark-json`), without its hostname.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from mlx_saccade import files
from mlx_saccade.bench.pytest_json import is_pytest_json, run_of_pytest
from mlx_saccade.bench.run import KINDS, SCHEMA, Cell, Check, Machine, Model, Run
from mlx_saccade.errors import InputError, brief

__all__ = ["FOLDER", "append", "dumps", "parse", "read", "read_folder"]

FOLDER = "benchmarks/history"

Value = TypeVar("Value")


def dumps(run: Run) -> bytes:
    """Return a run as the bytes of its file."""
    return json.dumps({"schema": SCHEMA, **asdict(run)}, indent=1).encode() + b"\n"


def append(run: Run, folder: str | os.PathLike[str] = FOLDER) -> Path:
    """Add a run to a history.

    Args:
        run: the run.
        folder: folder of the history, made if it does not exist; default `FOLDER`.

    Returns:
        The new file. No file is ever overwritten: the name of a second run of the same second has a number.

    Raises:
        InputError: the folder is a file, or cannot be written.
    """
    try:
        place = Path(folder) / run.machine.folder
        place.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{folder}: expected a folder; got a file. Name another folder") from None
    commit = re.sub(r"[^0-9a-zA-Z]", "", run.commit)[:12] or "unknown"
    stem = f"{re.sub('[^0-9TZ]', '', run.date)}-{commit}-{run.kind}"
    part = files.part_beside(place / stem)
    try:
        files.write_atomically(part, dumps(run))
        number = 1
        while True:
            target = place / (f"{stem}.json" if number == 1 else f"{stem}-{number}.json")
            try:
                os.link(part, target)  # unlike a rename, fails where the name is taken
            except FileExistsError:
                number += 1
            else:
                return target
    finally:
        part.unlink(missing_ok=True)


def read(path: str | os.PathLike[str]) -> Run:
    """Read a run, or a file of pytest-benchmark.

    Raises:
        FileNotFoundError: no such file.
        InputError: the file is neither, or is damaged; the message names the field.
    """
    try:
        raw = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError):
        raise InputError(
            f"{path}: expected a JSON file of `mlx-saccade bench`; got other bytes. Name another file"
        ) from None
    except IsADirectoryError:
        raise InputError(f"{path}: expected a file; got a folder. Name a file in it") from None
    return parse(raw, str(path))


def parse(raw: Any, where: str) -> Run:
    """Return the run that a JSON value holds, or one of pytest-benchmark.

    Args:
        raw: the JSON value.
        where: name of the file, for messages.

    Raises:
        InputError: as `read`.
    """
    if is_pytest_json(raw):
        return run_of_pytest(raw, where)
    fields = Fields(raw, where)
    schema = fields.whole("schema")
    if schema != SCHEMA:
        raise InputError(
            f"{where}: expected schema {SCHEMA}; got {schema}. Read it with another version of mlx-saccade"
        )
    return _run(fields)


def read_folder(folder: str | os.PathLike[str]) -> tuple[list[Run], list[str]]:
    """Read all JSON files below a folder.

    Returns:
        The runs in the order of their dates, and a message for each file that was skipped.

    Raises:
        FileNotFoundError: no such folder.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    results = [_run_or_problem(path) for path in sorted(Path(folder).rglob("*.json"))]
    runs = sorted((one for one in results if isinstance(one, Run)), key=lambda run: run.date)
    return runs, [one for one in results if isinstance(one, str)]


def _run_or_problem(path: Path) -> Run | str:
    try:
        return read(path)
    except (InputError, OSError) as error:
        return str(error)


class Fields:
    """The fields of a JSON object, read with their type checked."""

    def __init__(self, raw: Any, where: str) -> None:
        if not isinstance(raw, dict):
            raise InputError(f"{where}: expected an object; got {brief(raw)}. Delete the file or repair it")
        self.raw, self.where = raw, where

    def text(self, name: str) -> str:
        value: str = self._get(name, "a text", _is_text)
        return value

    def whole(self, name: str) -> int:
        value: int = self._get(name, "a whole number of at least 0", _is_whole)
        return value

    def flag(self, name: str) -> bool:
        value: bool = self._get(name, "true or false", lambda value: isinstance(value, bool))
        return value

    def wholes(self, name: str, count: int) -> tuple[int, ...]:
        return tuple(self._get(name, f"{count} whole numbers", lambda value: _is_list(value, _is_whole, count)))

    def texts(self, name: str) -> dict[str, str]:
        return dict(self._get(name, "an object of texts", lambda value: _is_map(value, _is_text)))

    def scalars(self, name: str) -> dict[str, str | int | float | bool]:
        return dict(self._get(name, "an object of numbers and texts", lambda value: _is_map(value, _is_scalar)))

    def seconds(self, name: str) -> dict[str, float]:
        return dict(self._get(name, "an object of seconds", lambda value: _is_map(value, _is_seconds)))

    def samples(self, name: str) -> dict[str, tuple[float, ...]]:
        value: dict[str, list[float]] = self._get(
            name, "an object of lists of seconds", lambda value: _is_map(value, lambda one: _is_list(one, _is_seconds))
        )
        return {stage: tuple(one) for stage, one in value.items()}

    def below(self, name: str, make: Callable[[Fields], Value]) -> tuple[Value, ...]:
        """Return what `make` makes of each object in a list."""
        items = self._get(name, "a list", lambda value: isinstance(value, list))
        return tuple(make(Fields(item, f"{self.where}: {name}[{place}]")) for place, item in enumerate(items))

    def inner(self, name: str) -> Fields:
        return Fields(self._get(name, "an object", lambda value: isinstance(value, dict)), f"{self.where}: {name}")

    def _get(self, name: str, expected: str, accept: Callable[[Any], bool]) -> Any:
        value = self.raw.get(name)
        if not accept(value):
            got = brief(value) if name in self.raw else "nothing"
            raise InputError(f"{self.where}: {name}: expected {expected}; got {got}. Delete the file or repair it")
        return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value))


def _is_list(value: Any, accept: Callable[[Any], bool], count: int | None = None) -> bool:
    return isinstance(value, list) and count in (None, len(value)) and all(map(accept, value))


def _is_map(value: Any, accept: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(map(accept, value.values()))


def _run(fields: Fields) -> Run:
    kind = fields.text("kind")
    if kind not in KINDS:
        raise InputError(
            f"{fields.where}: kind: expected one of {', '.join(KINDS)}; got {brief(kind)}. Repair the file"
        )
    model = None if fields.raw.get("model") is None else _model(fields.inner("model"))
    return Run(
        kind=kind,
        date=fields.text("date"),
        commit=fields.text("commit"),
        machine=_machine(fields.inner("machine")),
        versions=fields.texts("versions"),
        cells=fields.below("cells", _cell),
        model=model,
        settings=fields.scalars("settings"),
        checks=fields.below("checks", _check),
    )


def _machine(fields: Fields) -> Machine:
    return Machine(
        cpu=fields.text("cpu"),
        cores=fields.whole("cores"),
        memory_bytes=fields.whole("memory_bytes"),
        system=fields.text("system"),
        architecture=fields.text("architecture"),
        device=fields.text("device"),
        accelerator=fields.text("accelerator"),
        kernel=fields.text("kernel"),
        threads=fields.whole("threads"),
    )


def _model(fields: Fields) -> Model:
    vision, language = fields.wholes("layers", 2)
    full_vision, full_language = fields.wholes("full_layers", 2)
    return Model(fields.text("name"), fields.text("digest"), (vision, language), (full_vision, full_language))


def _cell(fields: Fields) -> Cell:
    times, rows, columns = fields.wholes("grid_thw", 3)
    width, height = fields.wholes("source_size", 2)
    return Cell(
        side=fields.text("side"),
        budget=fields.whole("budget"),
        question=fields.whole("question"),
        tokens=fields.whole("tokens"),
        file_bytes=fields.whole("file_bytes"),
        patch_bytes=fields.whole("patch_bytes"),
        prompt_tokens=fields.whole("prompt_tokens"),
        predicted_bytes=fields.whole("predicted_bytes"),
        peak_bytes=fields.whole("peak_bytes"),
        stages=fields.samples("stages"),
        grid_thw=(times, rows, columns),
        source_size=(width, height),
        estimate=fields.seconds("estimate"),
        skipped=fields.text("skipped"),
    )


def _check(fields: Fields) -> Check:
    return Check(fields.text("name"), fields.text("kernel"), fields.flag("passed"), fields.text("detail"))
