"""Extremely long images have the reference's size, or are refused with their ratio; no side is ever 0."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade.errors import InputError

GOLDEN = Path(__file__).parents[1] / "golden" / "acceptance.npz"
with np.load(GOLDEN) as stored:
    CASES = [tuple(row) for row in stored["extreme"].tolist()]


def test_both_outcomes_are_among_the_cases() -> None:
    refused = {(height, width) for height, width, _, high, _ in CASES if not high}
    ratios = {round(max(side) / min(side), 2) for side in refused}
    assert ratios == {200.01, 218.6, 201.0, round(5601 / 28, 2)}
    assert {(10, 2000), (13, 2600), (2600, 13), (690, 15420), (31, 639)} <= {case[:2] for case in CASES} - refused


@pytest.mark.parametrize(("height", "width", "tokens", "high", "wide"), CASES)
def test_the_size_is_the_references_or_the_ratio_is_named(
    height: int, width: int, tokens: int, high: int, wide: int
) -> None:
    if not high:
        with pytest.raises(InputError, match="200"):
            saccade.smart_resize(height, width, 28, 3136, tokens * 784)
        with pytest.raises(InputError) as error:
            saccade.plan((width, height), budget=tokens)
        assert f" {max(height, width) / min(height, width):g} " in str(error.value)
        return
    assert min(high, wide) >= 28
    assert saccade.smart_resize(height, width, 28, 3136, tokens * 784) == (high, wide)
    if high * wide > tokens * 784:  # the reference passes the cap without a word; a plan does not
        with pytest.raises(InputError) as error:
            saccade.plan((width, height), budget=tokens, min_tokens=4)
        least = int(str(error.value).split()[-2])
        assert saccade.plan((width, height), budget=least, min_tokens=4).tokens <= least
        with pytest.raises(InputError):
            saccade.plan((width, height), budget=least - 1, min_tokens=4)
        if math.prod(saccade.smart_resize(height, width, 28, 1, tokens * 784)) > tokens * 784:
            with pytest.raises(InputError):
                saccade.plan((width, height), budget=tokens)
            return
        smaller = saccade.plan((width, height), budget=tokens)  # the default least gives way
        assert smaller.tokens <= tokens and smaller.min_pixels < 3136
        assert smaller.resized_size[::-1] == saccade.smart_resize(height, width, 28, smaller.min_pixels, tokens * 784)
        return
    plan = saccade.plan((width, height), budget=tokens)
    assert plan.resized_size == (wide, high)
    assert plan.to_source((wide, high)) == pytest.approx((width, height))


@pytest.mark.parametrize(("width", "height"), [(2000, 10), (31, 639), (15420, 690)])
def test_pixels_of_a_strip_are_pillows(width: int, height: int) -> None:
    from PIL import Image

    pixels = np.random.RandomState(1).randint(0, 256, (height, width, 3)).astype(np.uint8)
    plan = saccade.plan((width, height), budget=256)
    wanted = np.asarray(Image.fromarray(pixels).resize(plan.resized_size, Image.Resampling.BICUBIC))
    assert (saccade.resize(pixels, plan.resized_size) == wanted).all()
    assert saccade.patchify(pixels, plan).shape == (plan.patches, 588)
