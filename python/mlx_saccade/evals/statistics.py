"""Means with intervals, the best of several settings, and McNemar's test.

The intervals are 95 %: the screens of a run are drawn with replacement, and the percentiles expanded for few screens,
as in `bootstrap.interval`. All figures of a run share one set of draws, so that a report of twenty thousand answers
takes a second. A figure of some screens only is drawn with the others (a domain of the whole sample), so how many of
its screens a draw has varies too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.evals.bootstrap import MIN_SCREENS, Numbers, draw_counts, tail

__all__ = ["Estimate", "Optimum", "ScreenBootstrap", "Screens", "mcnemar"]

Screens = NDArray[np.intp]
"""The screen of each target, as whole numbers from 0."""
_ONE_THREAD = 1 << 18  # multiplications


@dataclass(frozen=True)
class Estimate:
    """A mean and how sure it is.

    Attributes:
        mean: of the values; None without a value.
        low, high: ends of its 95 % interval; None with fewer than ten screens.
        n: number of values.
        screens: number of screens that they are on.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    screens: int


@dataclass(frozen=True)
class Optimum:
    """The best of several columns on the same targets.

    Attributes:
        best: column with the highest mean, the first of equals.
        means: mean of each column, over the targets that all columns have a value for.
        best_shares: share of the draws in which each column is the best; equals share a draw. None with fewer than ten
            screens.
        is_level: True for the best column and for each whose paired difference to it has an interval with 0 in it; None
            with fewer than ten screens, where nothing can be told apart.
        n: number of such targets.
        screens: number of their screens.
    """

    best: int
    means: tuple[float, ...]
    best_shares: tuple[float, ...] | None
    is_level: tuple[bool, ...] | None
    n: int
    screens: int


@dataclass(frozen=True)
class _Sample:
    """The columns of one call.

    Attributes:
        means: of each column, NaN without a value.
        counts: values of each column on each screen, [columns, screens].
        screen_means: [columns, screens], NaN where a column has no value on a screen.
        draws: mean of each column in each draw, [columns, draws]; no draws with fewer than ten screens.
    """

    means: Numbers
    counts: Numbers
    screen_means: Numbers
    draws: Numbers


class ScreenBootstrap:
    """Draws of the screens of a run, for all of its figures."""

    def __init__(self, screens: Screens) -> None:
        """Take the screen of each target of the run."""
        self._screens = screens
        self._count = int(screens.max()) + 1 if len(screens) else 0
        count = self._count
        draws = draw_counts(count).T if count >= MIN_SCREENS else np.zeros((count, 0))
        self._weights = np.ascontiguousarray(draws)  # [screens, draws]: those of some screens lie together

    def estimates(self, values: Numbers, *, least: float = 0.0) -> list[Estimate]:
        """Return the mean of each column with its interval.

        Where all screens are wholly wrong, wholly right or, of differences, without one, no draw differs, and the
        bootstrap would give an interval of no width. There it is the exact one: of m screens that all agree, at most
        1 - 0.025^(1/m) of all screens do not (Clopper and Pearson), and those may have any mean from `least` to 1.

        Args:
            values: [targets, columns], at most 1; NaN where a column has no value for a target.
            least: the least possible value; -1 for differences.
        """
        sample = self._sample(values)
        screens = (sample.counts > 0).sum(axis=1)
        low, high = _ends(sample, screens, least)
        return [
            Estimate(None, None, None, 0, 0)
            if not count
            else Estimate(
                round(float(sample.means[column]), 4),
                None if np.isnan(low[column]) else round(float(low[column]), 4),
                None if np.isnan(high[column]) else round(float(high[column]), 4),
                int(sample.counts[column].sum()),
                int(count),
            )
            for column, count in enumerate(screens)
        ]

    def optimum(self, values: Numbers) -> Optimum | None:
        """Return which column is the best and how sure that is; None if no target has a value in every column.

        Args:
            values: [targets, columns], each from 0 to 1, NaN where a column has no value for a target.
        """
        is_common = ~np.isnan(values).any(axis=1, keepdims=True)
        n = int(is_common.sum())
        if not n:
            return None
        common = np.where(is_common, values, np.nan)
        sample = self._sample(common)
        # Rounded, so that columns with equal answers are equal, whatever the order of their sums.
        means, draws = np.round(sample.means, 12), np.round(sample.draws, 12)
        best, screens = int(means.argmax()), int((sample.counts[0] > 0).sum())
        shares = is_level = None
        if screens >= MIN_SCREENS:
            draws = draws[:, ~np.isnan(draws[0])]  # of ten screens among a thousand, a rare draw has none
            is_best = draws == draws.max(axis=0)
            shares = tuple(map(float, (is_best / is_best.sum(axis=0)).mean(axis=1)))
            gaps = self.estimates(common - common[:, [best]], least=-1.0)
            is_level = tuple(
                column == best or gap.low is None or gap.high is None or gap.low <= 0 <= gap.high
                for column, gap in enumerate(gaps)
            )
        return Optimum(best, tuple(map(float, means)), shares, is_level, n, screens)

    def _sample(self, values: Numbers) -> _Sample:
        is_value = ~np.isnan(values)
        totals, counts = np.zeros((2, self._count, values.shape[1]))
        np.add.at(totals, self._screens, np.where(is_value, values, 0.0))
        np.add.at(counts, self._screens, is_value)
        totals, counts = totals.T, counts.T
        on = np.flatnonzero(counts.any(axis=0))
        weights = self._weights[on]
        with np.errstate(invalid="ignore"):  # columns, screens and draws without a value are NaN
            means = totals.sum(axis=1) / counts.sum(axis=1)
            draws = _product(totals[:, on], weights) / _product(counts[:, on], weights)
            return _Sample(means, counts, totals / counts, draws)


def _product(first: Numbers, second: Numbers) -> Numbers:
    """Return the matrix product, made in parts so small that OpenBLAS takes one thread for each.

    With more, a report of many small products would wait five times as long for its threads where others use the cores.
    """
    step = max(1, _ONE_THREAD // max(1, first.size))
    result = np.empty((len(first), second.shape[1]))
    for start in range(0, second.shape[1], step):
        np.matmul(first, second[:, start : start + step], out=result[:, start : start + step])
    return result


def _ends(sample: _Sample, screens: NDArray[np.intp], least: float) -> tuple[Numbers, Numbers]:
    """Return the ends of the interval of each column, NaN where there is none."""
    low, high = np.full((2, len(screens)), np.nan)
    thick = np.flatnonzero(screens >= MIN_SCREENS)
    if not len(thick):
        return low, high
    means, counts = sample.means[thick], screens[thick]
    own = sample.screen_means[thick]
    is_same = (np.nanmax(own, axis=1) == np.nanmin(own, axis=1)) & np.isin(means, (least, 0.0, 1.0))
    # Of ten screens among a thousand, one draw in twenty thousand has none: it is taken to have the mean.
    draws = np.sort(np.where(np.isnan(sample.draws[thick]), means[:, None], sample.draws[thick]), axis=1)
    tails = np.array([tail(int(count)) for count in counts])
    others = 1 - 0.025 ** (1 / counts)
    low[thick] = np.where(is_same, means - others * (means - least), _quantiles(draws, tails))
    high[thick] = np.where(is_same, means + others * (1 - means), _quantiles(draws, 1 - tails))
    return low, high


def _quantiles(rows: Numbers, shares: Numbers) -> Numbers:
    """Return the quantile of each sorted row at its share, by linear interpolation as `numpy.quantile`."""
    places = shares * (rows.shape[1] - 1)
    below = np.minimum(places.astype(np.intp), rows.shape[1] - 2)
    at = np.arange(len(rows))
    lower, upper = rows[at, below], rows[at, below + 1]
    quantiles: Numbers = lower + (places - below) * (upper - lower)
    return quantiles


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p of McNemar's test: the chance of so uneven a split if neither side were better.

    Args:
        first_only: targets that only the first side hits.
        second_only: targets that only the second side hits.
    """
    total, least = first_only + second_only, min(first_only, second_only)
    ways = at_most = 1  # whole numbers of any size: the division is the only rounding
    for k in range(least):
        ways = ways * (total - k) // (k + 1)
        at_most += ways
    return min(1.0, 2 * at_most / (1 << total))
