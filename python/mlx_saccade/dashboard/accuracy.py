"""Accuracy by budget and target size: the published table, the packaged checkpoint's, sweeps, and policies."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from mlx_saccade.dashboard import figures, recorded
from mlx_saccade.dashboard.recorded import Table
from mlx_saccade.dashboard.sources import Sources
from mlx_saccade.dashboard.sweeps import Sweep
from mlx_saccade.preprocess.recommend import LIMITS, SOURCE, TABLE

__all__ = ["accuracy"]

# Seconds a query of the published table, where its source gives them: large targets only.
_PUBLISHED_SECONDS = {("large", 1280): 9.7, ("large", 16384): 62.0}
# Policies that a user can choose; the other rows of their benchmark take parts of them away.
_CHOICE = re.compile(r"flat|zoom|search, \d+ looks")
_FIGURES = ("right", "iou", "seconds", "looks")


def accuracy(sources: Sources) -> dict[str, Any]:
    """Return sets of cells by size and budget, sweeps first, and tables of policies."""
    sets = [one for sweep in sources.sweeps for one in _sweep(sweep)] + [_published(), _packaged()]
    return {
        "sets": sets,
        "policies": [_policies(table, sources) for table in sources.tables if table.kind == "policies"],
        "by_side": [_by_side(table, sources) for table in sources.tables if table.kind == "sides"],
    }


def _sweep(sweep: Sweep) -> list[dict[str, Any]]:
    """Return a set of cells for each policy; a budget in words is the tokens that it took."""
    sets = []
    for policy in dict.fromkeys(cell.policy for cell in sweep.cells):
        cells = [
            {**asdict(cell), "budget": cell.budget if isinstance(cell.budget, int) else round(cell.tokens or 0)}
            for cell in sweep.cells if cell.policy == policy
        ]  # fmt: skip
        sets.append(
            {
                "name": f"sweep {sweep.name}, {sweep.runtime}, {policy}",
                "note": f"{sweep.images} images of {sweep.data}. Intervals (95 %) are by images and need ten of them.",
                "cells": [cell for cell in cells if cell["budget"]],
            }
        )
    return sets


def _cell(size: str, budget: int, n: int, iou: float, low: float | None, high: float | None) -> dict[str, Any]:
    seconds = None
    return {
        "size": size, "budget": budget, "n": n, "tokens": None, "iou": iou, "low": low, "high": high, "hits": None,
        "seconds": seconds,
    }  # fmt: skip


def _published() -> dict[str, Any]:
    cells = [_cell(row.size, budget, row.targets, iou, None, None) for row in TABLE for budget, iou in row.iou]
    for cell in cells:
        cell["seconds"] = _PUBLISHED_SECONDS.get((cell["size"], cell["budget"]))
    return {
        "name": "published: Qwen2.5-VL-7B, 4-bit, 4K screenshots",
        "note": f"Source: {SOURCE}. No intervals were published. Limits: {'; '.join(LIMITS)}.",
        "cells": cells,
    }


def _packaged() -> dict[str, Any]:
    card = figures.load("packaged")
    cells = [
        _cell(row["size"], int(budget), row["n"], *values)
        for row in card["cells"] for budget, values in row["budgets"].items()
    ]  # fmt: skip
    return {"name": card["model"], "note": f"{card['screens']}. Source: {card['source']}.", "cells": cells}


def _policies(table: Table, sources: Sources) -> dict[str, Any]:
    rows = []
    for row in table.rows:
        values: dict[str, Any] = {
            "policy": row["policy"],
            "is_choice": _CHOICE.fullmatch(row["policy"]) is not None,
        }
        for name in _FIGURES:
            mean, low, high = recorded.interval(row[name]) or (None, None, None)
            values[name] = {"mean": mean, "low": low, "high": high}
        rows.append(values)
    return {**_conditions(table, sources), "rows": rows}


def _by_side(table: Table, sources: Sources) -> dict[str, Any]:
    columns = ("from_px", "below_px", "right", "low", "high", "n")
    rows = [{"policy": row["policy"], **{name: recorded.number(row[name]) for name in columns}} for row in table.rows]
    return {**_conditions(table, sources), "rows": rows}


def _conditions(table: Table, sources: Sources) -> dict[str, Any]:
    conditions = sources.conditions.get(table.name.rpartition("/")[2])
    if conditions is None:
        return {"name": table.name, "machine": "", "date": "", "note": ""}
    return {"name": table.name, "machine": conditions.machine, "date": conditions.date, "note": conditions.note}
