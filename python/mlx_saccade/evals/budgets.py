"""Budgets and policies beside each other on the same targets: paired differences, and which one is the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from mlx_saccade.evals.cells import Mask, groups, thin_note
from mlx_saccade.evals.rows import Budget
from mlx_saccade.evals.score_table import ScoreTable
from mlx_saccade.evals.statistics import Estimate

__all__ = ["METRICS", "Choice", "Difference", "Metric", "Optimum", "differences", "optima"]

Metric = Literal["iou", "hits"]
METRICS: tuple[Metric, ...] = ("iou", "hits")
_FIGURE = {"iou": "iou", "hits": "is_hit"}


@dataclass(frozen=True)
class Difference:
    """The second of two settings minus the first, on the targets that both answered.

    Attributes:
        regime: "large", "medium", "small", "tiny", or "all".
        policy, budget: the first setting.
        other_policy, other_budget: the second one, with the same policy or the same budget.
        n: number of common targets with an answer of both.
        screens: number of their screens.
        iou: mean difference of the IoU; None where answers are points.
        iou_low, iou_high: its 95 % interval; None with fewer than ten screens.
        hits: difference of the share of hits.
        hits_low, hits_high: its 95 % interval.
    """

    regime: str
    policy: str
    budget: Budget
    other_policy: str
    other_budget: Budget
    n: int
    screens: int
    iou: float | None
    iou_low: float | None
    iou_high: float | None
    hits: float | None
    hits_low: float | None
    hits_high: float | None


@dataclass(frozen=True)
class Choice:
    """One of the settings among which the best is sought.

    Attributes:
        policy, budget: the setting.
        mean: mean figure over the common targets.
        best_share: share of the bootstrap draws in which it is the best, equals sharing a draw; None without draws.
        is_level: True for the best, and where the paired 95 % interval of the difference to it has 0 in it: these
            targets do not tell the two apart. None without draws.
    """

    policy: str
    budget: Budget
    mean: float
    best_share: float | None
    is_level: bool | None


@dataclass(frozen=True)
class Optimum:
    """The best setting of a regime.

    Attributes:
        regime: "large", "medium", "small", "tiny", or "all".
        policy: the policy whose budgets are compared; None: all settings are.
        metric: "iou" or "hits", the figure whose mean counts.
        best_policy, best_budget: the setting with the highest mean, the first of equals.
        choices: all settings that were compared.
        n: number of targets that all of them answered; no other counts.
        screens: number of their screens.
        note: why nothing is said about how sure it is, in words; "" if something is.
    """

    regime: str
    policy: str | None
    metric: Metric
    best_policy: str
    best_budget: Budget
    choices: tuple[Choice, ...]
    n: int
    screens: int
    note: str


def differences(table: ScoreTable) -> list[Difference]:
    """Return the paired differences of each regime, then of all targets.

    Each two budgets of a policy are compared, and the first policy with each other one at the same budget.
    """
    pairs = list(_pairs(table))
    return [one for regime, mask in _regimes(table) for one in _differences(table, regime, mask, pairs) if one.n]


def _pairs(table: ScoreTable) -> Iterator[tuple[int, int]]:
    """Yield the places of the settings that are compared."""
    for policy in table.policies:
        yield from combinations(table.columns_of(policy), 2)
    first, *others = table.policies or ("",)
    for own in table.columns_of(first):
        for policy in others:
            for other in table.columns_of(policy):
                if str(table.settings[own].budget) == str(table.settings[other].budget):
                    yield own, other


def _regimes(table: ScoreTable) -> Iterator[tuple[str, Mask]]:
    """Yield the regimes with targets, then all targets: the name, and [targets, 1]."""
    yield from groups(table, "regime")
    yield from groups(table, "all")


def _differences(table: ScoreTable, regime: str, mask: Mask, pairs: Sequence[tuple[int, int]]) -> Iterator[Difference]:
    if not pairs:
        return
    firsts, seconds = map(list, zip(*pairs, strict=True))
    gaps = [np.where(mask, table.figures[_FIGURE[name]], np.nan) for name in METRICS]
    estimates = table.bootstrap.estimates(np.hstack([one[:, seconds] - one[:, firsts] for one in gaps]), least=-1.0)
    for place, (first, second) in enumerate(pairs):
        iou, hits = estimates[place :: len(pairs)]
        one, other = table.settings[first], table.settings[second]
        yield Difference(
            regime, one.policy, one.budget, other.policy, other.budget, hits.n, hits.screens,
            iou.mean, iou.low, iou.high, hits.mean, hits.low, hits.high,
        )  # fmt: skip


def optima(table: ScoreTable) -> list[Optimum]:
    """Return the best budget of each policy with several, and with several policies the best setting, by regime.

    A setting without a figure in a regime, such as an IoU where answers are points, takes no part.
    """
    contests: list[tuple[str | None, list[int]]] = [(policy, table.columns_of(policy)) for policy in table.policies]
    if len(contests) > 1:
        contests.append((None, list(range(len(table.settings)))))
    return [
        best
        for regime, mask in _regimes(table)
        for policy, places in contests
        for metric in METRICS
        if (best := _optimum(table, regime, mask, policy, places, metric)) is not None
    ]


def _optimum(
    table: ScoreTable, regime: str, mask: Mask, policy: str | None, places: Sequence[int], metric: Metric
) -> Optimum | None:
    values = np.where(mask, table.figures[_FIGURE[metric]], np.nan)
    own = [place for place in places if not np.isnan(values[:, place]).all()]
    if len(own) < 2 or (result := table.bootstrap.optimum(values[:, own])) is None:
        return None
    settings = [table.settings[place] for place in own]
    choices = tuple(
        Choice(
            setting.policy, setting.budget, round(mean, 4),
            None if result.best_shares is None else round(result.best_shares[place], 4),
            None if result.is_level is None else result.is_level[place],
        )
        for place, (setting, mean) in enumerate(zip(settings, result.means, strict=True))
    )  # fmt: skip
    best = settings[result.best]
    note = thin_note(Estimate(0.0, None, None, result.n, result.screens)) if result.is_level is None else ""
    return Optimum(regime, policy, metric, best.policy, best.budget, choices, result.n, result.screens, note)
