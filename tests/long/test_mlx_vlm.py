"""The packaged checkpoint in mlx-vlm itself: the same answer as the engine's, with saccade's preparation and without.

Not part of the suite, because mlx-vlm brings a gigabyte of packages with it: `make check-long`.
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
def loaded() -> tuple[Any, Any]:
    model, processor = load(str(ASSETS / "tiny"))
    # The engine computes in float32 on the CPU; in half precision near ties between two numbers fall either way.
    model.update(tree_map(lambda weight: weight.astype(mx.float32), model.parameters()))
    return model, processor


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    mlx_vlm.disable()


def answer(loaded: tuple[Any, Any], description: str) -> str:
    model, processor = loaded
    content = [{"type": "image"}, {"type": "text", "text": QUESTION.format(description)}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    return generate(model, processor, prompt, image=SCREEN, max_tokens=60, temperature=0.0, verbose=False).text


@pytest.mark.parametrize("description", DESCRIPTIONS)
@pytest.mark.parametrize("enabled", [False, True])
def test_same_answer_as_the_engine(loaded: tuple[Any, Any], description: str, enabled: bool) -> None:
    if enabled:
        mlx_vlm.enable(*loaded)
    assert answer(loaded, description) == saccade.load().locate(SCREEN, description).text


def test_the_budget_is_what_mlx_vlm_spends(loaded: tuple[Any, Any]) -> None:
    model, processor = loaded
    mlx_vlm.enable(model, processor, budget=64)
    prepared = processor(images=[SCREEN], text="<|vision_start|><|image_pad|><|vision_end|>")
    assert prepared["image_grid_thw"].tolist() == [list(saccade.plan((3840, 2160), budget=64).grid_thw)]


def test_the_survey_says_what_mlx_vlm_spends(loaded: tuple[Any, Any]) -> None:
    images = loaded[1].image_processor
    runtime = f"mlx-vlm@{metadata.version('mlx-vlm')}"
    own = json.loads((ASSETS / "tiny" / "preprocessor_config.json").read_text())
    limits = own["min_pixels"], own["max_pixels"]
    planned = saccade.plan((3840, 2160), budget=runtime, checkpoint_pixels=limits)
    assert images.num_image_tokens(2160, 3840) == planned.tokens
    asked = saccade.plan((3840, 2160), budget="1003520px")
    assert images.num_image_tokens(2160, 3840, max_pixels=1003520) == asked.tokens
