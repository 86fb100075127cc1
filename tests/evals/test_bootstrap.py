"""Bootstrap intervals: published quantiles, and coverage with few screens."""

from __future__ import annotations

import numpy as np
import pytest

from mlx_saccade.evals import interval
from mlx_saccade.evals.bootstrap import MIN_SCREENS, t_quantile

# 97.5 % points: NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2.
TABLE = {
    1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228, 11: 2.201,
    12: 2.179, 15: 2.131, 20: 2.086, 24: 2.064, 25: 2.060, 29: 2.045, 30: 2.042, 39: 2.023, 40: 2.021, 60: 2.000,
    99: 1.984, 100: 1.984,
}  # fmt: skip


@pytest.mark.parametrize(("freedom", "quantile"), TABLE.items())
def test_quantiles_are_those_of_the_table(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=5.001e-4)


def test_quantiles_fall_to_the_normal_one() -> None:
    normal = 1.959963985
    assert t_quantile(9_999) == pytest.approx(normal + (normal**3 + normal) / 4 / 9_999, abs=1e-7)
    assert t_quantile(10_000) < t_quantile(9_999) < t_quantile(100)


def screens(count: int, rng: np.random.RandomState) -> list[tuple[int, float]]:
    """Return hits and misses on five to nine targets of each screen, easy or hard; 0.6 of all are hits."""
    chances = rng.beta(1.2, 0.8, count)
    return [
        (screen, float(hit))
        for screen, chance in enumerate(chances)
        for hit in rng.uniform(size=rng.randint(5, 10)) < chance
    ]


@pytest.mark.parametrize("count", [MIN_SCREENS, 12])
def test_twelve_screens_and_even_ten_give_intervals_that_cover(count: int) -> None:
    rng = np.random.RandomState(count)
    covered = 0
    for _ in range(600):
        ends = interval([screens(count, rng)])
        assert ends is not None
        covered += ends[0] <= 0.6 <= ends[1]
    assert covered / 600 >= 0.92


def test_fewer_screens_give_no_interval() -> None:
    values = [(screen, float(screen % 2)) for screen in range(MIN_SCREENS)]
    assert interval([values]) is not None
    assert interval([values[1:] * 2]) is None
    assert interval([values[:3], values[3:]]) is not None  # screens of all groups


def test_many_screens_give_what_the_normal_distribution_does() -> None:
    low, high = interval([[(screen, float(screen % 2)) for screen in range(1000)]]) or (0, 0)
    error = 1.96 * (0.25 / 1000) ** 0.5
    assert (low, high) == (pytest.approx(0.5 - error, abs=0.003), pytest.approx(0.5 + error, abs=0.003))
