"""Qwen3-VL against transformers itself, on more than the golden files hold: `pytest -m live`, with torch installed.

Made for transformers 5.24, torch on the CPU, float32; `mm_token_type_ids` is always given.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest

from mlx_saccade import models

sys.path.insert(0, str(Path(__file__).parents[1] / "golden"))
from qwen3_cases import Case

pytestmark = pytest.mark.live

TOLERANCE = 1e-3
NEW_TOKENS = 12
BASES = {"dense": checkpoints.QWEN3_VL, "experts": checkpoints.QWEN3_VL_MOE}


def reference(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def drawn(seed: int) -> Case:
    """Return a prompt of random images and videos."""
    random = np.random.RandomState(seed)

    def grids(count: int, frames: int) -> tuple[tuple[int, int, int], ...]:
        sides = [(2 * random.randint(1, 12), 2 * random.randint(1, 12)) for _ in range(count)]
        return tuple((random.randint(1, frames + 1), rows, columns) for rows, columns in sides)

    return Case(
        "x" * random.randint(3, 99), grids(random.randint(0, 4), 1), grids(random.randint(0, 3), 4), seed % 2 == 0
    )


def compare(ours: models.Model, theirs: Any, case: Case) -> None:
    import torch

    inputs = case.inputs()
    given = {key: torch.from_numpy(value) for key, value in inputs.items()}
    config, ids = theirs.config, given["input_ids"]
    given["mm_token_type_ids"] = (ids == config.image_token_id).int() + 2 * (ids == config.video_token_id).int()
    with torch.no_grad():
        expected = theirs(**given).logits[0].numpy()
        tokens = theirs.generate(**given, max_new_tokens=NEW_TOKENS, do_sample=False)[0, ids.shape[1] :].tolist()
    result = np.asarray(ours(**inputs))[0]
    assert np.abs(result - expected).max() <= TOLERANCE
    assert ours.generate(max_new_tokens=NEW_TOKENS, **inputs) == tokens


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("tied", [False, True])
def test_random_prompts(tmp_path: Path, base: str, tied: bool) -> None:
    raw = checkpoints.config(BASES[base], tie_word_embeddings=tied)
    raw["text_config"]["tie_word_embeddings"] = tied
    checkpoints.write(tmp_path, raw, checkpoints.weights(raw, seed=7))
    ours, theirs = models.load(tmp_path), reference(tmp_path)
    for seed in range(8):
        compare(ours, theirs, drawn(seed))


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("step", [1, 2])
def test_what_transformers_saves_is_read(tmp_path: Path, base: str, step: int) -> None:
    """Its own keys, spelling, layout of experts and shards."""
    raw = checkpoints.config(BASES[base])
    if base == "experts":
        raw["text_config"]["decoder_sparse_step"] = step
        raw["text_config"]["mlp_only_layers"] = [0, 2] if step == 2 else [1]
    checkpoints.write(tmp_path / "old", raw, checkpoints.weights(raw))
    theirs = reference(tmp_path / "old")
    theirs.save_pretrained(tmp_path / "new", max_shard_size="2MB")
    processor = "preprocessor_config.json"
    (tmp_path / "new" / processor).write_bytes((tmp_path / "old" / processor).read_bytes())
    assert "rope_parameters" in json.loads((tmp_path / "new" / "config.json").read_text())["text_config"]
    compare(models.load(tmp_path / "new"), theirs, drawn(2))


def test_yarn_turns_interleaved_frequencies(tmp_path: Path) -> None:
    raw = checkpoints.config(checkpoints.QWEN3_VL)
    raw["text_config"]["rope_scaling"] |= {
        "rope_type": "yarn",
        "factor": 3.0,
        "original_max_position_embeddings": 8192,
    }
    checkpoints.write(tmp_path, raw)
    compare(models.load(tmp_path), reference(tmp_path), drawn(4))


@pytest.mark.parametrize("sections", [[3, 5, 2], [12, 12, 12], [0, 30, 1]])
def test_sections_need_not_fill_the_head(tmp_path: Path, sections: list[int]) -> None:
    raw = checkpoints.config(checkpoints.QWEN3_VL)
    raw["text_config"]["rope_scaling"]["mrope_section"] = sections
    checkpoints.write(tmp_path, raw)
    compare(models.load(tmp_path), reference(tmp_path), drawn(6))
