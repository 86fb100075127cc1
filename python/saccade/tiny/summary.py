"""Rows to figures: means with 95 % bootstrap intervals, which draw whole screens: their targets are no strangers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from saccade.sweep import BINS, bin_of
from saccade.tiny.asking import BUDGETS, LAW_BUDGETS
from saccade.tiny.measure import ZOOM_SHARES

__all__ = ["RESAMPLES", "interval", "summarise"]

RESAMPLES = 1000
Row = dict[str, Any]
Rows = Sequence[tuple[int, Row]]
"""(screen, row)."""
Figure = dict[str, Any]


def interval(groups: Sequence[Rows], value: Callable[[list[list[Row]]], float]) -> tuple[float, float] | None:
    """The 95 % percentile interval of a figure over several groups of rows, screens drawn with replacement.

    Args:
        groups: rows of the same screens.
        value: the figure, from the rows of each group; NaN where a draw leaves nothing to say.

    Returns:
        None with fewer than two screens.
    """
    screens = sorted({screen for rows in groups for screen, _ in rows})
    if len(screens) < 2:
        return None
    by_screen = [{screen: [row for at, row in rows if at == screen] for screen in screens} for rows in groups]
    rng = np.random.RandomState(0)
    values = []
    for _ in range(RESAMPLES):
        drawn = [screens[i] for i in rng.randint(0, len(screens), len(screens))]
        values.append(value([[row for screen in drawn for row in rows[screen]] for rows in by_screen]))
    if np.isnan(values).all():
        return None
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def _mean(rows: Iterable[Row], name: str) -> float:
    values = [float(row[name]) for row in rows]
    return sum(values) / len(values) if values else float("nan")


def _cell(rows: Rows, names: Sequence[str] = ("iou", "hit")) -> Figure:
    """Count, means and intervals of some rows."""
    cell: Figure = {"n": len(rows)}
    for name in names:
        cell[name] = round(_mean((row for _, row in rows), name), 4) if rows else None
        cell[f"{name}_interval"] = interval([rows], lambda groups, name=name: _mean(groups[0], name))  # type: ignore[misc]
    return cell


def _chosen(rows: Rows, **wanted: Any) -> list[tuple[int, Row]]:
    return [(at, row) for at, row in rows if all(row.get(name) == value for name, value in wanted.items())]


def in_range(rows: Rows) -> Figure:
    """The figures of screens inside the trained range."""
    places = _chosen(rows, asked="place")
    figures: Figure = {"screens": len({at for at, _ in rows}), "places": _cell(places)}
    figures["large_share"] = round(_mean(({"x": row["share"] > 0.05} for _, row in places), "x"), 4) if places else None
    figures["false_nothing"] = _cell([(at, {"x": not row["found"]}) for at, row in places], ["x"])
    figures["by_budget"] = {str(budget): _cell(_chosen(places, budget=budget)) for budget in BUDGETS}
    figures["by_size"] = {size: _cell([(at, r) for at, r in places if bin_of(r["share"]) == size]) for size in BINS}
    figures["by_relation"] = {
        "plain": _cell(_chosen(places, relation=False)), "relation": _cell(_chosen(places, relation=True)),
    }  # fmt: skip
    for name in ("absent", "point", "box"):
        figures[name] = _cell(_chosen(rows, asked=name), ["right"])
    for name in ("point", "box"):
        plain = _chosen(rows, asked=name, relation=False)
        figures[f"{name}_plain"] = _cell(plain, ["right"])
    return figures


def law(rows: Rows) -> list[Figure]:
    """A cell for every size and budget."""
    asked = _chosen(rows, asked="law")
    return [
        {"size": size, "budget": budget,
         **_cell([(at, r) for at, r in asked if r["budget"] == budget and bin_of(r["share"]) == size])}
        for size in BINS for budget in LAW_BUDGETS
    ]  # fmt: skip


def _ratio(groups: list[list[Row]]) -> float:
    flat = _mean(groups[1], "iou")
    return _mean(groups[0], "iou") / flat if flat else float("nan")


def zoom(rows: Rows) -> list[Figure]:
    """Two looks at tiny targets against one at 256 tokens."""
    flat = [(at, r) for at, r in _chosen(rows, asked="law", budget=256) if bin_of(r["share"]) == "tiny"]
    figures = []
    for share in ZOOM_SHARES:
        zoomed = _chosen(rows, asked="zoom", crop=share)
        ratio = round(_ratio([[r for _, r in zoomed], [r for _, r in flat]]), 3) if zoomed else None
        figures.append(
            {"crop": share, **_cell(zoomed), "flat": _cell(flat), "ratio": ratio,
             "ratio_interval": interval([zoomed, flat], _ratio)}
        )  # fmt: skip
    return figures


def _drop(groups: list[list[Row]]) -> float:
    return _mean(groups[0], "iou") - _mean(groups[1], "iou")


def _excess(groups: list[list[Row]]) -> float:
    return _drop(groups[:2]) - _drop(groups[2:])


def ambiguity(rows: Rows) -> list[Figure]:
    """How much is lost from 256 tokens to more, for ambiguous and for clean descriptions, and the difference."""
    figures = []
    for budget in LAW_BUDGETS[2:]:
        groups = [_chosen(rows, ambiguous=kind, budget=b) for kind in (True, False) for b in (256, budget)]
        plain = [[row for _, row in group] for group in groups]
        if not all(plain):
            continue
        figures.append({
            "budget": budget,
            "n": [len(group) for group in groups[::2]],
            "iou": [round(_mean(group, "iou"), 4) for group in plain],
            "ambiguous_drop": round(_drop(plain[:2]), 4),
            "ambiguous_interval": interval(groups[:2], _drop),
            "clean_drop": round(_drop(plain[2:]), 4),
            "clean_interval": interval(groups[2:], _drop),
            "excess": round(_excess(plain), 4),
            "excess_interval": interval(groups, _excess),
        })  # fmt: skip
    return figures


def summarise(parts: dict[str, Rows]) -> Figure:
    """What `saccade tiny evaluate` says, from the rows of the parts that were asked."""
    figures: Figure = {}
    if "range" in parts:
        figures["range"] = in_range(parts["range"])
    if "law" in parts:
        figures |= {"law": law(parts["law"]), "zoom": zoom(parts["law"])}
    if "ambiguity" in parts:
        figures["ambiguity"] = ambiguity(parts["ambiguity"])
    return figures
