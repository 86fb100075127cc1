"""The scores of a run as tables of targets by settings, from which all of its figures are made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.evals.bootstrap import Numbers
from mlx_saccade.evals.rows import Budget, Row
from mlx_saccade.evals.scores import Outcome, Score, score
from mlx_saccade.evals.statistics import ScreenBootstrap, Screens
from mlx_saccade.evals.targets import Target

__all__ = ["OUTCOMES", "ScoreTable", "Setting", "score_table"]

OUTCOMES: tuple[Outcome, ...] = ("place", "rejected", "no answer", "failed")
_OF_SCORE = (
    "iou", "is_hit", "is_point_in_box", "center_error", "center_error_share", "size_ratio", "model_side", "looks",
    "seconds",
)  # fmt: skip
_OF_REPLY = ("tokens", "answer_tokens", "peak_bytes")


@dataclass(frozen=True)
class Setting:
    """How targets were asked for.

    Attributes:
        policy: name of the policy with its parameters.
        budget: limit on the visual tokens of a look, as it was asked.
    """

    policy: str
    budget: Budget


@dataclass(frozen=True)
class ScoreTable:
    """The scores of a run.

    Attributes:
        targets: those with at least one row, in the order of the rows.
        screens: the screen of each target, as numbers from 0; targets whose image has the same name are on one screen.
        bootstrap: draws of these screens.
        settings: the policy "flat" first, others in the order of the rows; of each the smallest budget first.
        outcomes: place of each row's outcome in `OUTCOMES`, [targets, settings]; -1 where there is no row.
        figures: values of `Score` and `Reply` by name, [targets, settings]; NaN where there is none. Those of rows that
            failed are left out, whatever the row has.
        stages: seconds of each stage by name, [targets, settings]; NaN where they were not measured.
    """

    targets: tuple[Target, ...]
    screens: Screens
    bootstrap: ScreenBootstrap
    settings: tuple[Setting, ...]
    outcomes: NDArray[np.int8]
    figures: Mapping[str, Numbers]
    stages: Mapping[str, Numbers]

    def columns_of(self, policy: str) -> list[int]:
        """Return the places of a policy's settings, smallest budget first."""
        return [place for place, setting in enumerate(self.settings) if setting.policy == policy]

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies in the order of the settings."""
        return tuple(dict.fromkeys(setting.policy for setting in self.settings))


def score_table(rows: Iterable[Row]) -> ScoreTable:
    """Score the rows of a run, which has one for each question.

    Where all places of a run are points, answers without a place have no IoU either: the mean would be of these alone.
    """
    all_rows = list(rows)
    targets = {row.target.id: row.target for row in all_rows}
    target_of = {name: place for place, name in enumerate(targets)}
    settings = _settings(all_rows)
    setting_of = {(one.policy, str(one.budget)): place for place, one in enumerate(settings)}
    shape = len(targets), len(settings)
    outcomes = np.full(shape, -1, np.int8)
    figures = {name: np.full(shape, np.nan) for name in (*_OF_SCORE, *_OF_REPLY)}
    stages: dict[str, Numbers] = {}
    for row in all_rows:
        at = target_of[row.target.id], setting_of[row.policy, str(row.budget)]
        own = score(row)
        outcomes[at] = OUTCOMES.index(own.outcome)
        if own.outcome != "failed":
            for name, value in _values(row, own):
                figures[name][at] = value
            for stage, seconds in row.reply.seconds.items():
                if stage not in stages:
                    stages[stage] = np.full(shape, np.nan)
                stages[stage][at] = seconds
    if _has_points_alone(all_rows):
        figures["iou"][:] = np.nan
    screens = _screens(targets.values())
    return ScoreTable(tuple(targets.values()), screens, ScreenBootstrap(screens), settings, outcomes, figures, stages)


def _has_points_alone(rows: Sequence[Row]) -> bool:
    """Return True if there are answers with a place, and none of them has a box."""
    replies = [row.reply for row in rows if row.reply.error is None]
    is_pointing = any(reply.points or reply.click is not None for reply in replies)
    return is_pointing and not any(reply.boxes for reply in replies)


def _values(row: Row, own: Score) -> Iterable[tuple[str, float]]:
    """Yield the figures of a row that are there."""
    for names, owner in ((_OF_SCORE, own), (_OF_REPLY, row.reply)):
        for name in names:
            value = getattr(owner, name)
            if value is not None:
                yield name, value


def _screens(targets: Iterable[Target]) -> Screens:
    names: dict[str, int] = {}
    return np.array([names.setdefault(target.image, len(names)) for target in targets], dtype=np.intp)


def _settings(rows: Sequence[Row]) -> tuple[Setting, ...]:
    policies = sorted(dict.fromkeys(row.policy for row in rows), key=lambda policy: policy != "flat")
    settings = {(row.policy, str(row.budget)): Setting(row.policy, row.budget) for row in rows}
    return tuple(sorted(settings.values(), key=lambda one: (policies.index(one.policy), _size_of(one.budget))))


def _size_of(budget: Budget) -> tuple[bool, float, str]:
    """Return a sort key: numbers and pixels by size, then words."""
    pixels = re.fullmatch(r"(\d+)px", str(budget))
    if pixels:
        return False, int(pixels[1]) / 28**2, str(budget)
    return not str(budget).isdecimal(), int(budget) if str(budget).isdecimal() else 0, str(budget)
