"""All data of a dashboard, as one JSON value."""

from __future__ import annotations

import json
from typing import Any

from mlx_saccade.dashboard.accuracy import accuracy
from mlx_saccade.dashboard.changes import changes
from mlx_saccade.dashboard.latency import latency
from mlx_saccade.dashboard.limits import arithmetic
from mlx_saccade.dashboard.machines import sent_in
from mlx_saccade.dashboard.peers import peers
from mlx_saccade.dashboard.sources import Sources

__all__ = ["data_of", "script"]


def data_of(sources: Sources) -> dict[str, Any]:
    """Return the data of all views. What was not measured is null or absent, never zero."""
    return {
        "files": sources.files,
        "problems": sources.problems,
        "latency": latency(sources),
        "accuracy": accuracy(sources),
        "arithmetic": arithmetic(),
        "history": changes(sources.runs),
        "peers": peers(sources),
        "machines": sent_in(sources.runs),
    }


def script(data: dict[str, Any]) -> str:
    """Return a script that holds the data: a page opened from a file may not fetch JSON.

    No name from a file is a key, so none can reach an object's prototype; all characters are ASCII.
    """
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return f'"use strict";\nglobalThis.saccade = {{ data: {text} }};\n'
