"""Qwen3-VL and Qwen3.5 in mlx-vlm, with random weights: enabled, they give mlx-vlm's own log probabilities."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx_vlm import load, stream_generate
from mlx_vlm.models.qwen3_vl.processing_qwen3_vl import (
    Qwen3VLImageProcessor,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

import mlx_saccade as saccade
from mlx_saccade.integrations import mlx_vlm
from mlx_saccade.integrations.mlx_vlm import reuse

ASSETS = resources.files("mlx_saccade") / "assets"
SCREEN = str(ASSETS / "demo" / "screen.png")
IDS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
TEXT = {
    "hidden_size": 64, "num_hidden_layers": 4, "intermediate_size": 64, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-6, "max_position_embeddings": 4096,
    "rope_theta": 1e6, "tie_word_embeddings": True,
    "rope_scaling": {"type": "default", "mrope_section": [2, 3, 3], "mrope_interleaved": True},
    # mixtures of experts
    "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32,
    "decoder_sparse_step": 1, "mlp_only_layers": [], "norm_topk_prob": True,
    # Qwen3.5
    "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
    "linear_conv_kernel_dim": 4, "full_attention_interval": 2,
    "rope_parameters": {"type": "default", "mrope_section": [2, 1, 1], "rope_theta": 1e6, "partial_rotary_factor": 0.5,
                        "mrope_interleaved": True},
}  # fmt: skip
VISION = {
    "depth": 4, "hidden_size": 64, "intermediate_size": 64, "out_hidden_size": 64, "num_heads": 4, "patch_size": 16,
    "spatial_merge_size": 2, "temporal_patch_size": 2, "num_position_embeddings": 64, "in_channels": 3,
}  # fmt: skip


@pytest.fixture(autouse=True)
def disable_after_test() -> Iterator[None]:
    """Undo the integration after a test."""
    yield
    mlx_vlm.disable()


def build(kind: str) -> tuple[Any, Any]:
    """Return a model of a type with random weights, and a processor with the packaged tokenizer."""
    own = json.loads((ASSETS / "tiny" / "config.json").read_text())
    text = {**TEXT, "vocab_size": own["vocab_size"], "model_type": f"{kind}_text"}
    levels = [1] if "vl" in kind else []
    vision = {**VISION, "model_type": kind, "deepstack_visual_indexes": levels}
    values = {"model_type": kind, "text_config": text, "vision_config": vision, "vocab_size": own["vocab_size"]}
    values |= {name: own[name] for name in (*IDS, "eos_token_id") if name in own}
    code = importlib.import_module(f"mlx_vlm.models.{kind}")
    mx.random.seed(0)
    model = code.Model(code.ModelConfig.from_dict(values))
    model.eval()
    _, packaged = load(str(ASSETS / "tiny"))
    processor = Qwen3VLProcessor(
        image_processor=Qwen3VLImageProcessor(min_pixels=65536, max_pixels=16777216),
        tokenizer=packaged.tokenizer,
        video_processor=Qwen3VLVideoProcessor(),
        chat_template=packaged.chat_template,
    )
    processor.detokenizer = packaged.detokenizer
    return model, processor


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"])
def test_enabling_changes_nothing_but_the_budget(kind: str) -> None:
    model, processor = build(kind)
    if kind == "qwen3_vl_moe":  # whose GELUs mlx-vlm exchanges; `test_mlx_vlm_tower.py` shows it
        for block in model.vision_tower.blocks:
            block.mlp.act_fn = nn.GELU(approx="tanh")
        for merger in (model.vision_tower.merger, *model.vision_tower.deepstack_merger_list):
            merger.act_fn = nn.GELU()
    content = [{"type": "image"}, {"type": "text", "text": "Where?"}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )

    def run() -> np.ndarray:
        chunks = stream_generate(model, processor, prompt, image=[SCREEN], max_tokens=4, temperature=0.0)
        return np.array([np.array(chunk.logprobs.astype(mx.float32)) for chunk in chunks])

    results = {}
    for tokens in (100, 300):  # mlx-vlm 0.7.6 drops the max_pixels of a call
        processor.image_processor.max_pixels = tokens * 1024
        results[tokens] = run()
    processor.image_processor.max_pixels = 16777216
    mlx_vlm.enable(model, processor, budget=100)
    result = run()
    # The random weights are in float32; preparation and tower differ by the rounding of float32.
    assert np.abs(result - results[100]).max() < 1e-4
    assert np.abs(result - results[300]).max() > 1e-3
    frame = mlx_vlm.frames()[0]
    plan = saccade.plan((3840, 2160), family="qwen3-vl", budget=100)
    assert (frame.tokens, frame.processed_size, frame.convention) == (plan.tokens, plan.resized_size, "thousandths")
    assert mlx_vlm.read('[{"bbox_2d": [100, 100, 500, 500]}]').boxes[0].xyxy == (384, 216, 1920, 1080)


@pytest.mark.parametrize(("kind", "hits"), [("qwen3_vl", 2), ("qwen3_vl_moe", 2), ("qwen3_5", 0), ("qwen3_5_moe", 0)])
def test_a_known_beginning_of_a_prompt_changes_no_answer(kind: str, hits: int) -> None:
    """Qwen3.5 has layers whose state cannot be cut, so its prompts are read whole."""
    model, processor = build(kind)

    def run(question: str) -> tuple[list[int], np.ndarray]:
        content = [{"type": "image"}, {"type": "text", "text": question}]
        messages = [{"role": "user", "content": content}]
        prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        chunks = list(stream_generate(model, processor, prompt, image=[SCREEN], max_tokens=4, temperature=0.0))
        return [int(chunk.token) for chunk in chunks], np.array([np.array(chunk.logprobs) for chunk in chunks])

    questions = ("Where?", "Where is the button?", "Where?")
    mlx_vlm.enable(model, processor, budget=100, prefix_reuse=False)
    expected = [run(question) for question in questions]
    mlx_vlm.enable(model, processor, budget=100)
    before = reuse.store.counts()
    actual = [run(question) for question in questions]
    assert [tokens for tokens, _ in actual] == [tokens for tokens, _ in expected]
    assert max(np.abs(one - other).max() for (_, one), (_, other) in zip(actual, expected, strict=True)) < 1e-4
    assert (reuse.store.counts() - before).prefix_hits == hits
