"""Gemma 4 in mlx-vlm, with random weights: our preparation gives mlx-vlm's own pixels and log probabilities."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_vlm import load, stream_generate
from mlx_vlm.models.gemma4 import Model, ModelConfig, TextConfig, VisionConfig
from mlx_vlm.models.gemma4.processing_gemma4 import Gemma4ImageProcessor, Gemma4Processor
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.integrations import mlx_vlm

ASSETS = resources.files("mlx_saccade") / "assets"
SCREEN = str(ASSETS / "demo" / "screen.png")
VOCABULARY = json.loads((ASSETS / "tiny" / "config.json").read_text())
# The packaged tokenizer has none of Gemma's special tokens; Qwen's stand in their places.
NAMES = {
    "image_token": "<|image_pad|>", "boi_token": "<|vision_start|>", "eoi_token": "<|vision_end|>",
    "audio_token": "<|object_ref_start|>", "boa_token": "<|box_start|>", "eoa_token": "<|box_end|>",
    "video_token": "<|video_pad|>",
}  # fmt: skip


@pytest.fixture(autouse=True)
def disable_after_test() -> Iterator[None]:
    """Undo the integration after a test."""
    yield
    mlx_vlm.disable()


def build() -> tuple[Any, Any]:
    """Return a model with random weights, and a processor with the packaged tokenizer."""
    _, packaged = load(str(ASSETS / "tiny"))
    tokenizer = packaged.tokenizer
    for name, token in NAMES.items():
        setattr(tokenizer, name, token)
        setattr(tokenizer, f"{name}_id", tokenizer.convert_tokens_to_ids(token))
    ids = {f"{name}_id": tokenizer.convert_tokens_to_ids(token) for name, token in NAMES.items()}
    text = TextConfig(
        hidden_size=64, num_hidden_layers=4, intermediate_size=64, num_attention_heads=4, head_dim=16,
        global_head_dim=16, num_key_value_heads=2, num_global_key_value_heads=2, num_kv_shared_layers=0,
        vocab_size=VOCABULARY["vocab_size"], vocab_size_per_layer_input=VOCABULARY["vocab_size"],
        hidden_size_per_layer_input=0, sliding_window=64, sliding_window_pattern=2, use_double_wide_mlp=False,
    )  # fmt: skip
    vision = VisionConfig(
        hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
        head_dim=16, global_head_dim=16, position_embedding_size=256,
    )  # fmt: skip
    config = ModelConfig(
        text_config=text, vision_config=vision, vocab_size=VOCABULARY["vocab_size"], hidden_size=64,
        eos_token_id=[VOCABULARY["eos_token_id"]], **ids,
    )  # fmt: skip
    mx.random.seed(0)
    model = Model(config)
    model.eval()
    processor = Gemma4Processor(image_processor=Gemma4ImageProcessor(), tokenizer=tokenizer)
    processor.detokenizer = packaged.detokenizer
    return model, processor


def run(model: Any, processor: Any, images: list[Any], **options: Any) -> np.ndarray:
    prompt = f"{NAMES['image_token']}" * len(images) + "Where?"
    chunks = stream_generate(model, processor, prompt, image=images, max_tokens=4, temperature=0.0, **options)
    return np.array([np.array(chunk.logprobs.astype(mx.float32)) for chunk in chunks])


@pytest.mark.parametrize("budget", [70, 280])
def test_preparation_changes_nothing_but_the_budget(budget: int) -> None:
    model, processor = build()
    processor.image_processor.max_soft_tokens = budget
    picture = Image.open(SCREEN).convert("RGB")
    expected = run(model, processor, [SCREEN])
    pixels, counts = processor.image_processor([picture])
    processor.image_processor.max_soft_tokens = 280
    mlx_vlm.enable(model, processor, budget=budget)
    result = run(model, processor, [SCREEN])
    np.testing.assert_array_equal(result, expected)
    frame = mlx_vlm.frames()[0]
    plan = saccade.plan((3840, 2160), family="gemma-4", budget=budget)
    assert (frame.tokens, frame.processed_size, frame.convention) == (plan.tokens, plan.resized_size, "thousandths")
    assert counts == [plan.tokens]
    np.testing.assert_array_equal(processor.image_processor([picture])[0]["pixel_values"], pixels["pixel_values"])
    mlx_vlm.disable()
    assert type(processor.image_processor) is Gemma4ImageProcessor


def test_images_of_one_prompt_have_budgets_of_their_own() -> None:
    model, processor = build()
    mlx_vlm.enable(model, processor)
    images = [{"image": SCREEN, "budget": 70}, {"image": SCREEN, "budget": 140}]
    both = run(model, processor, images)
    assert [frame.tokens for frame in mlx_vlm.frames()] == [66, 120]
    assert np.isfinite(both).all()
    other = run(model, processor, [{"image": SCREEN, "budget": 140}, {"image": SCREEN, "budget": 70}])
    assert np.abs(other[0] - both[0]).max() > 1e-4
    assert run(model, processor, [SCREEN], budget=560).shape == both.shape
    assert mlx_vlm.frames()[0].tokens == 527
