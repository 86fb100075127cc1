"""Checkpoints of `mlx-saccade convert` load in mlx-vlm, and both give the same logits and the same answers.

Part of `make check-long`, since mlx-vlm needs a gigabyte of packages.
"""

from __future__ import annotations

import json
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_map
from mlx_vlm import generate, load
from mlx_vlm.utils import load_model

import mlx_saccade as saccade
from mlx_saccade import models
from mlx_saccade.integrations import mlx_vlm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import checkpoints

ASSETS = resources.files("mlx_saccade") / "assets"
SCREEN = str(ASSETS / "demo" / "screen.png")
QUESTION = "Locate {}, output its bbox coordinates using JSON format."
TARGETS = json.loads((ASSETS / "demo" / "targets.json").read_text())["targets"]
DESCRIPTIONS = tuple(target["description"] for target in TARGETS)


def to_float32(model: Any) -> Any:
    """Convert a model to float32, in which the engine computes on the CPU."""
    model.update(
        tree_map(lambda x: x.astype(mx.float32) if mx.issubdtype(x.dtype, mx.floating) else x, model.parameters())
    )
    return model


@pytest.mark.parametrize("form", [{"bits": 8, "vision_bits": None}, {"bits": 6, "vision_bits": 8}])
def test_the_packaged_checkpoint_answers_alike(tmp_path: Path, form: dict[str, Any]) -> None:
    saccade.convert(ASSETS / "tiny", tmp_path / "new", group_size=32, **form)
    model, processor = load(str(tmp_path / "new"))
    to_float32(model)
    mlx_vlm.enable(model, processor)
    engine = saccade.load(tmp_path / "new", compute_dtype="float32")
    try:
        for description in DESCRIPTIONS:
            content = [{"type": "image"}, {"type": "text", "text": QUESTION.format(description)}]
            prompt = processor.apply_chat_template(
                [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
            )
            answer = generate(model, processor, prompt, image=SCREEN, max_tokens=60, temperature=0.0, verbose=False)
            assert answer.text == engine.locate(SCREEN, description, policy="flat").text
    finally:
        mlx_vlm.disable()


@pytest.mark.parametrize("family", ["qwen2.5-vl", "qwen2-vl"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("form", [{"bits": 4, "group_size": 64}, {"bits": 3, "group_size": 32, "vision_bits": 4}])
def test_seeded_checkpoints_give_the_same_logits(
    tmp_path: Path, family: str, nested: bool, tied: bool, form: dict[str, Any]
) -> None:
    base = checkpoints.CONFIG if family == "qwen2.5-vl" else checkpoints.QWEN2_VL
    flat = checkpoints.config(base, tie_word_embeddings=tied)
    raw = checkpoints.nested_config(flat) if nested else flat
    checkpoints.write(tmp_path / "old", raw, checkpoints.weights(flat))
    saccade.convert(tmp_path / "old", tmp_path / "new", **form)
    theirs = to_float32(load_model(tmp_path / "new"))
    ours = models.load(tmp_path / "new")
    random = np.random.RandomState(4)
    pixels = random.standard_normal((240, 1176)).astype(np.float32)
    ids = np.array([[5, 6, 1002, *[1004] * 60, 1003, 7, 8, 9]])
    grid = np.array([[1, 20, 12]])
    expected = np.asarray(ours(ids, pixels, grid))
    output = theirs(mx.array(ids), pixel_values=mx.array(pixels), image_grid_thw=mx.array(grid))
    assert np.abs(np.asarray(output.logits) - expected).max() <= 5e-3
    assert (np.asarray(output.logits).argmax(-1) == expected.argmax(-1)).all()
