"""`mlx-saccade sweep compare`: two runs beside each other, on the targets that both asked for."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mlx_saccade.cli import output
from mlx_saccade.cli.sweeps.words import REGIMES, budget, facts_of, number, print_legend, right, signed, signed_interval
from mlx_saccade.errors import quantity

if TYPE_CHECKING:
    from mlx_saccade.evals.compare import Comparison, Paired

__all__ = ["EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY = "Compare two runs on the targets that both asked for"
EXAMPLES = ("mlx-saccade sweep compare runs/a runs/b",)

_LEGEND = (
    f"{REGIMES}; all: every common target",
    "n: common targets that both runs answered; first, second: share of hits; change: second minus first, with its "
    "95 % interval by screens; -: an interval needs ten screens",
    "only 1, only 2: targets that one run alone hits; p: exact two-sided p of McNemar's test on these two numbers. It "
    "takes targets to be independent: with several on a screen it is too small, so trust the interval",
)
_IOU_LEGEND = (
    "first, second: mean IoU; change: second minus first on the same targets, with its 95 % interval by screens",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade sweep compare`."""
    parser.epilog = (
        "Compares settings that both runs have; then those left with the same budget, then with the same policy. "
        "Names what differs between the two runs."
    )
    parser.add_argument("first", metavar="RUN", help="folder of a run")
    parser.add_argument("second", metavar="OTHER", help="folder of another run")


def run(options: argparse.Namespace) -> int:
    """Compare two runs."""
    from mlx_saccade import evals
    from mlx_saccade.evals.compare import compare
    from mlx_saccade.evals.report import about

    first, second = evals.read_run(options.first), evals.read_run(options.second)
    comparison = compare(first.rows, second.rows, about(first), about(second))
    if options.json:
        output.print_json(comparison.as_dict())
    else:
        _print(comparison)
    return 0


def _print(comparison: Comparison) -> None:
    for name, one in (("first", comparison.first), ("second", comparison.second)):
        output.text(f"{name}: {', '.join(value for key, value in facts_of(one) if key != 'note')}", hang="  ")
    for change in comparison.changes:
        output.text(f"differs: {change.name}: {change.first}; {change.second}", hang="  ")
    output.text(_counts(comparison), hang="  ")
    for name, settings in (("first", comparison.unpaired_first), ("second", comparison.unpaired_second)):
        for setting in settings:
            output.text(f"only in the {name}: {setting.policy} at {budget(setting.budget)}", hang="  ")
    print()
    _print_hits(comparison.paired)
    _print_ious(comparison.paired)


def _counts(comparison: Comparison) -> str:
    parts = [
        f"{quantity(comparison.common, 'target')} in common",
        *(
            [f"{comparison.changed} of one name but with other words, boxes or images, left out"]
            if comparison.changed
            else []
        ),
        f"{comparison.first_only} only in the first, {comparison.second_only} only in the second",
    ]
    return "; ".join(parts)


def _print_hits(paired: Sequence[Paired]) -> None:
    for setting, some in _by_setting(paired):
        output.text(f"hits, {setting}")
        output.table([("target", "left"), *right("n", "first", "second", "change", "95 %", "only 1", "only 2", "p")], [
            (one.regime, f"{one.n:,}", number(one.first_hits), number(one.second_hits), signed(one.hits),
             signed_interval(one.hits_low, one.hits_high), str(one.first_only), str(one.second_only),
             f"{one.p:.2g}" if one.n else "-")
            for one in some
        ])  # fmt: skip
    notes = dict.fromkeys(f"no interval for {one.regime}: {one.note}" for one in paired if one.note)
    failed = [
        f"{_setting(one)}: {quantity(one.failed, 'common target')} failed in a run, left out"
        for one in paired if one.regime == "all" and one.failed
    ]  # fmt: skip
    print_legend(_LEGEND, [*notes, *failed])


def _print_ious(paired: Sequence[Paired]) -> None:
    with_iou = [one for one in paired if one.iou is not None]
    for setting, some in _by_setting(with_iou):
        output.text(f"IoU, {setting}")
        output.table([("target", "left"), *right("first", "second", "change", "95 %")], [
            (one.regime, number(one.first_iou), number(one.second_iou), signed(one.iou),
             signed_interval(one.iou_low, one.iou_high)) for one in some
        ])  # fmt: skip
    if with_iou:
        print_legend(_IOU_LEGEND)


def _by_setting(paired: Sequence[Paired]) -> Iterator[tuple[str, list[Paired]]]:
    for setting in dict.fromkeys(map(_setting, paired)):
        yield setting, [one for one in paired if _setting(one) == setting]


def _setting(one: Paired) -> str:
    first, second = f"{one.policy} at {budget(one.budget)}", f"{one.other_policy} at {budget(one.other_budget)}"
    return first if first == second else f"{first} and {second}"
