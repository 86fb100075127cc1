"""The figures of a run by policy, budget, and the target's size, kind, application or side in model pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.evals.bootstrap import MIN_SCREENS, Numbers
from mlx_saccade.evals.metrics import BINS
from mlx_saccade.evals.rows import Budget
from mlx_saccade.evals.score_table import OUTCOMES, ScoreTable
from mlx_saccade.evals.statistics import Estimate

__all__ = ["GROUPINGS", "SIDES", "SIDE_BOUNDS", "Cell", "Grouping", "cells", "groups", "thin_note"]

Grouping = Literal["all", "regime", "ui_type", "application", "group", "model_side"]
GROUPINGS: tuple[Grouping, ...] = ("all", "regime", "ui_type", "application", "group", "model_side")
SIDES = (7, 14, 28, 56, 112)
"""Bounds of the groups by the target's shorter side in model pixels; 28 is a visual token of Qwen2.5-VL."""
SIDE_BOUNDS: dict[str, tuple[float, float]] = {
    f"below {SIDES[0]}": (0, SIDES[0]),
    **{f"{low} to {high}": (low, high) for low, high in pairwise(SIDES)},
    f"from {SIDES[-1]}": (SIDES[-1], math.inf),
}
"""The groups by that side: from the first bound on, and below the second."""
Mask = NDArray[np.bool_]
_MEANS = ("iou", "is_hit", "is_point_in_box")
_MEDIANS = ("center_error", "center_error_share", "size_ratio", "seconds")
_AVERAGES = ("tokens", "answer_tokens", "looks")


@dataclass(frozen=True)
class Cell:
    """The figures of the rows of one group of targets, one policy and one budget. What was not measured is None.

    Attributes:
        grouping: what the targets are grouped by.
        value: their group, such as "large"; "" where the data set does not say.
        policy: name of the policy with its parameters.
        budget: limit on the visual tokens of a look, as it was asked.
        n: number of rows.
        failed: of them, rows with an error. They count in no other figure.
        no_answer: answers that name no place.
        rejected: answers whose every place was rejected.
        screens: number of screens of the answers.
        iou: mean intersection over union. An answer without a place counts as 0, one with a point alone not at all.
        iou_low, iou_high: its 95 % interval; None with fewer than ten screens.
        hits: share of answers with the center of the box, or the point, inside an expected box.
        hits_low, hits_high: its 95 % interval.
        point_in_box: share of answers whose point to click is inside an expected box, as ScreenSpot-Pro counts.
        center_error: median pixels of the source from the expected center to that of the answer.
        center_error_share: median of the same, divided by the diagonal of the expected box.
        size_ratio: median area of the answer's box divided by that of the expected one.
        tokens: mean visual tokens of all looks of a question.
        answer_tokens: mean tokens that the model wrote for a question.
        looks: mean looks of a question.
        seconds: median seconds of a question.
        stages: median seconds of each stage.
        peak_bytes: most memory that a question took.
        note: why there is no interval, in words; "" if there is one.
    """

    grouping: Grouping
    value: str
    policy: str
    budget: Budget
    n: int
    failed: int
    no_answer: int
    rejected: int
    screens: int
    iou: float | None
    iou_low: float | None
    iou_high: float | None
    hits: float | None
    hits_low: float | None
    hits_high: float | None
    point_in_box: float | None
    center_error: float | None
    center_error_share: float | None
    size_ratio: float | None
    tokens: float | None
    answer_tokens: float | None
    looks: float | None
    seconds: float | None
    stages: dict[str, float]
    peak_bytes: int | None
    note: str


def groups(table: ScoreTable, grouping: Grouping) -> Iterator[tuple[str, Mask]]:
    """Yield the groups that have targets: the name, and [targets, settings] or [targets, 1], True for its rows.

    Sizes go from large to tiny and sides from below, other groups by name. A grouping of which the data set says
    nothing has no group.
    """
    if grouping == "model_side":
        yield from _by_side(table.figures["model_side"])
        return
    values = ["all" if grouping == "all" else str(getattr(target, grouping)) for target in table.targets]
    names = BINS if grouping == "regime" else sorted(set(values), key=lambda name: (not name, name))
    for name in names if any(values) else ():
        mask = np.array([value == name for value in values], bool)
        if mask.any():
            yield name, mask[:, None]


def _by_side(sides: Numbers) -> Iterator[tuple[str, Mask]]:
    for name, (low, high) in SIDE_BOUNDS.items():
        mask = (low <= sides) & (sides < high)
        if mask.any():
            yield name, mask


def cells(table: ScoreTable, grouping: Grouping) -> list[Cell]:
    """Return a cell for each group of targets and setting with rows, groups in the order of `groups`."""
    return [cell for value, mask in groups(table, grouping) for cell in _group_cells(table, grouping, value, mask)]


def _group_cells(table: ScoreTable, grouping: Grouping, value: str, mask: Mask) -> Iterator[Cell]:
    outcomes = np.where(mask, table.outcomes, -1)
    part = {name: np.where(mask, figures, np.nan) for name, figures in table.figures.items()}
    means = table.bootstrap.estimates(np.hstack([part[name] for name in _MEANS]))
    medians = {name: _per_column(np.median, part[name]) for name in _MEDIANS}
    averages = {name: _per_column(np.mean, part[name]) for name in _AVERAGES}
    peaks = _per_column(np.max, part["peak_bytes"])
    stages = {stage: _per_column(np.median, np.where(mask, seconds, np.nan)) for stage, seconds in table.stages.items()}
    for place, setting in enumerate(table.settings):
        counts = [int((outcomes[:, place] == kind).sum()) for kind in range(len(OUTCOMES))]
        if not sum(counts):
            continue
        iou, hits, points = means[place :: len(table.settings)]
        _, rejected, no_answer, failed = counts
        peak = peaks[place]
        yield Cell(
            grouping, value, setting.policy, setting.budget,
            n=sum(counts), failed=failed, no_answer=no_answer, rejected=rejected, screens=hits.screens,
            iou=iou.mean, iou_low=iou.low, iou_high=iou.high,
            hits=hits.mean, hits_low=hits.low, hits_high=hits.high, point_in_box=points.mean,
            **{name: values[place] for name, values in (medians | averages).items()},
            stages={stage: seconds for stage, values in stages.items() if (seconds := values[place]) is not None},
            peak_bytes=None if peak is None else int(peak),
            note=thin_note(hits),
        )  # fmt: skip


def thin_note(estimate: Estimate) -> str:
    """Return why an estimate has no interval, in words; "" if it has one."""
    if estimate.n == 0:
        return "no answers"
    if estimate.low is not None:
        return ""
    answers = f"{estimate.n} answer{'s' if estimate.n > 1 else ''}"
    screens = f"{estimate.screens} screen{'s' if estimate.screens > 1 else ''}"
    return f"{answers} on {screens}: an interval needs {MIN_SCREENS} screens"


def _per_column(figure: Callable[[Numbers], np.floating], values: Numbers) -> Sequence[float | None]:
    """Return a figure of the numbers of each column, rounded to four decimals; None for a column without one."""
    columns = [column[~np.isnan(column)] for column in values.T]
    return [round(float(figure(column)), 4) if len(column) else None for column in columns]
