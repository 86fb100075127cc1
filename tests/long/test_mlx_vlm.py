"""The packaged checkpoint in mlx-vlm: the engine's answers, with saccade's preprocessing and without.

Part of `make check-long`, since mlx-vlm needs a gigabyte of packages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import metadata, resources
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_map
from mlx_vlm import generate, load

import mlx_saccade as saccade
from mlx_saccade.integrations import mlx_vlm

ASSETS = resources.files("mlx_saccade") / "assets"
SCREEN = str(ASSETS / "demo" / "screen.png")
QUESTION = "Locate {}, output its bbox coordinates using JSON format."
TARGETS = json.loads((ASSETS / "demo" / "targets.json").read_text())["targets"]
DESCRIPTIONS = tuple(target["description"] for target in TARGETS)


@pytest.fixture(scope="module")
def model_and_processor() -> tuple[Any, Any]:
    """Return mlx-vlm's model, in float32, and its processor."""
    model, processor = load(str(ASSETS / "tiny"))
    # The engine computes in float32 on the CPU; in half precision near ties between two numbers fall either way.
    model.update(tree_map(lambda weight: weight.astype(mx.float32), model.parameters()))
    return model, processor


@pytest.fixture(autouse=True)
def disable_after_test() -> Iterator[None]:
    """Undo the integration after a test."""
    yield
    mlx_vlm.disable()


def answer(model_and_processor: tuple[Any, Any], description: str) -> str:
    """Return mlx-vlm's answer about the demo screen."""
    model, processor = model_and_processor
    content = [{"type": "image"}, {"type": "text", "text": QUESTION.format(description)}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    return generate(model, processor, prompt, image=SCREEN, max_tokens=60, temperature=0.0, verbose=False).text


@pytest.mark.parametrize("description", DESCRIPTIONS)
@pytest.mark.parametrize("enabled", [False, True])
def test_same_answer_as_the_engine(model_and_processor: tuple[Any, Any], description: str, enabled: bool) -> None:
    if enabled:
        mlx_vlm.enable(*model_and_processor)
    assert answer(model_and_processor, description) == saccade.load().locate(SCREEN, description).text


def test_the_budget_is_what_mlx_vlm_spends(model_and_processor: tuple[Any, Any]) -> None:
    model, processor = model_and_processor
    mlx_vlm.enable(model, processor, budget=64)
    inputs = processor(images=[SCREEN], text="<|vision_start|><|image_pad|><|vision_end|>")
    assert inputs["image_grid_thw"].tolist() == [list(saccade.plan((3840, 2160), budget=64).grid_thw)]


def test_the_survey_says_what_mlx_vlm_spends(model_and_processor: tuple[Any, Any]) -> None:
    images = model_and_processor[1].image_processor
    runtime = f"mlx-vlm@{metadata.version('mlx-vlm')}"
    own = json.loads((ASSETS / "tiny" / "preprocessor_config.json").read_text())
    limits = own["min_pixels"], own["max_pixels"]
    default_plan = saccade.plan((3840, 2160), budget=runtime, checkpoint_pixels=limits)
    assert images.num_image_tokens(2160, 3840) == default_plan.tokens
    plan = saccade.plan((3840, 2160), budget="1003520px")
    assert images.num_image_tokens(2160, 3840, max_pixels=1003520) == plan.tokens
