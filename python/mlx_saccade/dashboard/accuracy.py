"""Accuracy by budget and target size: the published table, the packaged checkpoint's, sweeps, and policies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mlx_saccade.dashboard import figures, recorded
from mlx_saccade.dashboard.recorded import Table
from mlx_saccade.dashboard.sources import Sources
from mlx_saccade.dashboard.sweeps import Sweep
from mlx_saccade.evals.budgets import Choice, Optimum
from mlx_saccade.evals.cells import Cell
from mlx_saccade.preprocess.recommend import LIMITS, SOURCE, TABLE

__all__ = ["accuracy"]

# Seconds a query of the published table, where its source gives them: large targets only.
_PUBLISHED_SECONDS = {("large", 1280): 9.7, ("large", 16384): 62.0}
# Policies that a user can choose; the other rows of their benchmark take parts of them away.
_CHOICE = re.compile(r"flat(, \d+ tokens)?|zoom|auto(, \d+ looks)?|search, \d+ looks")
_FIGURES = ("right", "iou", "seconds", "looks")


def accuracy(sources: Sources) -> dict[str, Any]:
    """Return sets of cells by size and budget, sweeps first, and tables of policies."""
    sets = [_sweep(sweep) for sweep in sources.sweeps] + [_published(), _packaged()]
    return {
        "sets": sets,
        "policies": [_policies(table, sources) for table in _policy_tables(sources)],
        "by_side": [_by_side(table, sources) for table in sources.tables if table.kind == "sides"],
    }


def _sweep(sweep: Sweep) -> dict[str, Any]:
    """Return the set of a run: its cells by size, and the best budget of each."""
    report = sweep.report
    return {
        "name": f"sweep {sweep.name}, {sweep.runtime}",
        "note": f"{report.targets:,} targets on {report.screens:,} screens of {sweep.data}. {report.failed:,} of "
        f"{report.rows:,} questions failed and count in no figure. Intervals (95 %) are by screens and need ten.",
        "cells": [_of_report(cell) for cell in report.cells if cell.grouping in ("regime", "all")],
        "sides": [_of_report(cell) for cell in report.cells if cell.grouping == "model_side"],
        "optima": [_optimum(one) for one in report.optima],
    }


def _of_report(cell: Cell) -> dict[str, Any]:
    names = {"iou": "iou", "low": "iou_low", "high": "iou_high"}
    same = ("hits", "hits_low", "hits_high", "center_error_share", "size_ratio", "no_answer", "rejected", "failed")
    own = {name: getattr(cell, source) for name, source in {**names, **dict(zip(same, same, strict=True))}.items()}
    start = _cell(cell.value, _tokens(cell), cell.n)
    return {
        **start,
        **own,
        "policy": cell.policy,
        "label": str(cell.budget),
        "tokens": cell.tokens,
        "seconds": cell.seconds,
    }


def _tokens(cell: Cell) -> int | None:
    """Return where a budget is on the axis; one in words is at the tokens that it took, None if nobody counted them."""
    return cell.budget if isinstance(cell.budget, int) else round(cell.tokens) if cell.tokens else None


def _optimum(one: Optimum) -> dict[str, Any]:
    best = next(c for c in one.choices if (c.policy, c.budget) == (one.best_policy, one.best_budget))
    return {
        "size": one.regime, "policy": one.policy, "metric": one.metric, "best": _choice(best), "mean": best.mean,
        "share": best.best_share, "n": one.n, "note": one.note,
        "level": [_choice(choice) for choice in one.choices if choice.is_level and choice is not best],
    }  # fmt: skip


def _choice(choice: Choice) -> dict[str, str]:
    return {"policy": choice.policy, "label": str(choice.budget)}


def _cell(size: str, budget: int | None, n: int, iou: float | None = None, **interval: float | None) -> dict[str, Any]:
    """Return a cell as the page takes it, with the figures that are there."""
    nothing = ("low", "high", "hits", "hits_low", "hits_high", "center_error_share", "size_ratio")
    return {
        "size": size, "policy": "flat", "budget": budget, "label": str(budget), "n": n, "tokens": None, "iou": iou,
        **dict.fromkeys((*nothing, "no_answer", "rejected", "failed", "seconds")), **interval,
    }  # fmt: skip


def _published() -> dict[str, Any]:
    cells = [_cell(row.size, budget, row.targets, iou) for row in TABLE for budget, iou in row.iou]
    for cell in cells:
        cell["seconds"] = _PUBLISHED_SECONDS.get((cell["size"], cell["budget"]))
    return {
        "name": "published: Qwen2.5-VL-7B, 4-bit, 4K screenshots",
        "note": f"Source: {SOURCE}. No intervals were published. Limits: {'; '.join(LIMITS)}.",
        "cells": cells,
        "sides": [],
        "optima": [],
    }


def _packaged() -> dict[str, Any]:
    card = figures.load("packaged")
    cells = [
        _cell(row["size"], int(budget), row["n"], iou, low=low, high=high)
        for row in card["cells"] for budget, (iou, low, high) in row["budgets"].items()
    ]  # fmt: skip
    return {
        "name": card["model"],
        "note": f"{card['screens']}. Source: {card['source']}.",
        "cells": cells,
        "sides": [],
        "optima": [],
    }


def _policy_tables(sources: Sources) -> Iterator[Table]:
    """Yield the recorded tables of policies, those of all targets first; one by size is a table for each size."""
    yield from (table for table in sources.tables if table.kind == "policies")
    for table in sources.tables:
        if table.kind == "targets":
            for target in dict.fromkeys(row["target"] for row in table.rows if row["target"] != "absent"):
                rows = [{**row, "policy": row["side"]} for row in table.rows if row["target"] == target]
                yield Table("policies", f"{table.name}, {target}", tuple(rows))


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
    conditions = sources.conditions.get(table.name.rpartition("/")[2].partition(",")[0])
    if conditions is None:
        return {"name": table.name, "machine": "", "date": "", "note": ""}
    return {"name": table.name, "machine": conditions.machine, "date": conditions.date, "note": conditions.note}
