"""Wrong arguments of public calls end in an InputError that names them, on one line of bearable length."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pictures
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.errors import InputError, brief
from mlx_saccade.preprocess import recommend, runtimes, tower_memory

PIXELS = np.zeros((60, 90, 3), np.uint8)
JPEG = pictures.encode(Image.fromarray(PIXELS), "JPEG")
PNG = pictures.encode(Image.fromarray(PIXELS), "PNG")
PLAN = saccade.plan((90, 60))
FRAME = media.open_image(PIXELS)

WORDS = np.array(["rgb", "grey"])
TABLE = np.zeros((9, 9))
NUMBERS = list(range(5000))
TEXT = "!\n" * 2500
DIGITS = 10**5000  # more than Python writes
DEEP: Any = functools.reduce(lambda inner, _: [inner], range(3000), [])  # deeper than Python writes

CALLS: dict[str, Callable[[Any], object]] = {
    "pixel_format": lambda wrong: saccade.resize(PIXELS, (28, 28), pixel_format=wrong),
    "pixel_format of a plan": lambda wrong: saccade.patchify(PIXELS, PLAN, pixel_format=wrong),
    "pass_order": lambda wrong: saccade.resize(PIXELS, (28, 28), pass_order=wrong),
    "backend": lambda wrong: saccade.resize(PIXELS, (28, 28), backend=wrong),
    "layout": lambda wrong: saccade.patchify(PIXELS, PLAN, layout=wrong),
    "size": lambda wrong: saccade.resize(PIXELS, wrong),
    "height": lambda wrong: saccade.smart_resize(wrong, 2),
    "size of a plan": lambda wrong: saccade.plan((wrong, 3)),
    "budget": lambda wrong: saccade.plan((10, 10), budget=wrong),
    "unknown family": lambda wrong: saccade.plan((10, 10), family=wrong),
    "checkpoint_pixels": lambda wrong: saccade.plan((10, 10), checkpoint_pixels=wrong),
    "point": lambda wrong: PLAN.to_source([wrong]),
    "runtime": lambda wrong: runtimes.get(wrong),
    "version": lambda wrong: runtimes.get(f"ollama@{wrong}"),
    "dtype": lambda wrong: tower_memory.predict_memory(tower_memory.towers("qwen2.5-vl")[0], 64, dtype=wrong),
    "target": lambda wrong: recommend.recommend([wrong, 3], (10, 10)),
    "grids": lambda wrong: saccade.window_index([wrong]),
    "background": lambda wrong: media.open_image(PNG, background=wrong),
    "color": lambda wrong: media.open_image(PNG, color=wrong),
    "max_pixels": lambda wrong: media.ImageOptions(max_pixels=wrong),
    "at_least": lambda wrong: media.open_image(JPEG, at_least=wrong),
    "at_least of another format": lambda wrong: media.image_sizes(PNG, at_least=wrong),
    "crop": lambda wrong: FRAME.crop(wrong),
    "base64": lambda wrong: media.from_base64(wrong),
}


@pytest.mark.parametrize(
    "wrong", [WORDS, TABLE, NUMBERS, TEXT, DIGITS, DEEP], ids=["words", "table", "list", "text", "int", "deep"]
)
@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_argument_is_named_in_one_short_line(name: str, wrong: Any) -> None:
    if name == "version" and not isinstance(wrong, str):
        return
    if name == "max_pixels" and isinstance(wrong, int):
        return  # as many as there can be
    with pytest.raises(InputError) as caught:
        CALLS[name](wrong)
    said = str(caught.value)
    assert name.split(" of ")[0] in said
    assert "\n" not in said
    assert len(said) < 500


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("pixel_format", ["rgb"]),
        ("checkpoint_pixels", 5),
        ("checkpoint_pixels", (1,)),
        ("at_least", 5),
        ("at_least", (1,)),
        ("at_least", (1, 2, 3)),
        ("at_least of another format", (1, 2, 3)),
        ("crop", None),
        ("crop", (0.5, 0, 5, 5)),
        ("crop", (0, 0, 5)),
        ("base64", None),
    ],
)
def test_a_value_of_another_kind_or_length(name: str, wrong: Any) -> None:
    with pytest.raises(InputError, match=name.split(" of ")[0]):
        CALLS[name](wrong)


def test_a_value_is_shown_as_far_as_it_is_short() -> None:
    shown = [brief(value) for value in (7, "plain", "y" * 81, DIGITS, TABLE, NUMBERS)]
    assert shown == ["7", "'plain'", f"'{'y' * 40}'...", "an int", "a ndarray", "a list"]
