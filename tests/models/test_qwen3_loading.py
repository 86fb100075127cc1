"""Checkpoints of Qwen3-VL in each spelling of the config, each layout of keys and experts, float and quantized."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import published_configs
import pytest
import quantized

import mlx_saccade as saccade
from mlx_saccade import models
from mlx_saccade.errors import InputError
from mlx_saccade.models import quantization

IDS = [[5, 1002, *[1004] * 15, 1003, 7, 8]]
GRID = [[1, 10, 6]]
PIXELS = np.random.RandomState(0).randint(0, 256, (60, 768)).astype(np.uint8)
BASES = {"dense": checkpoints.QWEN3_VL, "experts": checkpoints.QWEN3_VL_MOE}
Tensors = dict[str, np.ndarray]


def logits(folder: Path) -> np.ndarray:
    return np.asarray(models.load(folder)(IDS, PIXELS, GRID))


def renamed(tensors: Tensors, rules: dict[str, str]) -> Tensors:
    """Return tensors with other prefixes."""
    values = {}
    for key, value in tensors.items():
        old = next(prefix for prefix in rules if key.startswith(prefix))
        values[rules[old] + key[len(old) :]] = value
    return values


def as_mlx_name(key: str) -> str:
    rules = {"model.visual.": "vision_tower.", "model.language_model.": "language_model.model."}
    old = next((prefix for prefix in rules if key.startswith(prefix)), "")
    return rules[old] + key[len(old) :] if old else f"language_model.{key}"


def stacked(tensors: Tensors) -> Tensors:
    """Return tensors with experts as mlx-community has them."""
    values = {}
    for key, value in tensors.items():
        prefix, _, part = key.partition("experts.")
        if part == "gate_up_proj":
            halves = np.split(value.swapaxes(1, 2), 2, axis=1)
            for name, half in zip(("gate_proj", "up_proj"), halves, strict=True):
                values[f"{prefix}switch_mlp.{name}.weight"] = half.copy()
        elif part == "down_proj":
            values[f"{prefix}switch_mlp.down_proj.weight"] = value.swapaxes(1, 2).copy()
        else:
            values[key] = value
    return values


def transposed(tensors: Tensors) -> Tensors:
    """Return tensors with experts as transformers 5 saves a model that it built."""
    return {key: value.swapaxes(1, 2).copy() if ".experts." in key else value for key, value in tensors.items()}


def later_spelling(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the config as transformers 5 saves it."""
    raw = checkpoints.config(raw)
    text, vision = raw["text_config"], raw["vision_config"]
    text["rope_parameters"] = {**text.pop("rope_scaling"), "rope_theta": text.pop("rope_theta")}
    vision |= {
        "model_type": f"{raw['model_type']}_vision",
        "rope_parameters": {"rope_type": "axial", "rope_theta": 1e4},
    }
    if "num_experts" in text:
        text["num_local_experts"] = text.pop("num_experts")
        text.pop("norm_topk_prob")
    return raw


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("released")
    return {name: logits(checkpoints.write(folder / name, base)) for name, base in BASES.items()}


@pytest.mark.parametrize("base", BASES)
def test_spelling_of_transformers_5_gives_the_same_model(tmp_path: Path, expected: Any, base: str) -> None:
    raw, tensors = later_spelling(BASES[base]), checkpoints.weights(BASES[base])
    assert (logits(checkpoints.write(tmp_path, raw, tensors)) == expected[base]).all()


@pytest.mark.parametrize("base", BASES)
def test_keys_of_mlx_community_give_the_same_model(tmp_path: Path, expected: Any, base: str) -> None:
    tensors = {as_mlx_name(key): value for key, value in stacked(checkpoints.weights(BASES[base])).items()}
    convolution = "vision_tower.patch_embed.proj.weight"
    tensors[convolution] = tensors[convolution].transpose(0, 2, 3, 4, 1).copy()
    assert (logits(checkpoints.write(tmp_path, BASES[base], tensors)) == expected[base]).all()


@pytest.mark.parametrize("base", BASES)
def test_keys_without_the_outer_model_give_the_same_model(tmp_path: Path, expected: Any, base: str) -> None:
    rules = {"model.visual.": "visual.", "model.language_model.": "model.", "lm_head.": "lm_head."}
    tensors = renamed(checkpoints.weights(BASES[base]), rules)
    assert (logits(checkpoints.write(tmp_path, BASES[base], tensors)) == expected[base]).all()


def test_a_tied_head_is_the_embedding(tmp_path: Path) -> None:
    raw = checkpoints.config(checkpoints.QWEN3_VL, tie_word_embeddings=True)
    model = models.load(checkpoints.write(tmp_path, raw))
    assert model.config.tie_word_embeddings and model.head is model.model.embed_tokens


@pytest.mark.parametrize("layout", [transposed, stacked])
def test_layouts_of_experts_give_the_same_model(
    tmp_path: Path, expected: Any, layout: Callable[[Tensors], Tensors]
) -> None:
    raw = BASES["experts"]
    assert (logits(checkpoints.write(tmp_path, raw, layout(checkpoints.weights(raw)))) == expected["experts"]).all()


@pytest.mark.parametrize("inner", [64, 128])
def test_layouts_of_experts_with_a_square_matrix_are_told_apart(tmp_path: Path, inner: int) -> None:
    """With D = 2 I, gate and up are square in both layouts, with D = I the other matrix is."""
    raw = checkpoints.config(checkpoints.QWEN3_VL_MOE)
    raw["text_config"]["moe_intermediate_size"] = inner
    tensors = checkpoints.weights(raw)
    released, other = (
        logits(checkpoints.write(tmp_path / name, raw, layout(tensors)))
        for name, layout in (("released", dict), ("transposed", transposed))
    )
    assert (released == other).all()


def test_experts_of_another_shape_raise(tmp_path: Path) -> None:
    raw = checkpoints.config(checkpoints.QWEN3_VL_MOE)
    tensors, key = checkpoints.weights(raw), "model.language_model.layers.0.mlp.experts.gate_up_proj"
    checkpoints.write(tmp_path / "wide", raw, {**tensors, key: np.zeros((8, 128, 64), np.float32)})
    with pytest.raises(InputError, match=r"experts.gate_up_proj: expected \[experts, 128, 80\], or the last two"):
        models.load(tmp_path / "wide")
    tensors.pop("model.language_model.layers.0.mlp.experts.down_proj")
    with pytest.raises(InputError, match=r"experts.down_proj is missing from the weights"):
        models.load(checkpoints.write(tmp_path / "half", raw, tensors))


def quantized_rule(name: str) -> tuple[int, int] | None:
    """Return mlx-community's forms: the tower float, a router 8 bits."""
    if name.startswith("model.visual."):
        return None
    return (8, 64) if name.endswith(".mlp.gate") else (4, 64)


@pytest.mark.parametrize("base", BASES)
def test_quantized_weights_equal_their_floats(tmp_path: Path, base: str) -> None:
    raw = checkpoints.config(BASES[base])
    text = raw["text_config"]
    text |= {"head_dim": 64, "intermediate_size": 192}
    if base == "experts":
        text["moe_intermediate_size"] = 64
    config, stored, plain = quantized.checkpoint(
        raw, stacked(checkpoints.weights(raw)), quantized_rule, default=(4, 64), names=as_mlx_name
    )
    packed = models.load(checkpoints.write(tmp_path / "packed", config, stored))
    floats = models.load(checkpoints.write(tmp_path / "floats", raw, plain))
    layers = quantization.packed_layers(packed)
    assert len(layers) == 2 + 4 * 7 + (3 if base == "experts" else 0)  # a router beside each of three sparse layers
    result, exact = (np.asarray(model(IDS, PIXELS, GRID)) for model in (packed, floats))
    assert np.abs(result - exact).max() < 2e-4
    assert packed.generate(IDS, 8, pixel_values=PIXELS, image_grid_thw=GRID) == floats.generate(
        IDS, 8, pixel_values=PIXELS, image_grid_thw=GRID
    )


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("spelling", [dict, later_spelling])
def test_convert_writes_what_mlx_community_writes(
    tmp_path: Path, base: str, spelling: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    raw = checkpoints.config(BASES[base])
    raw["text_config"] |= {"moe_intermediate_size": 64} if base == "experts" else {}
    checkpoints.write(tmp_path / "old", spelling(raw), checkpoints.weights(raw))
    saccade.convert(tmp_path / "old", tmp_path / "new", vision_bits=8)
    config = json.loads((tmp_path / "new" / "config.json").read_text())
    text, table = config["text_config"], config["quantization"]
    assert (text["rope_theta"], text["head_dim"]) == (5e6, 48)
    assert text["rope_scaling"] == raw["text_config"]["rope_scaling"]
    assert "rope_parameters" not in text and "hidden_size" not in config
    if base == "experts":
        assert table["language_model.model.layers.0.mlp.gate"] == {"group_size": 64, "bits": 8}
    tensors = mx.load(str(tmp_path / "new" / "model.safetensors"))
    assert tensors["vision_tower.pos_embed.weight"].dtype == mx.float32
    assert tensors["vision_tower.patch_embed.proj.weight"].shape == (144, 2, 16, 16, 3)
    old, new = (models.load(tmp_path / name) for name in ("old", "new"))
    assert new.config.text == old.config.text and new.config.vision == old.config.vision
    both = [np.asarray(model(IDS, PIXELS, GRID))[0, -1] for model in (old, new)]
    assert np.corrcoef(*both)[0, 1] > 0.9


@pytest.mark.parametrize("size", published_configs.LATER)
@pytest.mark.parametrize("spelling", [dict, later_spelling])
def test_published_configs_are_read(size: str, spelling: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    hidden, intermediate, layers, heads, key_heads, tied, experts, tower = published_configs.LATER[size]
    config = models.read_config(spelling(published_configs.later(size)))
    text, vision = config.text, config.vision
    assert (text.hidden_size, text.intermediate_size, text.num_hidden_layers) == (hidden, intermediate, layers)
    assert (text.num_attention_heads, text.num_key_value_heads, text.head_dim) == (heads, key_heads, 128)
    assert (text.rope_theta, text.mrope_section, text.rms_norm_eps) == (5e6, (24, 20, 20), 1e-6)
    assert (vision.depth, vision.hidden_size, vision.intermediate_size) == tower[:3]
    assert (vision.deepstack_visual_indexes, vision.levels, vision.feature_width) == (tuple(tower[3]), 3, 4 * hidden)
    assert (vision.patch_width, vision.still_width, vision.window_size) == (1536, 768, None)
    assert config.tie_word_embeddings is tied and config.eos_token_ids == (151645,) and config.family == "qwen3-vl"
    if experts:
        assert text.experts == models.config.Experts(128, 8, experts, tuple(range(layers)))
    else:
        assert text.experts is None


@pytest.mark.parametrize(
    ("base", "change", "message"),
    [
        ("dense", {"attention_bias": True}, r"attention_bias: expected False or None"),
        ("dense", {"head_dim": 47}, r"head_dim: expected an even number; got 47"),
        ("dense", {"num_key_value_heads": 3}, r"4 heads cannot share 3 key heads"),
        ("dense", {"num_experts": 8}, r"unknown key 'num_experts' in text_config"),
        ("dense", {"rope_scaling": {"rope_type": "linear"}}, r"rope_type: expected 'default'"),
        ("dense", {"rope_scaling": {"mrope_section": [1, 2]}}, r"mrope_section: expected three whole numbers"),
        ("experts", {"num_experts_per_tok": 9}, r"num_experts_per_tok: expected at most the 8 experts; got 9"),
        ("experts", {"mlp_only_layers": "1"}, r"mlp_only_layers: expected a list of layer numbers"),
        ("experts", {"decoder_sparse_step": 0}, r"decoder_sparse_step: expected a whole number in 1"),
        ("experts", {"shared_expert_intermediate_size": 8}, r"unknown key 'shared_expert_intermediate_size'"),
    ],
)
def test_text_values_that_are_not_implemented_raise(base: str, change: dict[str, Any], message: str) -> None:
    raw = checkpoints.config(BASES[base])
    raw["text_config"] |= change
    with pytest.raises(InputError, match=message):
        models.read_config(raw)


def test_what_a_config_leaves_out_is_the_references_default() -> None:
    raw = checkpoints.config(checkpoints.QWEN3_VL)
    raw["text_config"] = {key: raw["text_config"][key] for key in ("model_type", "hidden_size", "eos_token_id")}
    raw["text_config"]["hidden_size"] = raw["vision_config"]["out_hidden_size"] = 2048
    raw["vision_config"] = {"out_hidden_size": 2048}
    config = models.read_config(raw)
    assert (config.text.rope_theta, config.text.head_dim, config.text.num_key_value_heads) == (500000.0, 128, 32)
    assert (config.vision.depth, config.vision.hidden_size, config.vision.patch_size) == (27, 1152, 16)
    assert config.vision.deepstack_visual_indexes == (8, 16, 24)


def test_a_mean_that_the_file_leaves_out_is_noted_where_it_is_not_the_familys(tmp_path: Path) -> None:
    """As in transformers it is Qwen2-VL's, which gives plausible, worse answers without an error."""
    file = {key: value for key, value in checkpoints.QWEN3_PREPROCESSOR.items() if key != "image_mean"}
    model = models.load(checkpoints.write(tmp_path, BASES["dense"], files={"preprocessor_config.json": file}))
    (note,) = [note for note in model.config.notes if "image_mean" in note]
    assert "no image_mean. It is [0.48145466, 0.4578275, 0.40821073], as in transformers; qwen3-vl was" in note
    assert not any("image_std" in note for note in model.config.notes)
