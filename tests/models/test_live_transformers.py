"""Against transformers itself, on more than the golden files hold: `pytest -m live`, where torch and transformers are.

Made for transformers 5.23, torch on the CPU, float32; `mm_token_type_ids` is always given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest
import quantized

from mlx_saccade import models

pytestmark = pytest.mark.live

TOLERANCE = 1e-3
NEW_TOKENS = 16
Grid = tuple[int, int, int]

FAMILIES = {"qwen2.5-vl": checkpoints.CONFIG, "qwen2-vl": checkpoints.QWEN2_VL}


def reference(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def drawn(seed: int, family: str) -> dict[str, Any]:
    """A prompt of random images, videos and words."""
    random = np.random.RandomState(seed)

    def grids(count: int, frames: int) -> list[Grid]:
        sides = [(2 * random.randint(1, 12), 2 * random.randint(1, 12)) for _ in range(count)]
        return [(random.randint(1, frames + 1), rows, columns) for rows, columns in sides]

    images, videos = grids(random.randint(0, 4), 1), grids(random.randint(0, 2), 4)
    ids: list[int] = random.randint(0, 1000, random.randint(1, 9)).tolist()
    for token, shown in ((1004, images), (1005, videos)):
        for t, h, w in shown:
            ids += [1002, *[token] * (t * h * w // 4), 1003, *random.randint(0, 1000, random.randint(0, 5)).tolist()]
    ids += random.randint(0, 1000, random.randint(1, 9)).tolist()
    made: dict[str, Any] = {"input_ids": np.array([ids], np.int64)}
    for name, shown, pixels in (
        ("image_grid_thw", images, "pixel_values"),
        ("video_grid_thw", videos, "pixel_values_videos"),
    ):
        if shown:
            made[name] = np.array(shown, np.int64)
            made[pixels] = random.standard_normal((sum(t * h * w for t, h, w in shown), 1176)).astype(np.float32)
    if videos and family == "qwen2.5-vl":
        made["second_per_grid_ts"] = random.choice([0.5, 1.0, 1.5, 2.25], len(videos)).astype(np.float32)
    return made


def compare(ours: models.Model, theirs: Any, inputs: dict[str, Any]) -> None:
    import torch

    given = {key: torch.from_numpy(value) for key, value in inputs.items()}
    config, ids = theirs.config, given["input_ids"]
    given["mm_token_type_ids"] = (ids == config.image_token_id).int() + 2 * (ids == config.video_token_id).int()
    with torch.no_grad():
        wanted = theirs(**given).logits[0].numpy()
        tokens = theirs.generate(**given, max_new_tokens=NEW_TOKENS, do_sample=False)[0, ids.shape[1] :].tolist()
    found = np.asarray(ours(**inputs))[0]
    assert np.abs(found - wanted).max() <= TOLERANCE
    assert (found.argmax(-1) == wanted.argmax(-1)).all()
    assert ours.generate(max_new_tokens=NEW_TOKENS, **inputs) == tokens


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_random_prompts(tmp_path: Path, family: str, tied: bool, nested: bool) -> None:
    flat = checkpoints.config(FAMILIES[family], tie_word_embeddings=tied)
    raw = checkpoints.nested_config(flat) if nested else flat
    checkpoints.write(tmp_path, raw, checkpoints.weights(flat, seed=7))
    ours, theirs = models.load(tmp_path), reference(tmp_path)
    for seed in range(8):
        compare(ours, theirs, drawn(seed, family))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("bits", "group"), [(3, 64), (4, 32), (4, 64), (5, 32), (6, 64), (8, 128)])
def test_quantized_weights_against_their_floats(tmp_path: Path, family: str, bits: int, group: int) -> None:
    base = FAMILIES[family]
    rule = quantized.all_layers(bits, group)
    config, stored, plain = quantized.checkpoint(base, checkpoints.weights(base), rule, default=(bits, group))
    ours = models.load(checkpoints.write(tmp_path / "packed", config, stored))
    theirs = reference(checkpoints.write(tmp_path / "plain", base, plain))
    for seed in range(3):
        compare(ours, theirs, drawn(seed, family))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_transformers_saves_is_read(tmp_path: Path, family: str) -> None:
    """Its own keys, spelling and shards."""
    checkpoints.write(tmp_path / "old", FAMILIES[family], checkpoints.weights(FAMILIES[family]))
    theirs = reference(tmp_path / "old")
    theirs.save_pretrained(tmp_path / "new", max_shard_size="2MB")
    (tmp_path / "new" / "preprocessor_config.json").write_bytes(
        (tmp_path / "old" / "preprocessor_config.json").read_bytes()
    )
    assert (tmp_path / "new" / "model.safetensors.index.json").is_file()
    compare(models.load(tmp_path / "new"), theirs, drawn(2, family))


def test_sizes_of_images() -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    import mlx_saccade as saccade

    random = np.random.RandomState(0)
    for _ in range(20_000):
        height, width = (int(2 ** random.uniform(0, 13)) for _ in range(2))
        limits = (3136, 784 * int(2 ** random.uniform(2, 14)))
        try:
            wanted = smart_resize(height, width, 28, *limits)
        except ValueError:
            with pytest.raises(saccade.InputError):
                saccade.smart_resize(height, width, 28, *limits)
        else:
            assert saccade.smart_resize(height, width, 28, *limits) == tuple(wanted)


def test_pixels_of_the_pillow_processor() -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    import mlx_saccade as saccade

    random = np.random.RandomState(1)
    for _ in range(40):
        width, height = (int(random.randint(1, 700)) for _ in range(2))
        if max(width, height) > 200 * min(width, height):
            continue
        plan = saccade.plan((width, height), budget=256)
        pixels = random.randint(0, 256, (height, width, 3)).astype(np.uint8)
        processor = Qwen2VLImageProcessorPil(
            size={"shortest_edge": 3136, "longest_edge": 256 * 784}, do_convert_rgb=False
        )
        made = processor(images=[pixels], input_data_format="channels_last", return_tensors="np")
        assert made["image_grid_thw"][0].tolist() == list(plan.grid_thw)
        assert (saccade.patchify(pixels, plan, layout="reference") == made["pixel_values"]).all()
