"""Which keys of config.json load, and which are refused: forms of training programs, exporters and other models."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

from mlx_saccade import models
from mlx_saccade.cli.__main__ import main
from mlx_saccade.errors import InputError

SPELLINGS = {"flat": copy.deepcopy, "nested": checkpoints.nested_config}


def with_key(spelling: str, section: str, key: str, value: object) -> dict[str, Any]:
    """A config with one more key: at the top, or in text_config, vision_config or a rotary table."""
    raw = copy.deepcopy(SPELLINGS[spelling](checkpoints.CONFIG))
    text = raw.get("text_config", raw)
    places: dict[str, Any] = {
        "top": raw,
        "text": text,
        "vision": raw["vision_config"],
        "rotary": text.get("rope_parameters") or text.get("rope_scaling"),
        "vision rotary": raw["vision_config"].setdefault("rope_parameters", {"rope_type": "axial"}),
    }
    places[section][key] = value
    return raw


# Names that training programs, exporters and runtimes write, at the top or in text_config.
NOTES: dict[str, Any] = {
    "use_cache": False,
    "_attn_implementation": "flash_attention_2",
    "_attn_implementation_autoset": True,
    "attn_implementation": "sdpa",
    "use_flash_attn": True,
    "tokenizer_model_max_length": 8192,
    "tokenizer_padding_side": "right",
    "tune_mm_mlp": True,
    "tune_mm_vision": False,
    "freeze_vision_modules": True,
    "unfreeze_topk_vit": 4,
    "vision_lr": 2e-6,
    "merger_lr": 1e-5,
    "max_grad_norm": 1.0,
    "norm_loss": True,
    "lora_enable": False,
    "use_lora": True,  # merged: an adapter that is not is refused as a file
    "image_token_index": 1004,
    "pointer_start_token_id": 1018,
    "pointer_end_token_id": [1019],
    "pointer_pad_token_id": [1020],
    "ground_token_id": 1021,
    "hf_device_map": {"": 0},
    "quantized_from": "x/y",
    "loss_type": "ForConditionalGeneration",
    "max_pixels": 1003520,
    "min_pixels": 3136,
    "rope_deltas": None,
    "router_aux_loss_coef": 0.001,
    "num_experts": 0,
    "sliding_window": 32768,
    "max_window_layers": 28,
    "auto_mapping": {"base_model_class": "Qwen2VLForConditionalGeneration"},
    "unsloth_version": "2026.3.3",
    "model_name_or_path": "x/y",
    "architectures": ["Qwen2_5_VLForConditionalGeneration"],
    "transformers.js_config": {"dtype": "q4"},
    "pretraining_tp": 1,
    "num_nextn_predict_layers": 0,
    "partial_rotary_factor": 1.0,
    "qkv_bias": True,
    "logit_scale": 1.0,
    "position_embedding_type": "absolute",
    "pruned_heads": {},
    "mlp_bias": False,
    "hidden_activation": "silu",
}


@pytest.mark.parametrize("section", ["top", "text"])
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("key", NOTES)
def test_a_key_that_changes_nothing_is_listed(spelling: str, section: str, key: str) -> None:
    config = models.read_config(with_key(spelling, section, key, NOTES[key]))
    place = f"text_config.{key}" if (spelling, section) == ("nested", "text") else key
    assert (place in config.ignored) == (NOTES[key] is not None)
    assert config == models.read_config(SPELLINGS[spelling](checkpoints.CONFIG))


VISION_NOTES: dict[str, Any] = {
    "torch_dtype": "bfloat16",
    "initializer_range": 0.02,
    "attention_dropout": 0.1,
    "_attn_implementation": "sdpa",
    "attn_implementation": "flash_attention_2",
    "image_size": 384,
    "vocab_size": 32000,
    "skip_vision": False,
    "spatial_patch_size": 14,
    "freeze_patch_embed": True,
    "output_attentions": True,
    "tie_word_embeddings": True,
    "num_attention_heads": 2,
    "num_hidden_layers": 4,
    "num_channels": 3,
    "max_pixels": 12845056,
    "attn_bias": None,
    "use_window": False,
    "lora_r": 0,
    "name": "a tower",
}


@pytest.mark.parametrize("key", VISION_NOTES)
def test_a_key_of_the_tower_that_changes_nothing_loads(key: str) -> None:
    found = models.read_config(with_key("flat", "vision", key, VISION_NOTES[key]))
    assert found == models.read_config(with_key("flat", "vision", "name", "other"))


REFUSED: dict[str, Any] = {
    "num_experts": 60,
    "n_routed_experts": 64,
    "moe_intermediate_size": 1408,
    "mlp_only_layers": [0],
    "attn_output_gate": True,
    "query_pre_attn_scalar": 256,
    "final_logit_softcapping": 30.0,
    "partial_rotary_factor": 0.5,
    "mrope_interleaved": True,
    "use_dynamic_ntk": True,
    "sliding_window_pattern": 6,
    "use_qk_norm": True,
    "mlp_bias": True,
    "qkv_bias": False,
    "logit_scale": 0.0625,
    "residual_multiplier": 0.22,
    "hidden_activation": "gelu_pytorch_tanh",
    "norm_type": "layernorm",
    "position_embedding_type": "alibi",
    "pruned_heads": {"0": [1]},
    "peft_config": {"r": 8},
    "kv_lora_rank": 512,
}


@pytest.mark.parametrize("section", ["top", "text", "vision"])
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("key", REFUSED)
def test_a_key_that_is_known_to_change_the_numbers_is_refused(spelling: str, section: str, key: str) -> None:
    with pytest.raises(InputError) as error:
        models.read_config(with_key(spelling, section, key, REFUSED[key]))
    message = str(error.value)
    assert f"unknown key {key!r}" in message
    assert repr(REFUSED[key]) in message
    assert message.startswith("config.json: ")
    assert "\n" not in message
    expected = {"num_experts": "Give a dense checkpoint", "peft_config": "Merge the adapter"}
    assert expected.get(key, "") in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rope_theta", 1e6),
        ("norm_eps", 1e-5),
        ("attn_bias", True),
        ("window_pattern", [1, 2]),
        ("lora_r", 16),
        ("num_position_embeddings", 2304),
        ("mlp_act", "relu"),
        ("qk_scale", 0.1),
        ("expert_count", 4),
        ("mlp_type", "SwiGLU"),
        ("deepstack_visual_indexes", [8, 16]),
        ("num_attention_heads", 16),
        ("num_hidden_layers", 3),
        ("num_channels", 4),
    ],
)
def test_an_unknown_word_of_arithmetic_in_the_tower_is_refused(key: str, value: object) -> None:
    with pytest.raises(InputError, match=key):
        models.read_config(with_key("flat", "vision", key, value))


@pytest.mark.parametrize("section", ["rotary", "vision rotary"])
@pytest.mark.parametrize(
    ("key", "value"), [("factor", 4.0), ("short_mscale", 1.2), ("low_freq_factor", 1), ("sections", [1]), ("on", True)]
)
def test_an_unknown_number_in_a_rotary_table_is_refused(section: str, key: str, value: object) -> None:
    with pytest.raises(InputError, match=key):
        models.read_config(with_key("flat", section, key, value))


@pytest.mark.parametrize("section", ["rotary", "vision rotary"])
def test_words_and_empty_values_in_a_rotary_table_are_noted(section: str) -> None:
    for key, value in (("source", "model card"), ("factor", None), ("interleaved", False), ("_comment", 7)):
        models.read_config(with_key("flat", section, key, value))


# -- the vocabulary ----------------------------------------------------------------------------------------------------

IDS = [[5, 1002, *[1004] * 15, 1003, 7]]
PIXELS = np.random.RandomState(0).randint(0, 256, (60, 588)).astype(np.uint8)


def logits(folder: Path) -> np.ndarray:
    return np.asarray(models.load(folder)(IDS, PIXELS, [[1, 10, 6]]).astype(mx.float32))


@pytest.mark.parametrize("stale", [1000, 32000, 152064])
@pytest.mark.parametrize("tied", [False, True])
def test_the_rows_of_the_embedding_count_where_vocab_size_is_stale(tmp_path: Path, stale: int, tied: bool) -> None:
    raw = checkpoints.config(tie_word_embeddings=tied)
    tensors = checkpoints.weights(raw)
    expected = logits(checkpoints.write(tmp_path / "right", raw, tensors))
    folder = checkpoints.write(tmp_path / "stale", {**raw, "vocab_size": stale}, tensors)
    assert (logits(folder) == expected).all()
    config = models.load(folder).config
    assert config.text.vocab_size == 1024
    assert config.notes == (
        f"{folder / 'config.json'}: vocab_size is {stale}, and the embedding has 1024 rows, which count",
    )


def test_an_older_vocab_size_beside_text_config_does_not_count(tmp_path: Path) -> None:
    raw = checkpoints.nested_config(checkpoints.CONFIG) | {"vocab_size": 32000}
    assert models.read_config(raw).text.vocab_size == 1024
    folder = checkpoints.write(tmp_path, raw, checkpoints.weights(checkpoints.CONFIG))
    assert models.load(folder).config.notes == ()


def test_a_text_config_without_its_defaults_is_completed_from_the_top(tmp_path: Path) -> None:
    """transformers leaves defaults out, such as the width of the 72B model; end tokens are generation_config.json's."""
    raw = checkpoints.config()
    raw["text_config"] = {"model_type": "qwen2_5_vl_text", "vocab_size": 32000, "eos_token_id": 1003}
    files = {"generation_config.json": {"eos_token_id": [1001, 1000]}}
    config = models.load(checkpoints.write(tmp_path, raw, checkpoints.weights(checkpoints.CONFIG), files=files)).config
    assert config.eos_token_ids == (1001, 1000)
    assert config.text == models.read_config(checkpoints.CONFIG).text


def test_end_tokens_are_those_inside_the_rows_of_the_embedding(tmp_path: Path) -> None:
    raw = checkpoints.config(vocab_size=1000)  # as if the tokens above it had been added
    assert models.load(checkpoints.write(tmp_path, raw, checkpoints.weights(checkpoints.CONFIG))).config.eos_token_ids


def test_a_head_of_other_rows_than_the_embedding_is_refused(tmp_path: Path) -> None:
    tensors = checkpoints.weights(checkpoints.CONFIG)
    tensors["lm_head.weight"] = tensors["lm_head.weight"][:1000]
    with pytest.raises(InputError, match=r"lm_head\.weight: expected shape \(1024, 128\)"):
        models.load(checkpoints.write(tmp_path, tensors=tensors))


def test_a_head_that_is_missing_is_named_with_the_remedy(tmp_path: Path) -> None:
    tensors = checkpoints.weights(checkpoints.CONFIG)
    del tensors["lm_head.weight"]
    with pytest.raises(InputError, match="set tie_word_embeddings to true"):
        models.load(checkpoints.write(tmp_path, tensors=tensors))


@pytest.mark.parametrize("half", [False, True])
def test_an_equal_head_beside_a_tied_embedding_loads_in_either_precision(tmp_path: Path, half: bool) -> None:
    raw = checkpoints.config(tie_word_embeddings=True)
    tensors = checkpoints.weights(raw)
    embedding = tensors["model.embed_tokens.weight"].astype(np.float16)
    tensors["model.embed_tokens.weight"] = embedding.astype(np.float32)
    expected = logits(checkpoints.write(tmp_path / "tied", raw, tensors))
    both = {**tensors, "lm_head.weight": embedding if half else embedding.astype(np.float32)}
    assert (logits(checkpoints.write(tmp_path / "both", raw, both)) == expected).all()


# -- adapters, and what the command line says --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_an_adapter_beside_the_weights_is_refused(tmp_path: Path, name: str) -> None:
    (checkpoints.write(tmp_path) / name).write_text("{}")
    with pytest.raises(InputError, match=f"{name}: expected a whole model; got an adapter"):
        models.load(tmp_path)


def test_verbose_names_ignored_keys_and_what_else_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], screen: Path
) -> None:
    folder = checkpoints.write_whole(tmp_path / "model")
    stale = checkpoints.config(freeze_vision_tower=True, vocab_size=2000)
    (folder / "config.json").write_text(json.dumps(stale))
    (folder / "preprocessor_config.json").unlink()
    arguments = ["ask", str(screen), "hi", "--model", str(folder), "--max-tokens", "1", "--budget", "16"]
    assert main([*arguments, "--verbose"]) == 0
    error = capsys.readouterr().err
    assert "freeze_vision_tower" in error
    assert "vocab_size is 2000, and the embedding has 1024 rows" in error
    assert "preprocessor_config.json: no such file" in error
    assert main(arguments) == 0
    assert "freeze_vision_tower" not in capsys.readouterr().err


@pytest.fixture
def screen(tmp_path: Path) -> Path:
    from PIL import Image

    path = tmp_path / "screen.png"
    Image.new("RGB", (120, 80), (240, 240, 240)).save(path)
    return path
