"""95 % bootstrap intervals that draw whole screens: what is asked on one screen is not independent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Means", "Numbers", "Value", "alone", "interval"]

RESAMPLES = 1000
Numbers = NDArray[np.float64]
Means = Sequence[Numbers]
Value = Callable[[Means], Numbers]
"""A figure from the mean of each group: one number, or one for each draw."""


def alone(means: Means) -> Numbers:
    """The figure that is the mean of the only group."""
    return means[0]


def interval(groups: Sequence[Sequence[tuple[int, float]]], value: Value = alone) -> tuple[float, float] | None:
    """The 95 % percentile interval of a figure over several groups of numbers, screens drawn with replacement.

    Args:
        groups: (screen, number) of the same screens; equal groups have equal intervals.
        value: the figure, from the mean of each group; NaN where a draw leaves nothing to say.

    Returns:
        (low, high), to four decimals; None with fewer than two screens.
    """
    places = {screen: place for place, screen in enumerate(sorted({screen for group in groups for screen, _ in group}))}
    if len(places) < 2:
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
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


@lru_cache(maxsize=8)
def _times_drawn(screens: int) -> Numbers:
    """[draws, screens] how often each draw has each screen."""
    drawn = np.random.RandomState(0).randint(0, screens, (RESAMPLES, screens))
    return np.stack([np.bincount(draw, minlength=screens) for draw in drawn]).astype(float)
