"""Write the page on which a person accepts, rejects or corrects the elements of a set: one file, no server, no network.

The page shows the images of the set's folder beside it, and exports `decisions.json` for `elements merge`.
"""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files as resource_files
from pathlib import Path
from typing import Any, Final

from mlx_saccade import files
from mlx_saccade.evals.elements.verdicts import read_decisions, read_set

__all__ = ["PAGE", "write_page"]

PAGE: Final = "review.html"
_MARK: Final = "/*DATA*/"
_SHOWN: Final = ("img_filename", "bbox", "instruction", "id", "img_size", "verdict", "reason")


def write_page(folder: Path) -> tuple[Path, int]:
    """Write `review.html` into the folder of a set, with the decisions that were merged so far.

    Returns:
        The path of the page, and the number of elements on it.

    Raises:
        FileNotFoundError, InputError: as `mlx_saccade.evals.elements.verdicts.read_set`.
    """
    entries = read_set(folder)
    elements = [{**{name: entry[name] for name in _SHOWN}, "other": _other_of(entry)} for entry in entries]
    decisions, _ = read_decisions(folder, entries)
    digest = hashlib.sha256(json.dumps(elements).encode()).hexdigest()[:16]
    page = _template().replace(_MARK, _embedded({"digest": digest, "elements": elements, "decisions": decisions}))
    path = folder / PAGE
    files.write_atomically(path, page.encode())
    return path, len(elements)


def _other_of(entry: dict[str, Any]) -> Any:
    """Return the other box that an ambiguous description matches; None without one."""
    return entry["evidence"]["other"]["box"] if "other" in entry["evidence"] else None


def _template() -> str:
    return (resource_files(__package__) / PAGE).read_text(encoding="utf-8")


def _embedded(value: Any) -> str:
    """Return JSON that no text of a screen can end the script with."""
    return json.dumps(value).replace("<", "\\u003c")
