"""95 % bootstrap intervals that draw whole screens: what is asked on one screen is not independent.

The plain percentile interval is too narrow where screens are few: at 10 it covers 91 %. So its percentiles are moved
outwards as Student's are against the normal ones: the "expanded percentile interval" of T. Hesterberg, "What Teachers
Should Know About the Bootstrap", The American Statistician 69(4), 2015.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_SCREENS", "Means", "Numbers", "Value", "alone", "interval", "student"]

RESAMPLES = 2000
LEAST_SCREENS = 10
"""Fewer screens give no interval: even the expanded one would cover too little."""
Numbers = NDArray[np.float64]
Means = Sequence[Numbers]
Value = Callable[[Means], Numbers]
"""A figure from the mean of each group: one number, or one for each draw."""


def alone(means: Means) -> Numbers:
    """The figure that is the mean of the only group."""
    return means[0]


def interval(groups: Sequence[Sequence[tuple[int, float]]], value: Value = alone) -> tuple[float, float] | None:
    """The 95 % expanded percentile interval of a figure over several groups of numbers, screens drawn with replacement.

    Args:
        groups: (screen, number) of the same screens; equal groups have equal intervals.
        value: the figure, from the mean of each group; NaN where a draw leaves nothing to say.

    Returns:
        (low, high), to four decimals; None with fewer than ten screens.
    """
    places = {screen: place for place, screen in enumerate(sorted({screen for group in groups for screen, _ in group}))}
    if len(places) < LEAST_SCREENS:
        return None
    times = _times_drawn(len(places))
    means = []
    for group in groups:
        totals, counts = np.zeros((2, len(places)))
        for screen, number in group:
            totals[places[screen]] += number
            counts[places[screen]] += 1
        with np.errstate(invalid="ignore"):  # a draw without numbers of the group has no mean
            means.append(times @ totals / (times @ counts))
    values = value(means)
    if np.isnan(values).all():
        return None
    outside = _outside(len(places))
    low, high = np.nanquantile(values, [outside, 1 - outside])
    return round(float(low), 4), round(float(high), 4)


@lru_cache
def _outside(screens: int) -> float:
    """Share of the draws to leave out at each end."""
    return NormalDist().cdf(-math.sqrt(screens / (screens - 1)) * student(screens - 1))


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t distribution with a whole number of degrees of freedom, from 1.

    By bisection of the distribution, whose finite series are 26.7.3 and 26.7.4 of Abramowitz and Stegun.
    """
    low, high = 0.0, 16.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < 0.95 else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """P(|T| < t)."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    if freedom == 1:
        return 2 * angle / math.pi
    # Each term from the one before: even 1, 1/2 c2, 3/4 c2, ...; odd 1, 2/3 c2, 4/5 c2, ...
    steps = np.arange(1, (freedom - odd) // 2)
    terms = np.cumprod((2 * steps - 1 + odd) / (2 * steps + odd) * math.cos(angle) ** 2)
    total = math.sin(angle) * (1 + float(terms.sum()))
    return 2 / math.pi * (angle + math.cos(angle) * total) if odd else total


@lru_cache(maxsize=2)
def _times_drawn(screens: int) -> Numbers:
    """[draws, screens] how often each draw has each screen."""
    drawn = np.random.RandomState(0).randint(0, screens, (RESAMPLES, screens))
    places = drawn + screens * np.arange(RESAMPLES)[:, None]
    return np.bincount(places.ravel(), minlength=places.size).reshape(drawn.shape).astype(float)
