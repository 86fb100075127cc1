"""The stand-in for mlx-vlm's image processor, against an object of that shape (tests/long has the real one)."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import mlx.core as mx
import numpy as np
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.errors import InputError
from mlx_saccade.integrations import mlx_vlm

PIXELS = np.random.RandomState(0).randint(0, 256, (300, 500, 3), dtype=np.uint8)
MODEL = SimpleNamespace(config=SimpleNamespace(model_type="qwen2_5_vl"))


@pytest.fixture
def processor() -> Iterator[SimpleNamespace]:
    original = SimpleNamespace(
        patch_size=14, merge_size=2, temporal_patch_size=2, min_pixels=3136, max_pixels=12845056, own="kept"
    )
    yield SimpleNamespace(image_processor=original)
    mlx_vlm.disable()


def test_images_become_what_the_plan_says(processor: SimpleNamespace) -> None:
    mlx_vlm.enable(MODEL, processor, budget=64)
    small, large = PIXELS[:60, :60], PIXELS
    made = processor.image_processor([Image.fromarray(small), [large]])
    plans = [saccade.plan((60, 60), budget=64), saccade.plan((500, 300), budget=64)]
    assert made["image_grid_thw"].tolist() == [list(plan.grid_thw) for plan in plans]
    expected = [
        saccade.patchify(image, plan, layout="reference") for image, plan in zip((small, large), plans, strict=True)
    ]
    assert np.array_equal(made["pixel_values"], np.concatenate(expected))
    assert processor.image_processor.num_image_tokens(300, 500) == plans[1].tokens


def test_channels_first_arrays_are_mlx_vlms_habit(processor: SimpleNamespace) -> None:
    mlx_vlm.enable(MODEL, processor)
    first = processor.image_processor(np.ascontiguousarray(PIXELS.transpose(2, 0, 1)))
    assert np.array_equal(first["pixel_values"], processor.image_processor(PIXELS)["pixel_values"])
    other = processor.image_processor(mx.array(PIXELS.transpose(2, 0, 1)))
    assert np.array_equal(first["pixel_values"], other["pixel_values"])


def test_limits_of_a_call_go_before_the_budget_and_do_not_stick(processor: SimpleNamespace) -> None:
    mlx_vlm.enable(MODEL, processor, budget=64)
    before = processor.image_processor(PIXELS)["image_grid_thw"].tolist()
    capped = processor.image_processor(PIXELS, max_pixels=16 * 784)["image_grid_thw"].tolist()
    assert np.prod(capped) // 4 <= 16 < np.prod(before) // 4
    assert processor.image_processor(PIXELS)["image_grid_thw"].tolist() == before


def test_the_default_is_never_the_checkpoints_16384(processor: SimpleNamespace) -> None:
    mlx_vlm.enable(MODEL, processor)
    assert processor.image_processor.num_image_tokens(2160, 3840) == 1222
    mlx_vlm.enable(MODEL, processor, budget="checkpoint")
    assert processor.image_processor.num_image_tokens(2160, 3840) == 10549


def test_disable_gives_back_the_original(processor: SimpleNamespace) -> None:
    original = processor.image_processor
    mlx_vlm.enable(MODEL, processor)
    mlx_vlm.enable(MODEL, processor, budget=9)
    assert processor.image_processor is not original
    assert processor.image_processor.own == "kept"
    mlx_vlm.disable()
    assert processor.image_processor is original
    mlx_vlm.disable()


def test_mistakes_are_said_when_enabling(processor: SimpleNamespace) -> None:
    original = processor.image_processor
    with pytest.raises(InputError, match="llava"):
        mlx_vlm.enable(SimpleNamespace(config=SimpleNamespace(model_type="llava")), processor)
    with pytest.raises(InputError, match="patch_size"):
        mlx_vlm.enable(MODEL, SimpleNamespace(image_processor=SimpleNamespace(patch_size=16)))
    with pytest.raises(InputError, match="budget"):
        mlx_vlm.enable(MODEL, processor, budget=0)
    assert processor.image_processor is original


def test_unknown_options_are_named(processor: SimpleNamespace) -> None:
    mlx_vlm.enable(MODEL, processor)
    with pytest.raises(InputError, match="resized_height"):
        processor.image_processor(PIXELS, resized_height=56)
    with pytest.raises(InputError, match="images: expected at least one image"):
        processor.image_processor([])
