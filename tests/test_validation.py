"""One answer to what a whole number is, for every option that wants one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import validation
from mlx_saccade.engine.sampling import Sampling
from mlx_saccade.errors import InputError
from mlx_saccade.media import open_image
from mlx_saccade.preprocess import limits, runtimes

NONE = [True, False, np.True_, np.bool_(False), 1.0, np.float32(2), "3", None, [4], np.array([5, 6]), float("nan")]


def positions_of(ids: Sequence[int] = (5,), **given: Any) -> object:
    tokens = {"image_token_id": 2, "video_token_id": 3, "vision_start_token_id": 4}
    return saccade.mrope_positions(ids, **{**tokens, **given})


SCREEN = np.zeros((56, 56, 3), np.uint8)
TAKERS: dict[str, Callable[[Any], object]] = {
    "budget": lambda value: saccade.plan((56, 56), budget=value),
    "min_tokens": lambda value: saccade.plan((56, 56), min_tokens=value),
    "height": lambda value: saccade.smart_resize(value, 56),
    "image_token_id": lambda value: positions_of(image_token_id=value),
    "image_grids": lambda value: positions_of((4, *[2] * 28), image_grids=[(1, 4, value)]),
    "max_tokens": lambda value: limits.read({"max_tokens": value}, "image 1"),
    "resized_width": lambda value: limits.read({"resized_height": 56, "resized_width": value}, "image 1"),
    "top_k": lambda value: Sampling(top_k=value),
    "seed": lambda value: Sampling(seed=value),
    "a limit": lambda value: validation.parse_bytes(value, "a limit"),
    "size": lambda value: saccade.resize(SCREEN, (value, 28)),
    "survey's size": lambda value: runtimes.survey((56, value)),
    "crop": lambda value: open_image(SCREEN).crop((0, 0, 28, value)),
}


@pytest.mark.parametrize("given", [7, np.int32(7), np.uint8(7), np.array(7)])
def test_any_integer_type_is_one(given: Any) -> None:
    number = validation.integer(given)
    assert number == 7
    assert type(number) is int


@pytest.mark.parametrize("given", NONE)
def test_what_is_none(given: Any) -> None:
    assert validation.integer(given) is None
    with pytest.raises(InputError, match=r"top_k: expected a whole number of at least 1, or None; got "):
        validation.at_least(1, given, "top_k", otherwise=", or None")


def test_a_range_has_both_its_ends() -> None:
    assert validation.at_least(0, 0, "seed") == 0
    assert validation.at_least(1, 9, "width", most=9) == 9
    with pytest.raises(InputError, match=r"^seed: expected a whole number of at least 0; got -1$"):
        validation.at_least(0, -1, "seed")
    with pytest.raises(InputError, match=r"^width: expected a whole number of at most 9; got 10$"):
        validation.at_least(1, 10, "width", most=9)
    with pytest.raises(InputError, match=r"^width: expected a whole number of at most 9; got an int"):
        validation.at_least(1, 10**5000, "width", most=9)


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("given", [np.int64(28), 28])
def test_every_taker_takes_one(taker: str, given: Any) -> None:
    TAKERS[taker](given)


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("given", [True, np.True_, 28.0, np.float64(28)])
def test_every_taker_refuses_the_same(taker: str, given: Any) -> None:
    with pytest.raises(InputError, match=taker.removeprefix("survey's ")):
        TAKERS[taker](given)
