"""Reading a run from any file that holds one."""

from __future__ import annotations

import os
from pathlib import Path

from mlx_saccade.bench import history, profile
from mlx_saccade.bench.run import Run

__all__ = ["read_run"]


def read_run(path: str | os.PathLike[str]) -> Run:
    """Read the log of a profile, a file of the history, or one of pytest-benchmark.

    Raises:
        FileNotFoundError: no such file.
        InputError: the file is none of these, or is damaged.
    """
    place = Path(path)
    if place.is_file():
        with place.open("rb") as stream:
            first = stream.readline(65_536)
        if first.startswith(b'{"format"'):
            return profile.read_turns(place)
    return history.read(place)
