"""Intervals, optima and tests of whole runs: beside SciPy's figures, a plain computation, and known truths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlx_saccade.evals.bootstrap import MIN_SCREENS, draw_counts, interval, t_quantile, tail
from mlx_saccade.evals.statistics import ScreenBootstrap, mcnemar

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "run_statistics.json").read_text("utf-8"))
SAMPLES = {name: np.array(sample["rows"]) for name, sample in GOLDEN["bootstrap"].items()}


def bootstrap_of(rows: np.ndarray) -> ScreenBootstrap:
    return ScreenBootstrap(rows[:, 0].astype(np.intp))


@pytest.mark.parametrize(("freedom", "quantile"), GOLDEN["t_quantiles"])
def test_quantiles_are_those_of_scipy(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=1e-7)


@pytest.mark.parametrize(("first", "second", "p"), GOLDEN["mcnemar"])
def test_mcnemar_is_the_binomial_test_of_scipy(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p, rel=1e-9, abs=1e-300)
    assert mcnemar(second, first) == mcnemar(first, second)


@pytest.mark.parametrize("name", SAMPLES)
def test_intervals_are_those_of_scipy(name: str) -> None:
    rows = SAMPLES[name]
    (mean,) = bootstrap_of(rows).estimates(rows[:, 1:2])
    (gap,) = bootstrap_of(rows).estimates(rows[:, 2:3] - rows[:, 1:2], least=-1.0)
    for estimate, ends in ((mean, GOLDEN["bootstrap"][name]["first"]), (gap, GOLDEN["bootstrap"][name]["difference"])):
        assert estimate.low is not None
        assert estimate.high is not None
        chance = 0.06 * (ends[1] - ends[0])  # 2,000 draws: a tail's end is within 3 % of the width
        assert (estimate.low, estimate.high) == pytest.approx(ends, abs=chance)


@pytest.mark.parametrize(("screens", "share"), GOLDEN["agreeing"])
def test_screens_that_all_agree_have_the_exact_interval(screens: int, share: float) -> None:
    boot = ScreenBootstrap(np.arange(screens))
    ones, zeros = boot.estimates(np.column_stack([np.ones(screens), np.zeros(screens)]))
    assert (ones.low, ones.high) == (pytest.approx(share, abs=5.1e-5), 1.0)
    assert (zeros.low, zeros.high) == (0.0, pytest.approx(1 - share, abs=5.1e-5))
    (gap,) = boot.estimates(np.zeros((screens, 1)), least=-1.0)
    assert (gap.low, gap.high) == (pytest.approx(share - 1, abs=5.1e-5), pytest.approx(1 - share, abs=5.1e-5))


def test_a_gap_that_never_varies_is_no_extreme() -> None:
    (gap,) = ScreenBootstrap(np.arange(12)).estimates(np.full((12, 1), 0.25), least=-1.0)
    assert (gap.low, gap.high) == (0.25, 0.25)


def test_one_column_of_all_screens_is_the_plain_interval() -> None:
    for seed in range(20):
        random = np.random.RandomState(seed)
        screens = np.concatenate([np.arange(10 + seed), random.randint(0, 10 + seed, 40)])
        values = random.uniform(size=(len(screens), 3))
        estimates = ScreenBootstrap(screens).estimates(values)
        for column, estimate in enumerate(estimates):
            plain = interval([list(zip(screens.tolist(), values[:, column].tolist(), strict=True))])
            assert (estimate.low, estimate.high) == plain
            assert estimate.mean == pytest.approx(values[:, column].mean(), abs=5.1e-5)


def test_a_column_of_some_screens_is_as_drawn_one_by_one() -> None:
    random = np.random.RandomState(3)
    screens = np.sort(random.randint(0, 30, 120))
    values = np.where(random.uniform(size=120) < 0.4, random.uniform(size=120), np.nan)
    values[screens < 12] = np.nan
    (estimate,) = ScreenBootstrap(screens).estimates(values[:, None])
    has = ~np.isnan(values)
    draws = []
    for counts in draw_counts(30):
        own = np.repeat(values[has], counts[screens[has]].astype(int))
        draws.append(own.mean())
    count = len(set(screens[has]))
    low, high = np.quantile(draws, [tail(count), 1 - tail(count)])
    assert (estimate.low, estimate.high) == (pytest.approx(low, abs=5.1e-5), pytest.approx(high, abs=5.1e-5))
    assert (estimate.n, estimate.screens) == (has.sum(), count)


def test_fewer_than_ten_screens_have_no_interval() -> None:
    screens = np.arange(30)
    values = np.full((30, 3), np.nan)
    values[: MIN_SCREENS - 1, 0] = np.linspace(0, 1, MIN_SCREENS - 1)
    values[:MIN_SCREENS, 1] = np.linspace(0, 1, MIN_SCREENS)
    few, enough, none = ScreenBootstrap(screens).estimates(values)
    assert (few.mean, few.low, few.high, few.screens) == (0.5, None, None, 9)
    assert enough.low is not None
    assert (none.mean, none.n, none.screens) == (None, 0, 0)
    (few,) = ScreenBootstrap(screens[:9]).estimates(values[:9, :1])
    assert (few.mean, few.low) == (0.5, None)


def covered(screens: int, of: int, trials: int) -> float:
    """Return how often the interval over some screens of a run holds the true 0.6; targets on a screen are alike."""
    random = np.random.RandomState(screens)
    inside = 0
    for _ in range(trials):
        counts = random.randint(5, 10, of)
        on = np.repeat(np.arange(of), counts)
        hits = (random.uniform(size=len(on)) < np.repeat(random.beta(1.2, 0.8, of), counts)).astype(float)
        hits[on >= screens] = np.nan
        (estimate,) = ScreenBootstrap(on).estimates(hits[:, None])
        assert estimate.low is not None
        assert estimate.high is not None
        inside += estimate.low <= 0.6 <= estimate.high
    return inside / trials


@pytest.mark.parametrize(("screens", "of"), [(10, 10), (10, 60), (40, 60)])
def test_intervals_cover_the_truth(screens: int, of: int) -> None:
    assert 0.92 <= covered(screens, of, 400) <= 0.985


def test_targets_of_one_screen_do_not_count_as_many() -> None:
    values = np.repeat(np.arange(12) % 2, 20).astype(float)[:, None]
    (clustered,) = ScreenBootstrap(np.repeat(np.arange(12), 20)).estimates(values)
    (apart,) = ScreenBootstrap(np.arange(240)).estimates(values)
    assert clustered.low is not None and clustered.high is not None
    assert apart.low is not None and apart.high is not None
    assert clustered.high - clustered.low > 3 * (apart.high - apart.low)


def test_pairs_tell_apart_what_two_intervals_do_not() -> None:
    random = np.random.RandomState(0)
    ease = random.uniform(size=60)
    values = np.column_stack([ease * 0.9, ease * 0.9 + random.uniform(0, 0.1, 60)])
    boot = ScreenBootstrap(np.arange(60))
    first, second = boot.estimates(values)
    assert first.high is not None and second.low is not None
    assert first.high > second.low
    (gap,) = boot.estimates(values[:, 1:] - values[:, :1], least=-1.0)
    assert gap.low is not None and gap.low > 0


def test_the_optimum_is_sure_where_one_column_wins_everywhere() -> None:
    best = ScreenBootstrap(np.arange(20)).optimum(np.column_stack([np.linspace(0, 0.5, 20), np.linspace(0.2, 0.8, 20)]))
    assert best is not None
    assert (best.best, best.best_shares, best.is_level, best.n) == (1, (0.0, 1.0), (False, True), 20)


def test_equal_columns_share_the_draws_and_are_level() -> None:
    column = np.linspace(0, 1, 20)
    best = ScreenBootstrap(np.arange(20)).optimum(np.column_stack([column, column, column[::-1] * 0.1]))
    assert best is not None
    assert best.best == 0
    assert best.best_shares == (0.5, 0.5, 0.0)
    assert best.is_level == (True, True, False)


def test_shares_of_draws_are_those_of_a_simulation() -> None:
    random = np.random.RandomState(5)
    values = random.uniform(size=(40, 3))
    values[:, 1] += 0.02
    best = ScreenBootstrap(np.arange(40)).optimum(values.clip(0, 1))
    drawn = np.random.RandomState(6).randint(0, 40, (20_000, 40))
    expected = np.bincount(values.clip(0, 1)[drawn].mean(axis=1).argmax(axis=1), minlength=3) / 20_000
    assert best is not None
    assert best.best_shares == pytest.approx(expected, abs=0.04)


def test_ten_screens_among_many_have_figures_though_a_draw_may_have_none_of_them() -> None:
    boot = ScreenBootstrap(np.arange(3000))
    for start in range(0, 2000, 50):
        values = np.full((3000, 2), np.nan)
        values[start : start + 10] = np.column_stack([np.linspace(0, 0.4, 10), np.linspace(0.5, 1, 10)])
        best = boot.optimum(values)
        assert best is not None
        assert best.best_shares == (0.0, 1.0)
        assert best.is_level == (False, True)
        low, high = boot.estimates(values)
        assert low.low is not None and low.high is not None and high.low is not None
        assert 0 <= low.low < low.high < high.low


def test_the_optimum_is_over_common_targets_and_says_nothing_of_few() -> None:
    values = np.full((20, 2), np.nan)
    values[:9, 0], values[4:20, 1] = 0.9, 0.1
    best = ScreenBootstrap(np.arange(20)).optimum(values)
    assert best is not None
    assert (best.n, best.means, best.best_shares, best.is_level) == (5, (0.9, 0.1), None, None)
    values[:4] = np.nan
    values[4:9, 1] = np.nan
    assert ScreenBootstrap(np.arange(20)).optimum(values) is None
