"""A run beside the published table of accuracy by budget: the shapes of the two curves, not their values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlx_saccade.evals.cells import Mask, groups
from mlx_saccade.evals.rows import Budget
from mlx_saccade.evals.score_table import ScoreTable
from mlx_saccade.preprocess.recommend import SOURCE, TABLE

__all__ = ["CAUTION", "BesidePublished", "Curve", "CurvePoint", "beside_published"]

CAUTION = (
    "the published model (Qwen2.5-VL-7B, 4-bit) and its screens are others than those of this run: compare which "
    "budget is best and how the curve falls from there, not the values"
)


@dataclass(frozen=True)
class CurvePoint:
    """The accuracy at one budget.

    Attributes:
        budget: maximum visual tokens, as it was asked.
        iou: mean intersection over union.
        share_of_best: `iou` divided by that of the curve's best budget, 0 to 1; None where all are 0.
    """

    budget: Budget
    iou: float
    share_of_best: float | None


@dataclass(frozen=True)
class Curve:
    """Accuracy against budget.

    Attributes:
        best_budget: budget with the highest mean IoU, the smallest of equals.
        level_budgets: budgets that are not distinguishable from it, itself included; None where that is not known.
        n: number of targets.
        points: by budget, smallest first.
    """

    best_budget: Budget
    level_budgets: tuple[Budget, ...] | None
    n: int
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class BesidePublished:
    """One regime of a run beside the published one.

    Attributes:
        regime: "large", "medium", "small" or "tiny".
        policy: policy of the run; the published looks are single ones, as "flat".
        run: the run's curve over the targets that all of its budgets answered; None without boxes in this regime.
        published: the published curve; nothing of it says how sure it is.
        source: publication of the table.
        caution: what the two may not be compared for.
    """

    regime: str
    policy: str
    run: Curve | None
    published: Curve
    source: str = SOURCE
    caution: str = CAUTION


def beside_published(table: ScoreTable) -> list[BesidePublished]:
    """Return each regime of a run's first policy, "flat" if it is there, beside the published one."""
    policy = table.policies[0] if table.policies else "flat"
    masks = dict(groups(table, "regime"))
    result = []
    for row in TABLE:
        run = _curve(table, masks[row.size], policy) if row.size in masks else None
        best = max(iou for _, iou in row.iou)
        published = Curve(
            next(budget for budget, iou in row.iou if iou == best), None, row.targets, _points(list(row.iou))
        )
        result.append(BesidePublished(row.size, policy, run, published))
    return result


def _curve(table: ScoreTable, mask: Mask, policy: str) -> Curve | None:
    values = np.where(mask, table.figures["iou"], np.nan)
    places = [place for place in table.columns_of(policy) if not np.isnan(values[:, place]).all()]
    best = table.bootstrap.optimum(values[:, places]) if places else None
    if best is None:
        return None
    budgets = [table.settings[place].budget for place in places]
    level = None
    if best.is_level is not None:
        level = tuple(budget for budget, is_level in zip(budgets, best.is_level, strict=True) if is_level)
    points = _points(list(zip(budgets, (round(mean, 4) for mean in best.means), strict=True)))
    return Curve(budgets[best.best], level, best.n, points)


def _points(pairs: list[tuple[Budget, float]]) -> tuple[CurvePoint, ...]:
    best = max(iou for _, iou in pairs)
    return tuple(CurvePoint(budget, iou, round(iou / best, 4) if best else None) for budget, iou in pairs)
