"""Write the files of a set: every element with its verdict, and of those what people decided by hand.

`set.json` holds what the model gave. `decisions.json` holds what `elements merge` was given. `annotations.json` and
`rejected.json` follow from the two, in ScreenSpot-Pro's fields and four more.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlx_saccade import files
from mlx_saccade.errors import InputError, brief, quantity
from mlx_saccade.evals.screenspot import ANNOTATIONS, render_list

if TYPE_CHECKING:
    from mlx_saccade.evals.elements.regions import Settings
    from mlx_saccade.evals.elements.screen import Verdict

__all__ = [
    "DECISIONS",
    "REJECTED",
    "SET",
    "count_verdicts",
    "entries_of",
    "merge_decisions",
    "read_decisions",
    "read_set",
    "write_lists",
    "write_set",
]

Entry = dict[str, Any]
SET, DECISIONS, REJECTED = "set.json", "decisions.json", "rejected.json"
_SET_SCHEMA, _DECISIONS_SCHEMA = "mlx-saccade/elements/1", "mlx-saccade/decisions/1"
_KINDS: Final = ("accept", "reject", "correct")
_JUDGED: Final = ("img_filename", "bbox", "instruction")  # what a decision is about
_FIELDS: Final = frozenset((*_JUDGED, "id", "img_size", "verdict", "reason", "evidence"))


def entries_of(image: str, size: tuple[int, int], verdicts: Sequence[Verdict]) -> list[Entry]:
    """Return the elements of an image in ScreenSpot-Pro's fields, with `verdict`, `reason` and `evidence`.

    Args:
        image: path of its file, relative to the set's folder.
        size: (width, height) of the image in pixels.
        verdicts: on its regions. One without a box has the rough box of its proposal.
    """
    entries: list[Entry] = []
    for one in verdicts:
        region = one.region
        looks: Entry = {"seen_in": region.seen_in, "zoom": list(region.crop), "zoom_confidence": region.confidence}
        entries.append({
            "img_filename": image,
            "bbox": _whole(region.box or region.rough, size),
            "instruction": region.description,
            "id": "",
            "application": "",
            "platform": "",
            "img_size": list(size),
            "ui_type": "",
            "group": "",
            "verdict": one.verdict,
            "reason": one.reason,
            "evidence": {**looks, **one.evidence},
        })  # fmt: skip
    entries.sort(key=lambda entry: (entry["bbox"][1], entry["bbox"][0], entry["bbox"], entry["instruction"]))
    for number, entry in enumerate(entries):
        entry["id"] = f"{Path(image).name}-{number:04d}"
    return entries


def _whole(box: Sequence[float], size: tuple[int, int]) -> list[int]:
    """Return a box in whole pixels, at least one wide and high, inside the image."""
    edges = []
    for start, end, side in zip(box[:2], box[2:], size, strict=True):
        low = min(max(0, round(start)), side - 1)
        edges.append((low, min(max(low + 1, round(end)), side)))
    (x1, x2), (y1, y2) = edges
    return [x1, y1, x2, y2]


def write_set(folder: Path, settings: Settings, model: str, entries: Sequence[Entry]) -> None:
    """Write the file of what the model gave, with the settings and the checkpoint's digest."""
    head = {"schema": _SET_SCHEMA, "model": model, "settings": asdict(settings)}
    body = render_list(list(entries)).decode().rstrip("\n")
    text = json.dumps(head)[:-1] + f', "elements": {body}}}\n'
    files.write_atomically(folder / SET, text.encode())


def read_set(folder: Path) -> list[Entry]:
    """Return the elements of a set, as the model gave them.

    Raises:
        FileNotFoundError: the folder has no set.
        InputError: its file is damaged.
    """
    path = folder / SET
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Run `mlx-saccade elements run IMAGE --out {folder}` first")
    value = _json_of(path)
    entries = value.get("elements") if isinstance(value, dict) and value.get("schema") == _SET_SCHEMA else None
    if not isinstance(entries, list) or not all(isinstance(one, dict) and one.keys() >= _FIELDS for one in entries):
        raise InputError(f"{path}: expected a set of `mlx-saccade elements run`; got another file. Run it again")
    return entries


def write_lists(folder: Path, entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry], list[str]]:
    """Write `annotations.json` and `rejected.json` of a set and the decisions in its folder.

    Returns:
        Both lists, and the ids of decisions that no longer are of an element of the set, which are left out.
    """
    decisions, differing = read_decisions(folder, entries)
    by_id = {one["id"]: one for one in decisions}
    accepted: list[Entry] = []
    rejected: list[Entry] = []
    for entry in entries:
        decided = _decide(entry, by_id.get(entry["id"]))
        (accepted if decided.pop("accepted") else rejected).append(decided)
    files.write_atomically(folder / ANNOTATIONS, render_list(accepted))
    files.write_atomically(folder / REJECTED, render_list(rejected))
    return accepted, rejected, differing


def _decide(entry: Entry, decision: Entry | None) -> Entry:
    """Return an entry after a person's decision, with `accepted`."""
    if decision is None:
        return {**entry, "accepted": entry["verdict"] == "accepted"}
    kind = decision["decision"]
    decided = {**entry, "decision": kind, "decision_reason": decision.get("reason", ""), "accepted": kind != "reject"}
    if kind == "correct":
        decided["proposed"] = {"bbox": entry["bbox"], "instruction": entry["instruction"]}
        decided |= {"bbox": decision["new_bbox"], "instruction": decision["new_instruction"]}
    return decided


def merge_decisions(folder: Path, path: Path) -> int:
    """Add the decisions of a file to those of a set, in place of earlier ones on the same elements.

    Args:
        folder: of the set.
        path: what the review page exported.

    Returns:
        The number of decisions in the file.

    Raises:
        FileNotFoundError: no such file or set.
        InputError: the file is damaged, or is of another set; the message names what differs.
    """
    entries, added = read_set(folder), _read_decisions(path)
    differing = _mismatches(entries, added)
    if differing:
        one, reason = differing[0]
        more = f" ({quantity(len(differing) - 1, 'other decision')} too)" if len(differing) > 1 else ""
        raise InputError(
            f"{path}: expected decisions on the elements of {folder}; got {one['id']}, {reason}{more}. "
            "Export the decisions from this set's own page"
        )
    sizes = {entry["id"]: entry["img_size"] for entry in entries}
    for one in added:
        _check_inside(path, one, sizes[one["id"]])
    merged = {one["id"]: one for one in (*read_decisions(folder, entries)[0], *added)}
    text = json.dumps({"schema": _DECISIONS_SCHEMA, "decisions": list(merged.values())}, indent=1)
    files.write_atomically(folder / DECISIONS, text.encode() + b"\n")
    return len(added)


def read_decisions(folder: Path, entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Return the decisions that were merged into a set.

    Args:
        folder: of the set.
        entries: of the set.

    Returns:
        Those on its elements, and the ids of others, whose elements a later run has changed.

    Raises:
        InputError: their file is damaged.
    """
    path = folder / DECISIONS
    decisions = _read_decisions(path) if path.exists() else []
    differing = {one["id"] for one, _ in _mismatches(entries, decisions)}
    return [one for one in decisions if one["id"] not in differing], sorted(differing)


def _mismatches(entries: Sequence[Entry], decisions: Sequence[Entry]) -> list[tuple[Entry, str]]:
    """Return the decisions that are not of an element of the set, each with what differs."""
    by_id = {entry["id"]: entry for entry in entries}
    differing = []
    for one in decisions:
        entry = by_id.get(one["id"])
        if entry is None:
            differing.append((one, "which is not in the set"))
            continue
        fields = [name for name in _JUDGED if one[name] != entry[name]]
        if fields:
            name = fields[0]
            differing.append((one, f"whose {name} is {brief(one[name])} and not {brief(entry[name])}"))
    return differing


def _read_decisions(path: Path) -> list[Entry]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Give the file that the review page exported")
    value = _json_of(path)
    items = value.get("decisions") if isinstance(value, dict) and value.get("schema") == _DECISIONS_SCHEMA else None
    if not isinstance(items, list):
        raise InputError(f"{path}: expected decisions of a review page; got another file. Export them again")
    ids = set()
    for number, one in enumerate(items, 1):
        problem = _problem(one)
        if problem is None and one["id"] in ids:
            problem = f"a second decision on {one['id']}"
        if problem is not None:
            raise InputError(f"{path}: decision {number}: {problem}. Export the decisions again")
        ids.add(one["id"])
    return items


def _problem(one: Any) -> str | None:
    """Return what is wrong with a decision, or None."""
    if not isinstance(one, dict) or not all(
        isinstance(one.get(name), str) for name in ("id", "decision", *_JUDGED[::2])
    ):
        return f"expected an object with id, decision, img_filename, bbox and instruction; got {brief(one)}"
    if "bbox" not in one:
        return "expected bbox; got none"
    if one["decision"] not in _KINDS:
        return f"expected decision {', '.join(_KINDS)}; got {brief(one['decision'])}"
    if not isinstance(one.get("reason", ""), str):
        return f"expected reason as text; got {brief(one['reason'])}"
    if one["decision"] != "correct":
        return None
    words, box = one.get("new_instruction"), one.get("new_bbox")
    if not isinstance(words, str) or not words.strip():
        return f"expected new_instruction as text; got {brief(words)}"
    numbers = isinstance(box, list) and len(box) == 4 and all(type(value) in (int, float) for value in box)
    if not numbers or not all(map(math.isfinite, box)) or not (box[0] < box[2] and box[1] < box[3]):  # type: ignore[arg-type, index]
        return f"expected new_bbox as [x1, y1, x2, y2]; got {brief(box)}"
    return None


def _check_inside(path: Path, one: Entry, size: Sequence[int]) -> None:
    box = one.get("new_bbox") if one["decision"] == "correct" else None
    if box is not None and not (min(box) >= 0 and box[2] <= size[0] and box[3] <= size[1]):
        raise InputError(
            f"{path}: {one['id']}: expected new_bbox inside {size[0]} x {size[1]}; got {brief(box)}. Correct the box"
        )


def _json_of(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise InputError(f"{path}: expected JSON; got another file. Name the right file") from None


def count_verdicts(entries: Sequence[Entry]) -> dict[str, int]:
    """Return how many elements have each verdict, most first."""
    names = [entry["verdict"] for entry in entries]
    return {name: names.count(name) for name in sorted(set(names), key=lambda name: (-names.count(name), name))}
