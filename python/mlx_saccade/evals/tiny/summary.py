"""The summary of an evaluation: means of its rows, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from mlx_saccade.evals.bootstrap import Means, Numbers, Value, first_mean, interval
from mlx_saccade.evals.metrics import bin_of, by_bin
from mlx_saccade.evals.tiny.measure import ZOOM_BUDGET, ZOOM_SHARES
from mlx_saccade.evals.tiny.questions import BUDGETS, LARGE_SHARE, LAW_BUDGETS

__all__ = ["summarize"]

Row = dict[str, Any]
Rows = Sequence[tuple[int, Row]]
"""(screen, row)."""
Figure = dict[str, Any]


def _interval(groups: Sequence[Rows], name: str, value: Value = first_mean) -> tuple[float, float] | None:
    return interval([[(screen, row[name]) for screen, row in rows] for rows in groups], value)


def _mean(rows: Iterable[Row], name: str) -> float:
    values = [float(row[name]) for row in rows]
    return sum(values) / len(values) if values else float("nan")


def _cell(rows: Rows, names: Sequence[str] = ("iou", "hit")) -> Figure:
    """Return the number of rows and screens, and the mean and interval of each name."""
    cell: Figure = {"n": len(rows), "screens": _screens(rows)}
    for name in names:
        cell[name] = round(_mean((row for _, row in rows), name), 4) if rows else None
        cell[f"{name}_interval"] = _interval([rows], name)
    return cell


def _screens(rows: Rows) -> int:
    return len({screen for screen, _ in rows})


def _select(rows: Rows, **values: Any) -> list[tuple[int, Row]]:
    """Return the rows with these values."""
    return [(screen, row) for screen, row in rows if all(row.get(name) == value for name, value in values.items())]


def _rows_by_size(rows: Rows) -> dict[str, list[tuple[int, Row]]]:
    return by_bin(rows, lambda pair: pair[1]["share"])


def _by_size(rows: Rows, names: Sequence[str] = ("iou", "hit")) -> dict[str, Figure]:
    return {size: _cell(some, names) for size, some in _rows_by_size(rows).items()}


def _tokens(rows: Rows) -> tuple[int, int] | None:
    """Return the smallest and largest number of visual tokens."""
    counts = [row["tokens"] for _, row in rows]
    return (min(counts), max(counts)) if counts else None


def _share_where(rows: Rows, holds: Callable[[Row], bool]) -> Figure:
    """Return the share of rows that a condition holds for, as "x"."""
    return _cell([(screen, {"x": holds(row)}) for screen, row in rows], ["x"])


def in_range(rows: Rows) -> Figure:
    """Return the figures of screens inside the trained range.

    `false_nothing` is the share of exact `[]` for an element that exists. `malformed` and `absent_malformed` are the
    shares of answers that are neither that nor a box. `point_looks` and `box_looks` compare color and kind only, not
    the place or side that tells apart elements that look the same.
    """
    places, absent = _select(rows, asked="place"), _select(rows, asked="absent")
    figures: Figure = {"screens": _screens(rows), "tokens": _tokens(rows), "places": _cell(places)}
    large = _mean(({"x": bin_of(row["share"]) == "large"} for _, row in places), "x")
    figures["large_share"] = round(large, 4) if places else None
    figures["too_many_large"] = large > LARGE_SHARE
    figures["false_nothing"] = _share_where(places, lambda row: row["nothing"])
    figures["malformed"] = _share_where(places, lambda row: not (row["nothing"] or row["found"]))
    figures["absent_malformed"] = _share_where(absent, lambda row: not (row["right"] or row["found"]))
    figures["by_budget"] = {}
    for budget in BUDGETS:
        some = _select(places, budget=budget)
        figures["by_budget"][str(budget)] = _cell(some) | {"tokens": _tokens(some)}
    figures["by_size"] = _by_size(places)
    figures["by_relation"] = {
        "plain": _cell(_select(places, relation=False)), "relation": _cell(_select(places, relation=True)),
    }  # fmt: skip
    for name in ("absent", "point", "box", "bare point", "bare box"):
        figures[name] = _cell(_select(rows, asked=name), ["right"])
    for name in ("point", "box"):
        figures[f"{name}_looks"] = _share_where(_select(rows, asked=name), lambda row: row["looks"])
        figures[f"{name}_plain"] = _cell(_select(rows, asked=name, relation=False), ["right"])
        figures[f"{name}_by_size"] = _by_size(_select(rows, asked=name), ["right"])
    return figures


def law(rows: Rows) -> list[Figure]:
    """Return a cell for each size bin and budget."""
    return [
        {"size": size, "budget": budget, **_cell(_select(some, budget=budget))}
        for size, some in _rows_by_size(_select(rows, asked="law")).items()
        for budget in LAW_BUDGETS
    ]


def _ratio(means: Means) -> Numbers:
    zoomed, flat = means
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(flat == 0, np.nan, zoomed / flat)


def zoom(rows: Rows) -> list[Figure]:
    """Return the figures of two looks at tiny targets, compared with one look."""
    flat = _rows_by_size(_select(rows, asked="law", budget=ZOOM_BUDGET))["tiny"]
    figures = []
    for share in ZOOM_SHARES:
        zoomed = _select(rows, asked="zoom", crop=share)
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
    """Return the IoU lost from 256 tokens to more, for ambiguous and for clean targets, and the difference."""
    figures = []
    for budget in LAW_BUDGETS[2:]:
        groups = [_select(rows, ambiguous=kind, budget=b) for kind in (True, False) for b in (256, budget)]
        if not all(groups):
            continue
        means = _means(groups)
        figures.append({
            "budget": budget,
            "n": [len(group) for group in groups[::2]],
            "screens": _screens([pair for group in groups for pair in group]),
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
    """Return the figures of `mlx-saccade tiny evaluate`.

    Args:
        parts: the rows of each part, by screen, as `mlx_saccade.evals.tiny.evaluate` returns them.
    """
    figures: Figure = {}
    if "range" in parts:
        figures["range"] = in_range(parts["range"])
    if "law" in parts:
        figures |= {"law": law(parts["law"]), "zoom": zoom(parts["law"])}
    if "ambiguity" in parts:
        figures["ambiguity"] = ambiguity(parts["ambiguity"])
    return figures
