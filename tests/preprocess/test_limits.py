"""Limits of several levels as one: what a policy gives to each of its looks."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from mlx_saccade import families
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import limits
from mlx_saccade.preprocess.limits import NO_LIMITS, PixelLimits

FAMILY = families.get("qwen2.5-vl")
LEVELS = [
    NO_LIMITS,
    PixelLimits(upper=64),
    PixelLimits(upper="200000px"),
    PixelLimits(min_tokens=20),
    PixelLimits(upper=100, min_pixels=30_000),
    PixelLimits(exact=(280, 140)),
]


@pytest.mark.parametrize("size", [(3840, 2160), (300, 200), (40, 30)])
@pytest.mark.parametrize(("own", "request_limits"), list(itertools.product(LEVELS, LEVELS)))
def test_limits_over_others_plan_as_the_two_levels(
    own: PixelLimits, request_limits: PixelLimits, size: tuple[int, int]
) -> None:
    try:
        expected = limits.choose(size, FAMILY, [own, request_limits], None)
    except InputError:
        return
    one = limits.choose(size, FAMILY, [own.over(request_limits)], None)
    assert replace(one, notes=()) == replace(expected, notes=())


def test_limits_that_were_read_are_read_as_they_are() -> None:
    level = PixelLimits(upper=64, min_tokens=4)
    assert limits.read(level, "budget") is level
