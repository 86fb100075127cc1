"""Merge runs of the same data and runtime into one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mlx_saccade import files
from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals.rows import Key, Row
from mlx_saccade.evals.run_folder import (
    ROWS,
    RUN,
    Run,
    differences,
    encoded,
    in_question_order,
    read_run,
)

__all__ = ["Merged", "merge"]


@dataclass(frozen=True)
class Merged:
    """The result of a merge.

    Attributes:
        run: the new run.
        repeated: answers that another answer to the same question came before.
    """

    run: Run
    repeated: int


def merge(paths: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]) -> Merged:
    """Write the rows of several runs as one run; of two answers to one question, the first counts.

    Args:
        paths: folders of at least two runs; they are not changed.
        out: the new folder.

    Raises:
        FileNotFoundError: no such run.
        InputError: the runs are of other data, of another runtime, or have other targets of the same name; the message
            says what differs. Or `out` exists.
    """
    target = Path(out)
    if len(paths) < 2:
        raise InputError(f"sweep merge: expected at least two runs; got {len(paths)}. Name another one")
    if os.path.lexists(target):
        raise InputError(f"{target}: expected a new folder; got one that exists. Name another --out")
    runs = [read_run(path) for path in paths]
    for run in runs[1:]:
        _check_same(runs[0], run)
    rows, repeated = _rows(runs)
    notes = tuple(dict.fromkeys(note for run in runs for note in run.header.notes))
    asked = tuple(dict.fromkeys(questions for run in runs for questions in run.header.asked))
    header = replace(runs[0].header, asked=asked, notes=notes)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = files.part_beside(target)
    part.mkdir()
    try:
        files.write_atomically(part / ROWS, b"".join(map(encoded, in_question_order(rows.values()))))
        files.write_atomically(part / RUN, header.encoded())
        part.rename(target)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise
    return Merged(read_run(target), repeated)


def _check_same(first: Run, other: Run) -> None:
    problems = []
    for name in ("data", "runtime"):
        before, now = getattr(first.header, name), getattr(other.header, name)
        for what, expected, got in differences(before.identity, now.identity):
            if what.partition(".")[0] != "versions":
                problems.append(f"{name}: {what}: expected {expected}, as in {first.path}; got {got}")
    if problems:
        raise InputError(f"{other.path}: {'; '.join(problems)}. Merge runs that are equal in these")


def _rows(runs: Sequence[Run]) -> tuple[dict[Key, Row], int]:
    rows: dict[Key, Row] = {}
    targets: dict[str, tuple[Row, Path]] = {}
    repeated = 0
    for run in runs:
        for row in run.rows:
            before, path = targets.setdefault(row.target.id, (row, run.path))
            if (before.target, before.image_id) != (row.target, row.image_id):
                one, other = ({**asdict(some.target), "image_id": some.image_id} for some in (before, row))
                changed = "; ".join(
                    f"{what}: expected {was}, as in {path}; got {now}" for what, was, now in differences(one, other)
                )
                raise InputError(
                    f"{run.path}: target {brief(row.target.id)}: {changed}. Merge runs of the same targets"
                )
            earlier = rows.get(row.key)
            if earlier is None or (earlier.reply.error is not None and row.reply.error is None):
                rows[row.key] = row
            elif row.reply.error is None:
                repeated += 1
    return rows, repeated
