"""Rows to figures: means with the intervals of `mlx_saccade.evals.interval`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from mlx_saccade.evals import BINS, bin_of, interval
from mlx_saccade.evals.bootstrap import Means, Numbers, Value, alone
from mlx_saccade.evals.tiny.measure import ZOOM_BUDGET, ZOOM_SHARES
from mlx_saccade.evals.tiny.questions import BUDGETS, LARGE_SHARE, LAW_BUDGETS

__all__ = ["summarize"]

Row = dict[str, Any]
Rows = Sequence[tuple[int, Row]]
"""(screen, row)."""
Figure = dict[str, Any]


def _interval(groups: Sequence[Rows], name: str, value: Value = alone) -> tuple[float, float] | None:
    return interval([[(screen, row[name]) for screen, row in rows] for rows in groups], value)


def _mean(rows: Iterable[Row], name: str) -> float:
    values = [float(row[name]) for row in rows]
    return sum(values) / len(values) if values else float("nan")


def _cell(rows: Rows, names: Sequence[str] = ("iou", "hit")) -> Figure:
    """Count, screens that they are of, means and intervals of some rows."""
    cell: Figure = {"n": len(rows), "screens": len({at for at, _ in rows})}
    for name in names:
        cell[name] = round(_mean((row for _, row in rows), name), 4) if rows else None
        cell[f"{name}_interval"] = _interval([rows], name)
    return cell


def _chosen(rows: Rows, **wanted: Any) -> list[tuple[int, Row]]:
    return [(at, row) for at, row in rows if all(row.get(name) == value for name, value in wanted.items())]


def _by_size(rows: Rows, names: Sequence[str] = ("iou", "hit")) -> dict[str, Figure]:
    return {size: _cell([(at, row) for at, row in rows if bin_of(row["share"]) == size], names) for size in BINS}


def _tokens(rows: Rows) -> tuple[int, int] | None:
    """The least and the most that an image had."""
    spent = [row["tokens"] for _, row in rows]
    return (min(spent), max(spent)) if spent else None


def _where(rows: Rows, true: Callable[[Row], bool]) -> Figure:
    """The share of rows of which something is true, as "x"."""
    return _cell([(at, {"x": true(row)}) for at, row in rows], ["x"])


def in_range(rows: Rows) -> Figure:
    """The figures of screens inside the trained range.

    `false_nothing` is an exact `[]` for what is there; `malformed` and `absent_malformed` neither that nor a box.
    `point_looks` and `box_looks` ask for color and kind alone, not for the place or side that tells an element from
    another of its look.
    """
    places, absent = _chosen(rows, asked="place"), _chosen(rows, asked="absent")
    figures: Figure = {"screens": len({at for at, _ in rows}), "tokens": _tokens(rows), "places": _cell(places)}
    large = _mean(({"x": bin_of(row["share"]) == "large"} for _, row in places), "x")
    figures["large_share"] = round(large, 4) if places else None
    figures["too_many_large"] = large > LARGE_SHARE
    figures["false_nothing"] = _where(places, lambda row: row["nothing"])
    figures["malformed"] = _where(places, lambda row: not (row["nothing"] or row["found"]))
    figures["absent_malformed"] = _where(absent, lambda row: not (row["right"] or row["found"]))
    figures["by_budget"] = {}
    for budget in BUDGETS:
        some = _chosen(places, budget=budget)
        figures["by_budget"][str(budget)] = _cell(some) | {"tokens": _tokens(some)}
    figures["by_size"] = _by_size(places)
    figures["by_relation"] = {
        "plain": _cell(_chosen(places, relation=False)), "relation": _cell(_chosen(places, relation=True)),
    }  # fmt: skip
    for name in ("absent", "point", "box", "bare point", "bare box"):
        figures[name] = _cell(_chosen(rows, asked=name), ["right"])
    for name in ("point", "box"):
        figures[f"{name}_looks"] = _where(_chosen(rows, asked=name), lambda row: row["looks"])
        figures[f"{name}_plain"] = _cell(_chosen(rows, asked=name, relation=False), ["right"])
        figures[f"{name}_by_size"] = _by_size(_chosen(rows, asked=name), ["right"])
    return figures


def law(rows: Rows) -> list[Figure]:
    """A cell for every size and budget."""
    asked = _chosen(rows, asked="law")
    return [
        {"size": size, "budget": budget,
         **_cell([(at, r) for at, r in asked if r["budget"] == budget and bin_of(r["share"]) == size])}
        for size in BINS for budget in LAW_BUDGETS
    ]  # fmt: skip


def _ratio(means: Means) -> Numbers:
    zoomed, flat = means
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(flat == 0, np.nan, zoomed / flat)


def zoom(rows: Rows) -> list[Figure]:
    """Two looks at tiny targets against one."""
    flat = [(at, r) for at, r in _chosen(rows, asked="law", budget=ZOOM_BUDGET) if bin_of(r["share"]) == "tiny"]
    figures = []
    for share in ZOOM_SHARES:
        zoomed = _chosen(rows, asked="zoom", crop=share)
        ratio = float(_ratio(_means([zoomed, flat])))
        figures.append(
            {"crop": share, **_cell(zoomed), "flat": _cell(flat), "ratio": None if np.isnan(ratio) else round(ratio, 3),
             "ratio_interval": _interval([zoomed, flat], "iou", _ratio)}
        )  # fmt: skip
    return figures


def _drop(means: Means) -> Numbers:
    return means[0] - means[1]


def _excess(means: Means) -> Numbers:
    return _drop(means[:2]) - _drop(means[2:])


def _means(groups: Sequence[Rows]) -> Means:
    return [np.array(_mean((row for _, row in rows), "iou")) for rows in groups]


def ambiguity(rows: Rows) -> list[Figure]:
    """How much is lost from 256 tokens to more, for ambiguous and for clean descriptions, and the difference."""
    figures = []
    for budget in LAW_BUDGETS[2:]:
        groups = [_chosen(rows, ambiguous=kind, budget=b) for kind in (True, False) for b in (256, budget)]
        if not all(groups):
            continue
        means = _means(groups)
        figures.append({
            "budget": budget,
            "n": [len(group) for group in groups[::2]],
            "screens": len({at for group in groups for at, _ in group}),
            "iou": [round(float(mean), 4) for mean in means],
            "ambiguous_drop": round(float(_drop(means[:2])), 4),
            "ambiguous_interval": _interval(groups[:2], "iou", _drop),
            "clean_drop": round(float(_drop(means[2:])), 4),
            "clean_interval": _interval(groups[2:], "iou", _drop),
            "excess": round(float(_excess(means)), 4),
            "excess_interval": _interval(groups, "iou", _excess),
        })  # fmt: skip
    return figures


def summarize(parts: dict[str, Rows]) -> Figure:
    """What `mlx-saccade tiny evaluate` says, from the rows of the parts that were asked."""
    figures: Figure = {}
    if "range" in parts:
        figures["range"] = in_range(parts["range"])
    if "law" in parts:
        figures |= {"law": law(parts["law"]), "zoom": zoom(parts["law"])}
    if "ambiguity" in parts:
        figures["ambiguity"] = ambiguity(parts["ambiguity"])
    return figures
