"""Gemma 4 in mlx-vlm: our preparation in the place of its own. tests/long has the real model."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlx_vlm_modules import StandInModel, StandInProcessor
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.errors import InputError
from mlx_saccade.integrations import mlx_vlm as fast

PIXELS = np.random.RandomState(5).randint(0, 256, (300, 500, 3), dtype=np.uint8)


class GemmaImages:
    """An image processor of the shape of mlx-vlm's."""

    patch_size, pooling_kernel_size, max_soft_tokens = 16, 3, 280
    do_resize, do_rescale, do_normalize, rescale_factor = True, True, False, 1 / 255
    image_mean = image_std = (0.5, 0.5, 0.5)  # which it does not use


def expected(pixels: np.ndarray, budget: int) -> np.ndarray:
    plan = saccade.plan(pixels, family="gemma-4", budget=budget)
    return saccade.resize(pixels, plan.resized_size).transpose(2, 0, 1) * np.float32(1 / 255)


@pytest.fixture
def model(upstream: types.ModuleType) -> StandInModel:
    return StandInModel("gemma4")


def gemma() -> StandInProcessor:
    processor = StandInProcessor()
    processor.image_processor = GemmaImages()
    return processor


@pytest.fixture
def processor() -> StandInProcessor:
    return gemma()


def test_each_image_has_a_budget_of_its_own(model: Any, processor: Any) -> None:
    fast.enable(model, processor, budget=140)
    assert type(processor.image_processor) is not GemmaImages
    parts = [{"image": PIXELS, "budget": 70}, {"image": PIXELS, "max_tokens": 1120}, PIXELS]
    values, counts = processor.image_processor(parts)
    budgets = (70, 1120, 140)
    plans = [saccade.plan((500, 300), family="gemma-4", budget=budget) for budget in budgets]
    assert counts == [plan.tokens for plan in plans] == [frame.tokens for frame in fast.frames()]
    for image, budget in zip(values["pixel_values"], budgets, strict=True):
        np.testing.assert_array_equal(image, expected(PIXELS, budget))
        assert image.dtype == np.float32


def test_images_of_one_size_are_one_array(model: Any, processor: Any, tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "shot.png")
    fast.enable(model, processor)
    path = processor.image_processor.fetch_images([str(tmp_path / "shot.png")])
    values, counts = processor.image_processor.preprocess([*path, PIXELS])
    assert counts == [saccade.plan((500, 300), family="gemma-4").tokens] * 2
    np.testing.assert_array_equal(values["pixel_values"], np.stack([expected(PIXELS, 280)] * 2))


def test_the_checkpoints_budget_is_the_default(model: Any, processor: Any) -> None:
    processor.image_processor.max_soft_tokens = 560
    fast.enable(model, processor)
    plan = saccade.plan((500, 300), family="gemma-4", budget=560)
    assert processor.image_processor([PIXELS])[1] == [plan.tokens]
    assert processor.image_processor([PIXELS], max_soft_tokens=70, patch_size=16)[1] == [60]
    assert processor.image_processor.num_image_tokens(300, 500, budget=70) == 60


def test_answers_are_read_y_first(model: Any, processor: Any) -> None:
    fast.enable(model, processor)
    processor.image_processor([PIXELS])
    assert fast.read('[{"box_2d": [100, 200, 300, 400]}]').boxes[0].xyxy == pytest.approx((100, 30, 200, 90))
    assert fast.frames()[0].convention == "thousandths"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_soft_tokens": 256}, "expected one of 70, 140, 280, 560, 1120 tokens for gemma-4; got 256"),
        ({"max_soft_tokens": 70, "budget": 70}, "max_soft_tokens and budget limit the same"),
        ({"max_pixels": 1003520}, "expected one of 70, 140, 280, 560, 1120 tokens"),
        ({"patch_size": 14}, "patch_size: expected 16, that of the model; got 14"),
        ({"pooling_kernel_size": 2}, "pooling_kernel_size: expected 3"),
        ({"size": 5}, "arguments: expected some of"),
    ],
)
def test_arguments_that_it_cannot_use_are_refused(
    model: Any, processor: Any, arguments: dict[str, Any], message: str
) -> None:
    fast.enable(model, processor)
    with pytest.raises(InputError, match=message):
        processor.image_processor([PIXELS], **arguments)


def test_a_budget_or_a_processor_that_does_not_fit_is_refused(model: Any, processor: Any) -> None:
    with pytest.raises(InputError, match="expected one of 70, 140, 280, 560, 1120 tokens for gemma-4; got 64"):
        fast.enable(model, processor, budget=64)
    for name, value in (("patch_size", 14), ("pooling_kernel_size", None), ("do_normalize", True)):
        other = gemma()
        setattr(other.image_processor, name, value)
        with pytest.raises(InputError, match="processor: expected"):
            fast.enable(model, other)


def test_later_models_with_a_budget_for_qwen_are_left_alone(upstream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream.utils, "load_processor", lambda path: gemma())
    fast.enable(budget=64)
    with pytest.warns(UserWarning, match="left to mlx-vlm: budget: expected one of 70"):
        _, processor = upstream.load("gemma4")
    assert type(processor.image_processor) is GemmaImages
    fast.enable(budget=70)
    _, processor = upstream.load("gemma4")
    assert isinstance(processor.image_processor, GemmaImages)
    assert processor.image_processor([PIXELS])[1] == [60]
    assert not fast.status().models[-1].prefix_reuse


def test_disable_gives_mlx_vlms_processor_back(model: Any, processor: Any) -> None:
    fast.enable(model, processor)
    fast.disable()
    assert type(processor.image_processor) is GemmaImages
