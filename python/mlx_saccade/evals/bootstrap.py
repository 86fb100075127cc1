"""95 % bootstrap intervals that draw whole screens, because answers on one screen are not independent.

With few screens the plain percentile interval is too narrow: with 10 it covers 91 %. So its percentiles are moved
outward, as Student's t is against the normal distribution. This is the "expanded percentile interval" of T. Hesterberg,
"What Teachers Should Know About the Bootstrap", The American Statistician 69(4), 2015.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["MIN_SCREENS", "Means", "Numbers", "Value", "draw_counts", "first_mean", "interval", "t_quantile", "tail"]

RESAMPLES = 2000
MIN_SCREENS = 10
"""With fewer screens there is no interval: even the expanded one would cover too little."""
Numbers = NDArray[np.float64]
Means = Sequence[Numbers]
Value = Callable[[Means], Numbers]
"""Makes a figure from the mean of each group; the means are single numbers or one for each draw."""


def first_mean(means: Means) -> Numbers:
    """Return the mean of the first group."""
    return means[0]


def interval(groups: Sequence[Sequence[tuple[int, float]]], value: Value = first_mean) -> tuple[float, float] | None:
    """Return the 95 % expanded percentile interval of a figure over groups of numbers, screens drawn with replacement.

    Args:
        groups: (screen, number) pairs over the same screens; equal groups have equal intervals.
        value: makes the figure from the mean of each group, NaN if a draw has none; default the first group's mean.

    Returns:
        (low, high), rounded to four decimals; None with fewer than ten screens.
    """
    places = {screen: place for place, screen in enumerate(sorted({screen for group in groups for screen, _ in group}))}
    if len(places) < MIN_SCREENS:
        return None
    weights = draw_counts(len(places))
    means = []
    for group in groups:
        totals, counts = np.zeros((2, len(places)))
        for screen, number in group:
            totals[places[screen]] += number
            counts[places[screen]] += 1
        with np.errstate(invalid="ignore"):  # a draw may have no number of the group
            means.append(weights @ totals / (weights @ counts))
    values = value(means)
    if np.isnan(values).all():
        return None
    share = tail(len(places))
    low, high = np.nanquantile(values, [share, 1 - share])
    return round(float(low), 4), round(float(high), 4)


@lru_cache
def tail(screens: int) -> float:
    """Return the share of the draws to leave out at each end."""
    return NormalDist().cdf(-math.sqrt(screens / (screens - 1)) * t_quantile(screens - 1))


def t_quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t distribution with `freedom` degrees of freedom, a whole number from 1.

    By bisection of the distribution function, in the finite series 26.7.3 and 26.7.4 of Abramowitz and Stegun.
    """
    low, high = 0.0, 16.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < 0.95 else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """Return P(|T| < t)."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    if freedom == 1:
        return 2 * angle / math.pi
    # Each term is made from the one before: even 1, 1/2 c2, 3/4 c2, ...; odd 1, 2/3 c2, 4/5 c2, ...
    steps = np.arange(1, (freedom - odd) // 2)
    terms = np.cumprod((2 * steps - 1 + odd) / (2 * steps + odd) * math.cos(angle) ** 2)
    total = math.sin(angle) * (1 + float(terms.sum()))
    return 2 / math.pi * (angle + math.cos(angle) * total) if odd else total


@lru_cache(maxsize=2)
def draw_counts(screens: int) -> Numbers:
    """Return how often each draw has each screen, [draws, screens]."""
    draws = np.random.RandomState(0).randint(0, screens, (RESAMPLES, screens))
    places = draws + screens * np.arange(RESAMPLES)[:, None]
    return np.bincount(places.ravel(), minlength=places.size).reshape(draws.shape).astype(float)
