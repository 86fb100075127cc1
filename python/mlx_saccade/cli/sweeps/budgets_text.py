"""Budgets and policies beside each other as text for people: the best, paired differences, the published table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from mlx_saccade.cli import output
from mlx_saccade.cli.sweeps.words import budget, number, percent, print_legend, right, signed, signed_interval
from mlx_saccade.cli.table import NBSP

if TYPE_CHECKING:
    from mlx_saccade.evals.budgets import Choice, Difference, Optimum
    from mlx_saccade.evals.published import BesidePublished, Curve

__all__ = ["print_differences", "print_optima", "print_published"]

_OPTIMA = (
    "best: highest mean over the n targets that every setting answered; its share of the draws of screens in which it "
    "is the best; level with it: the 95 % interval of the paired difference has 0 in it",
)
_DIFFERENCES = (
    "n: targets that both answered; IoU, hits: paired change of the mean IoU and of the share of hits, with its 95 % "
    "interval by screens; -: not known. --json has every two budgets",
)


def print_optima(optima: Iterable[Optimum]) -> None:
    """Print the best setting of each regime and how sure it is: by IoU, or by hits where answers are points."""
    best: dict[tuple[str, str | None], Optimum] = {}
    for one in optima:
        if one.metric == "iou" or (one.regime, one.policy) not in best:
            best[one.regime, one.policy] = one
    if not best:
        return
    several = len({one.policy for one in best.values()}) > 1
    for one in best.values():
        output.text(_optimum(one, several=several), hang="  ")
    print()
    print_legend(_OPTIMA)


def _optimum(one: Optimum, *, several: bool) -> str:
    """Return the best of a regime in words; `several` True: say of which policy."""
    metric = {"iou": "IoU", "hits": "hits"}[one.metric]
    who = f", {one.policy or 'any policy'}" if several else ""
    best = next(c for c in one.choices if (c.policy, c.budget) == (one.best_policy, one.best_budget))
    line = f"{one.regime}{who}: best {_choice(best, one)} ({metric} {best.mean:.3f}, n {one.n:,})"
    if not best.mean:
        return f"{one.regime}{who}: no best, as the mean of every setting is 0 ({metric}, n {one.n:,})"
    if best.best_share is None:
        return f"{line}; how sure is not known: {one.note}"
    level = [_choice(choice, one) for choice in one.choices if choice.is_level and choice is not best]
    return f"{line}, in {percent(best.best_share)} of the draws; level with it: {', '.join(level) or 'none'}"


def _choice(choice: Choice, one: Optimum) -> str:
    value = budget(choice.budget)
    return f"{choice.policy}{NBSP}at{NBSP}{value}" if one.policy is None else value


def print_differences(differences: Sequence[Difference]) -> None:
    """Print paired differences between neighboring budgets of each policy, and between policies."""
    same = [one for one in differences if one.policy == one.other_policy]
    other = [one for one in differences if one.policy != one.other_policy]
    for policy in dict.fromkeys(one.policy for one in same):
        own = [one for one in same if one.policy == policy]
        if len({one.policy for one in differences} | {one.other_policy for one in differences}) > 1:
            output.text(f"policy {policy}")
        # The first difference of a budget is that to the next larger one.
        neighbors = [next(some) for _, some in groupby(own, key=lambda one: (one.regime, one.budget))]
        output.table(
            [("target", "left"), *right("from", "to", "n", "IoU", "95 %", "hits", "95 %")],
            [(one.regime, budget(one.budget), budget(one.other_budget), *_figures(one)) for one in neighbors],
        )
    for first, second in dict.fromkeys((one.policy, one.other_policy) for one in other):
        output.text(f"from policy {first} to {second}, at the same budget")
        output.table(
            [("target", "left"), *right("budget", "n", "IoU", "95 %", "hits", "95 %")],
            [(one.regime, budget(one.budget), *_figures(one)) for one in other if one.other_policy == second],
        )
    if differences:
        print_legend(_DIFFERENCES)


def _figures(one: Difference) -> tuple[str, ...]:
    return (
        f"{one.n:,}", signed(one.iou), signed_interval(one.iou_low, one.iou_high), signed(one.hits),
        signed_interval(one.hits_low, one.hits_high),
    )  # fmt: skip


def print_published(published: Sequence[BesidePublished]) -> None:
    """Print each regime beside the published one."""
    rows = [
        (one.regime, name, *(("-", "-", "no boxes for such targets") if curve is None else _curve(curve)))
        for one in published
        for name, curve in (("published", one.published), (f"this run, {one.policy}", one.run))
    ]
    columns = [("target", "left"), ("curve", "left"), *right("n", "best")]
    output.table([*columns, ("IoU by budget, as a share of the best", "left")], rows)
    print_legend((f"Mind that {published[0].caution}.", f"published: {published[0].source}"))


def _curve(curve: Curve) -> tuple[str, str, str]:
    points = (f"{budget(point.budget)}:{NBSP}{number(point.share_of_best, 2)}" for point in curve.points)
    has_best = any(point.share_of_best for point in curve.points)
    return f"{curve.n:,}", budget(curve.best_budget) if has_best else "-", ", ".join(points)
