"""Two runs beside each other, on the targets that both asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mlx_saccade.errors import InputError
from mlx_saccade.evals.bootstrap import Numbers
from mlx_saccade.evals.cells import Mask, groups, thin_note
from mlx_saccade.evals.rows import Budget, Row
from mlx_saccade.evals.run_folder import differences
from mlx_saccade.evals.score_table import ScoreTable, Setting, score_table
from mlx_saccade.evals.statistics import mcnemar

__all__ = ["SCHEMA", "Change", "Comparison", "Paired", "compare"]

SCHEMA = "mlx-saccade/sweep-compare/1"


@dataclass(frozen=True)
class Change:
    """What differs between the two runs.

    Attributes:
        name: of the value, such as "runtime.model"; dots lead into objects.
        first, second: the value in each run, in short; "nothing" where it has none.
    """

    name: str
    first: str
    second: str


@dataclass(frozen=True)
class Paired:
    """The common targets of one regime, asked with one setting in each run. Differences are second minus first.

    Attributes:
        regime: "large", "medium", "small", "tiny", or "all".
        policy, budget: setting of the first run.
        other_policy, other_budget: setting of the second run.
        n: common targets that both answered; no other counts below.
        failed: common targets that at least one run asked for without an answer.
        screens: number of screens of the `n` targets.
        first_hits, second_hits: share of hits of each run.
        first_only, second_only: number of targets that only one of them hits.
        p: exact two-sided p of McNemar's test on these two numbers. It takes targets to be independent: with several
            on a screen it is too small, and the interval of `hits` is the one to trust.
        hits, hits_low, hits_high: difference of the shares of hits, and its 95 % interval by screens.
        first_iou, second_iou: mean IoU of each run over the targets where both have one; None where answers are points.
        iou, iou_low, iou_high: mean difference of the IoU, and its 95 % interval by screens.
        note: why there is no interval, in words; "" if there is one.
    """

    regime: str
    policy: str
    budget: Budget
    other_policy: str
    other_budget: Budget
    n: int
    failed: int
    screens: int
    first_hits: float | None
    second_hits: float | None
    first_only: int
    second_only: int
    p: float
    hits: float | None
    hits_low: float | None
    hits_high: float | None
    first_iou: float | None
    second_iou: float | None
    iou: float | None
    iou_low: float | None
    iou_high: float | None
    note: str


@dataclass(frozen=True)
class Comparison:
    """Two runs beside each other.

    Attributes:
        first, second: what each run is about: `path`, `created`, `data`, `runtime`, `notes` and `missing` answers.
        changes: what differs between the data and runtimes of the two.
        common: number of targets that both runs asked for: equal names, descriptions, boxes and images.
        changed: targets with the same name in both, but another description, box or image; they are left out.
        first_only, second_only: number of targets of one run alone.
        paired: figures of the common targets by pair of settings and regime, all targets last.
        unpaired_first, unpaired_second: settings without a counterpart in the other run.
    """

    first: Mapping[str, Any]
    second: Mapping[str, Any]
    changes: tuple[Change, ...]
    common: int
    changed: int
    first_only: int
    second_only: int
    paired: tuple[Paired, ...]
    unpaired_first: tuple[Setting, ...]
    unpaired_second: tuple[Setting, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, for JSON; docs/schemas/sweep-compare-1.json describes it."""
        return {"schema": SCHEMA, **asdict(self)}


def compare(
    first: Iterable[Row], second: Iterable[Row], first_run: Mapping[str, Any], second_run: Mapping[str, Any]
) -> Comparison:
    """Compare two runs.

    Settings that both runs have are compared with each other. Of those left, two with the same budget are compared if
    each run has one of that budget, then two with the same policy likewise. So a run of another policy can be compared.

    Args:
        first: rows of one run.
        second: rows of the other.
        first_run: what the one measured, as `report.about` gives it.
        second_run: what the other measured.

    Raises:
        InputError: the runs have no target, or no two settings, to compare.
    """
    one, other = list(first), list(second)
    ids, changed = _common(one, other)
    names = {row.target.id for row in one}, {row.target.id for row in other}
    if not ids:
        raise InputError(
            f"compare: expected targets that both runs asked for; got none among {len(names[0])} and {len(names[1])}"
            + (f", {changed} of them under one name but with other boxes or images" if changed else "")
            + ". Compare runs of one data set"
        )
    tables = (
        score_table(row for row in one if row.target.id in ids),
        score_table(row for row in other if row.target.id in ids),
    )
    pairs = _pairs(tables[0].settings, tables[1].settings)
    if not pairs:
        settings = [", ".join(f"{s.policy} at {s.budget}" for s in table.settings) for table in tables]
        raise InputError(
            f"compare: expected a budget and policy of both runs; got {settings[0]} and {settings[1]}. "
            "Run one of them with a setting of the other"
        )
    return Comparison(
        first=first_run,
        second=second_run,
        changes=tuple(Change(*one) for one in differences(_identity(first_run), _identity(second_run))),
        common=len(ids),
        changed=changed,
        first_only=len(names[0] - names[1]),
        second_only=len(names[1] - names[0]),
        paired=tuple(_paired(*tables, pairs)),
        unpaired_first=_without(tables[0].settings, [one for one, _ in pairs]),
        unpaired_second=_without(tables[1].settings, [other for _, other in pairs]),
    )


def _identity(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the answers of a run depend on."""
    return {name: run[name] for name in ("data", "runtime") if name in run}


def _common(first: Sequence[Row], second: Sequence[Row]) -> tuple[set[str], int]:
    """Return the targets that are the same in both runs, and how many are under one name but differ."""
    own, other = (
        {row.target.id: (row.target.description, row.target.expected, row.image_id) for row in rows}
        for rows in (first, second)
    )
    shared = own.keys() & other.keys()
    same = {name for name in shared if own[name] == other[name]}
    return same, len(shared) - len(same)


def _pairs(first: Sequence[Setting], second: Sequence[Setting]) -> list[tuple[Setting, Setting]]:
    """Return the settings to compare, in the order of the first run's."""
    pairs: list[tuple[Setting, Setting]] = []
    for name_of in (_name, lambda setting: str(setting.budget), lambda setting: setting.policy):
        own = _without(first, [one for one, _ in pairs])
        other = _without(second, [two for _, two in pairs])
        for name in dict.fromkeys(map(name_of, own)):
            candidates = [[setting for setting in some if name_of(setting) == name] for some in (own, other)]
            if len(candidates[0]) == len(candidates[1]) == 1:
                pairs.append((candidates[0][0], candidates[1][0]))
    return sorted(pairs, key=lambda pair: first.index(pair[0]))


def _name(setting: Setting) -> tuple[str, str]:
    return setting.policy, str(setting.budget)


def _without(settings: Sequence[Setting], others: Sequence[Setting]) -> tuple[Setting, ...]:
    return tuple(setting for setting in settings if setting not in others)


def _paired(first: ScoreTable, second: ScoreTable, pairs: Sequence[tuple[Setting, Setting]]) -> Iterator[Paired]:
    places = {target.id: place for place, target in enumerate(second.targets)}
    order = [places[target.id] for target in first.targets]
    masks = [*groups(first, "regime"), *groups(first, "all")]
    for own, other in pairs:
        one, two = first.settings.index(own), second.settings.index(other)
        columns = {
            name: np.stack([first.figures[name][:, one], second.figures[name][order, two]], axis=1)
            for name in ("is_hit", "iou")
        }
        asked = (first.outcomes[:, one] >= 0) & (second.outcomes[order, two] >= 0)
        for regime, mask in masks:
            yield _one_regime(first, regime, mask, own, other, columns, asked)


def _one_regime(
    table: ScoreTable, regime: str, mask: Mask, own: Setting, other: Setting, columns: Mapping[str, Numbers],
    asked: Mask,
) -> Paired:  # fmt: skip
    hits, ious = (_of_both(columns[name], mask) for name in ("is_hit", "iou"))
    gaps = np.stack([hits[:, 1] - hits[:, 0], ious[:, 1] - ious[:, 0]], axis=1)
    hit_gap, iou_gap = table.bootstrap.estimates(gaps, least=-1.0)
    first_only, second_only = int((gaps[:, 0] < 0).sum()), int((gaps[:, 0] > 0).sum())
    return Paired(
        regime, own.policy, own.budget, other.policy, other.budget,
        n=hit_gap.n, failed=int((asked & mask[:, 0]).sum()) - hit_gap.n, screens=hit_gap.screens,
        first_hits=_mean(hits[:, 0]), second_hits=_mean(hits[:, 1]),
        first_only=first_only, second_only=second_only, p=round(mcnemar(first_only, second_only), 6),
        hits=hit_gap.mean, hits_low=hit_gap.low, hits_high=hit_gap.high,
        first_iou=_mean(ious[:, 0]), second_iou=_mean(ious[:, 1]),
        iou=iou_gap.mean, iou_low=iou_gap.low, iou_high=iou_gap.high, note=thin_note(hit_gap),
    )  # fmt: skip


def _of_both(columns: Numbers, mask: Mask) -> Numbers:
    """Return the values, [targets, 2], NaN for targets outside the mask or with a value in one run only."""
    return np.where(mask & ~np.isnan(columns).any(axis=1, keepdims=True), columns, np.nan)


def _mean(values: Numbers) -> float | None:
    some = values[~np.isnan(values)]
    return round(float(some.mean()), 4) if len(some) else None
