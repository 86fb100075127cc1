"""Several images in one call: the bytes of one call each, whatever the images, the layout and the threads."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import mlx_saccade as saccade
from mlx_saccade import _core
from mlx_saccade.errors import InputError

CHANNELS = {"rgb": (3,), "bgr": (3,), "rgba": (4,), "bgra": (4,), "bgrx": (4,), "grey": ()}


def noise(seed: int, size: tuple[int, int], pixel_format: str = "rgb") -> NDArray[np.uint8]:
    shape = (size[1], size[0], *CHANNELS[pixel_format])
    return np.random.RandomState(seed).randint(0, 256, shape, dtype=np.uint8)


def one_by_one(images: list[Any], plans: list[Any], *words: Any, **named: Any) -> NDArray[Any]:
    return np.concatenate(
        [saccade.patchify(image, plan, *words, **named) for image, plan in zip(images, plans, strict=True)]
    )


@settings(max_examples=80)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)).filter(lambda s: max(s) <= 200 * min(s)))
    .filter(bool)
    .map(lambda sizes: sizes[:9]),
    budgets=st.lists(st.integers(4, 120), min_size=9, max_size=9),
    layout=st.sampled_from(["native", "reference"]),
    family=st.sampled_from(["qwen2.5-vl", "qwen3-vl"]),
    pixel_format=st.sampled_from(list(CHANNELS)),
    how=st.sampled_from([{"pass_order": "pillow13"}, {"pass_order": "horizontal"}, {"backend": "torchvision"}]),
    kernel=st.sampled_from(_core.kernels()),
    threads=st.integers(0, 5),
)
def test_a_batch_is_its_images_one_after_the_other(
    sizes: list[tuple[int, int]],
    budgets: list[int],
    layout: Literal["native", "reference"],
    family: str,
    pixel_format: Any,
    how: Any,
    kernel: str,
    threads: int,
) -> None:
    images = [noise(i, size, pixel_format) for i, size in enumerate(sizes)]
    plans = [saccade.plan(s, family=family, budget=200 + b) for s, b in zip(sizes, budgets, strict=False)]
    named: Any = {**how, "pixel_format": pixel_format}
    expected = one_by_one(images, plans, layout, **named)
    _core.select_kernel(kernel)
    _core.limit_threads(threads)
    try:
        made = saccade.patchify(images, plans, layout, **named)
        assert _core.last_kernel() == kernel
    finally:
        _core.select_kernel(None)
        _core.limit_threads(0)
    assert made.dtype == expected.dtype
    assert np.array_equal(made, expected)


def test_more_images_than_are_planned_at_once_and_of_very_different_sizes() -> None:
    sizes = [(2400, 1700), *((30 + i, 200 - i) for i in range(70)), (1300, 2900)]
    images, plans = [noise(1, size) for size in sizes], [saccade.plan(size, budget=600) for size in sizes]
    made = saccade.patchify(images, tuple(plans))
    assert len(made) == sum(plan.patches for plan in plans)
    assert np.array_equal(made, one_by_one(images, plans))


def test_forms_of_images_mix() -> None:
    from PIL import Image

    pixels = noise(0, (90, 60))
    forms = [pixels, Image.fromarray(pixels), saccade.media.open_image(pixels), pixels[::-1], pixels[:40, 7:]]
    plans = [saccade.plan(size) for size in [(90, 60)] * 4 + [(83, 40)]]
    assert np.array_equal(saccade.patchify(forms, plans), one_by_one(forms, plans))


def test_batches_from_several_threads_at_once() -> None:
    images = [noise(i, (500 + 90 * i, 400)) for i in range(5)]
    plans = [saccade.plan((500 + 90 * i, 400), budget=300) for i in range(5)]
    expected, wrong = one_by_one(images, plans), []

    def work() -> None:
        wrong.extend(i for i in range(4) if not np.array_equal(saccade.patchify(images, plans), expected))

    callers = [threading.Thread(target=work) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []


PLAN = saccade.plan((90, 60))
IMAGE = np.zeros((60, 90, 3), np.uint8)


@pytest.mark.parametrize(
    ("images", "plans", "message"),
    [
        ([], [], "plan: expected one plan per image, at least one; got 0 images and 0 plans"),
        ([IMAGE], [PLAN, PLAN], "got 1 images and 2 plans"),
        ([IMAGE], PLAN, "image and plan: expected one of each or a list of each"),
        (IMAGE, [PLAN], "image and plan: expected one of each or a list of each"),
        ([IMAGE, IMAGE[1:]], [PLAN, PLAN], r"images\[1\]: image: expected the planned size, 90x60; got 90x59"),
        ([IMAGE, IMAGE * 1.0], [PLAN, PLAN], r"images\[1\]: image: expected a uint8 array; got float64"),
        (
            [IMAGE] * 2,
            [PLAN, saccade.plan((90, 60), family="qwen3-vl")],
            r"plans\[1\]: .*; got qwen3-vl",
        ),
        (
            [IMAGE] * 2,
            [PLAN, replace(PLAN, family=replace(PLAN.family, mean=(0.1, 0.2, 0.3)))],
            "with other values",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(images: Any, plans: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        saccade.patchify(images, plans)


def test_the_core_names_the_image() -> None:
    with pytest.raises(
        InputError, match="images, sizes: expected the same number of entries, at least 1; got 2 images and 1 sizes"
    ):
        _core.resize_patchify_native_batch([IMAGE, IMAGE], [(28, 28)], "pillow13", 14, 2, 112)
    with pytest.raises(InputError, match=r"images\[1\]: image: expected sides from 1 to 67108864; got 90x0"):
        _core.resize_patchify_native_batch([IMAGE, IMAGE[:0]], [(28, 28)] * 2, "pillow13", 14, 2, 112)
    with pytest.raises(InputError, match=r"images\[0\]: window_size: expected at least .* = 28 pixels; got 20"):
        _core.resize_patchify_native_batch([IMAGE, IMAGE], [(28, 28)] * 2, "pillow13", 14, 2, 20)


@pytest.mark.parametrize(
    ("count", "size", "patch_size", "frames", "message"),
    [
        # Each could be described; together they have 3 x 2 ** 64 elements, which 64 bits count as 0.
        (
            8,
            (1 << 20, 1 << 21),
            2,
            1 << 20,
            "out of memory for an output of 4398046511104 x 12582912 elements of 4 bytes",
        ),
        (8, (1 << 20, 1 << 21), 2, 1, "out of memory for an output of 4398046511104 x 12 elements of 4 bytes"),
        (4096, (1 << 26, 1 << 26), 1, 1, "out of memory for an output of the patches of 4096 images"),
    ],
)
def test_a_batch_larger_than_any_memory(
    count: int, size: tuple[int, int], patch_size: int, frames: int, message: str
) -> None:
    mean, std = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    with pytest.raises(MemoryError, match=message):
        _core.resize_patchify_reference_batch(
            [IMAGE] * count, [size] * count, "pillow13", patch_size, 1, frames, mean, std
        )
