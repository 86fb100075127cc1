"""The configs that published checkpoints carry, key for key, and what later transformers write of them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from published_configs import OLDER, SIZES, older, published

from mlx_saccade import models
from mlx_saccade.errors import InputError
from mlx_saccade.models import preprocessor_config


def mixed(flat: dict[str, Any]) -> dict[str, Any]:
    """As transformers 4.53 writes it: the text values twice, some token ids null."""
    text = {key: value for key, value in flat.items() if key not in ("vision_config", "transformers_version")}
    rope = {"mrope_section": [16, 24, 24], "rope_type": "default", "type": "default"}
    text |= {"model_type": "qwen2_5_vl_text", "image_token_id": None, "video_token_id": None, "sliding_window": None}
    text |= {"rope_scaling": rope, "layer_types": ["full_attention"] * flat["num_hidden_layers"]}
    vision = {**flat["vision_config"], "in_channels": 3, "initializer_range": 0.02, "model_type": "qwen2_5_vl"}
    return {**flat, "rope_scaling": rope, "text_config": text, "vision_config": vision, "pad_token_id": 151643}


def split(flat: dict[str, Any]) -> dict[str, Any]:
    """As transformers 5.23.0 writes it: every key of its own save of the flat form."""
    top = ("architectures", "image_token_id", "model_type", "tie_word_embeddings", "video_token_id")
    top += ("vision_end_token_id", "vision_start_token_id")
    kept = ("attention_dropout", "bos_token_id", "eos_token_id", "hidden_act", "hidden_size", "initializer_range")
    kept += ("intermediate_size", "max_position_embeddings", "max_window_layers", "num_attention_heads", "use_cache")
    kept += ("num_hidden_layers", "num_key_value_heads", "rms_norm_eps", "use_sliding_window", "vocab_size")
    text = {key: flat[key] for key in kept}
    text |= {"dtype": "bfloat16", "model_type": "qwen2_5_vl_text", "pad_token_id": None, "sliding_window": None}
    text["layer_types"] = ["full_attention"] * flat["num_hidden_layers"]
    rope = {"mrope_section": [16, 24, 24], "rope_theta": 1000000.0, "rope_type": "default", "type": "mrope"}
    text["rope_parameters"] = rope
    vision = {**flat["vision_config"], "in_channels": 3, "initializer_range": 0.02, "model_type": "qwen2_5_vl_vision"}
    vision["rope_parameters"] = {"rope_theta": 10000.0, "rope_type": "axial"}
    whole = {key: flat[key] for key in top}
    return {
        **whole,
        "dtype": "bfloat16",
        "transformers_version": "5.23.0",
        "text_config": text,
        "vision_config": vision,
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spelling", [copy.deepcopy, mixed, split], ids=["published", "4.53", "5.23"])
def test_published_configs_are_read(size: str, spelling: Any) -> None:
    config = models.read_config(spelling(published(size)))
    text = config.text
    hidden, intermediate, layers, heads, key_heads, vocabulary, tied = SIZES[size]
    assert (text.hidden_size, text.intermediate_size, text.num_hidden_layers) == (hidden, intermediate, layers)
    assert (text.num_attention_heads, text.num_key_value_heads, text.vocab_size) == (heads, key_heads, vocabulary)
    assert (text.head_dim, text.rope_theta, text.mrope_section) == (128, 1e6, (16, 24, 24))
    assert (text.rms_norm_eps, text.max_position_embeddings) == (1e-6, 128000)
    assert (config.tie_word_embeddings, config.eos_token_ids) == (tied, (151645,))
    assert (config.vision.head_dim, config.vision.fullatt_block_indexes) == (80, (7, 15, 23, 31))


def older_split(flat: dict[str, Any]) -> dict[str, Any]:
    """As transformers 5.23.0 writes Qwen2-VL."""
    raw = split(flat)
    raw["text_config"]["model_type"] = "qwen2_vl_text"
    rope = {"rope_theta": 10000.0, "rope_type": "axial"}
    raw["vision_config"] |= {"model_type": "qwen2_vl_vision", "hidden_act": "quick_gelu", "rope_parameters": rope}
    return raw


@pytest.mark.parametrize("size", OLDER)
@pytest.mark.parametrize("spelling", [copy.deepcopy, older_split], ids=["published", "5.23"])
def test_published_qwen2_vl_configs_are_read(size: str, spelling: Any) -> None:
    config = models.read_config(spelling(older(size)))
    hidden, _, layers, *_, tied = OLDER[size]
    assert (config.family, config.text.hidden_size, config.text.num_hidden_layers) == ("qwen2-vl", hidden, layers)
    assert (config.vision.hidden_size, config.vision.intermediate_size, config.vision.head_dim) == (1280, 5120, 80)
    assert (config.vision.out_hidden_size, config.vision.window_size, config.tie_word_embeddings) == (
        hidden,
        None,
        tied,
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"hidden_act": "gelu"}, "'gelu'"),
        ({"mlp_ratio": 3.0001}, "mlp_ratio: expected a ratio that gives a whole width for embed_dim 1280; got 3.0001"),
        ({"mlp_ratio": 1e308}, "mlp_ratio"),
        ({"mlp_ratio": 0}, "mlp_ratio: expected a finite number above 0; got 0"),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps: expected 1e-06 or None; got 1e-05"),
        ({"hidden_size": 128}, "128"),
        ({"window_size": 112}, "window_size"),
        ({"fullatt_block_indexes": [7]}, "fullatt_block_indexes"),
    ],
)
def test_towers_of_qwen2_vl_with_other_arithmetic_are_refused(change: dict[str, Any], named: str) -> None:
    raw = older("7B")
    raw["vision_config"] |= change
    with pytest.raises(InputError) as error:
        models.read_config(raw)
    assert named in str(error.value)


def conversion(flat: dict[str, Any]) -> dict[str, Any]:
    """As mlx-vlm's conversions carry it: transformers 4.x's defaults, and mlx-vlm's own words for the tower."""
    more = {"num_beams": 1, "temperature": 1.0, "return_dict_in_generate": False, "is_decoder": False, "prefix": None}
    more |= {"vision_feature_layer": -2, "vision_feature_select_strategy": "default", "ignore_index": -100}
    table = {"group_size": 64, "bits": 4, "language_model.lm_head": {"group_size": 64, "bits": 6}}
    tower = {
        **flat["vision_config"],
        "skip_vision": True,
        "image_size": 384,
        "layer_norm_eps": 1e-6,
        "vocab_size": 32000,
    }
    return {**flat, **more, "quantization": table, "quantization_config": table, "vision_config": tower}


@pytest.mark.parametrize("flat", [published("7B"), older("7B")], ids=["qwen2.5-vl", "qwen2-vl"])
def test_configs_of_conversions_are_read_and_what_is_ignored_is_listed(flat: dict[str, Any]) -> None:
    config = models.read_config(conversion(flat))
    assert config.quantization is not None
    assert config.quantization.spec("lm_head").bits == 6
    assert config.quantization.spec("model.layers.0.mlp.up_proj").bits == 4
    assert {"num_beams", "vision_feature_layer", "vision_config.skip_vision", "sliding_window"} <= set(config.ignored)
    assert not {"hidden_size", "prefix", "quantization", "vision_config.depth"} & set(config.ignored)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"auto_map": {"AutoModel": "modeling.Evil"}},
            "auto_map: expected no code; got {'AutoModel': 'modeling.Evil'}",
        ),
        ({"model_file": "model.py"}, "model_file: expected no code; got 'model.py'"),
        ({"text_config": {"hidden_size": 1024}}, "hidden_size: expected one value; got 2048 and, in text_config, 1024"),
        (
            {"text_config": {"rope_theta": 1.0}},
            "rope_theta: expected one value; got 1000000.0 and, in text_config, 1.0",
        ),
        ({"text_config": [1]}, "text_config: expected an object; got [1]"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rope_type: expected one value; got 'yarn' and, in rope_scaling"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "rope_type: expected 'default' or 'mrope' or 'yarn'"),
        (
            {"rope_parameters": {"mrope_section": [24, 20, 20]}},
            "mrope_section: expected one value; got [24, 20, 20] and",
        ),
        ({"rope_traditional": True}, "rope_traditional: expected False or None; got True"),
    ],
)
def test_what_would_run_code_or_contradicts_itself_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError) as error:
        models.read_config(published("3B") | change)
    assert named in str(error.value)


@pytest.mark.parametrize("spelling", [copy.deepcopy, split], ids=["published", "5.23"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("attention_bias", False),
        ("layer_types", ["full_attention", "sliding_attention"]),
        ("layer_types", "full_attention"),
        ("use_sliding_window", True),
        ("partial_rotary_factor", 0.5),
        ("attn_output_gate", True),
        ("query_pre_attn_scalar", 1.0),
    ],
)
def test_text_values_that_change_the_arithmetic_are_refused(spelling: Any, key: str, value: object) -> None:
    raw = spelling(published("3B"))
    raw.get("text_config", raw)[key] = value
    with pytest.raises(InputError) as error:
        models.read_config(raw)
    assert key in str(error.value)
    assert repr(value) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["partial_rotary_factor", "mrope_interleaved", "factor", "beta_fast"])
@pytest.mark.parametrize("where", ["text", "vision"])
def test_rotary_values_beyond_the_known_are_refused(key: str, where: str) -> None:
    raw = split(published("3B"))
    raw[f"{where}_config"]["rope_parameters"][key] = 4
    with pytest.raises(InputError, match=key):
        models.read_config(raw)


def test_nulls_and_bookkeeping_are_no_surprise() -> None:
    raw = published("7B") | {"_name_or_path": "", "_attn_implementation_autoset": True, "unheard_of": None}
    assert models.read_config(raw) == models.read_config(published("7B"))


# -- preprocessor_config.json ------------------------------------------------------------------------------------------

# Qwen2.5-VL-3B-Instruct; and what transformers 5.23.0 saves of it.
PIXELS: dict[str, Any] = {
    "min_pixels": 3136,
    "max_pixels": 12845056,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor",
    "processor_class": "Qwen2_5_VLProcessor",
}
SAVED: dict[str, Any] = {key: value for key, value in PIXELS.items() if not key.endswith("_pixels")} | {
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "do_center_crop": None,
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"longest_edge": 12845056, "shortest_edge": 3136},
}


def write(folder: Path, **files: Any) -> Path:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("content", [PIXELS, SAVED], ids=["published", "5.23"])
@pytest.mark.parametrize("nested", [False, True])
def test_published_preprocessors_are_read(tmp_path: Path, content: dict[str, Any], nested: bool) -> None:
    files = {"processor_config": {"image_processor": content}} if nested else {"preprocessor_config": content}
    found = preprocessor_config.read(write(tmp_path, **files), models.VisionConfig())
    assert found.mean == tuple(PIXELS["image_mean"])
    assert found.std == tuple(PIXELS["image_std"])
    assert found.pixel_limits == models.pixel_limits(tmp_path) == (3136, 12845056)


def test_the_whole_processors_file_goes_first(tmp_path: Path) -> None:
    other = PIXELS | {"image_mean": [0.5, 0.5, 0.5], "max_pixels": 4000}
    write(tmp_path, preprocessor_config=PIXELS, processor_config={"image_processor": other})
    found = preprocessor_config.read(tmp_path, models.VisionConfig())
    assert (found.mean, found.pixel_limits) == ((0.5, 0.5, 0.5), (3136, 4000))
    write(tmp_path, processor_config={"processor_class": "Qwen2_5_VLProcessor"})
    assert preprocessor_config.read(tmp_path, models.VisionConfig()).pixel_limits == (3136, 12845056)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("patch_size", 16),
        ("patch_size", "14"),
        ("merge_size", 1),
        ("temporal_patch_size", 1),
        ("resample", 2),
        ("resample", "lanczos"),
        ("do_resize", False),
        ("do_rescale", False),
        ("do_normalize", False),
        ("do_center_crop", True),
        ("rescale_factor", 1 / 127.5),
        ("rescale_factor", 1),
        ("image_mean", [0.5, 0.5]),
        ("image_mean", [0.5, 0.5, True]),
        ("image_mean", [0.5, 0.5, float("nan")]),
        ("image_mean", [0.5, 0.5, 10**400]),
        ("image_mean", 0.5),
        ("image_std", [0.5, 0.5, 0]),
        ("image_std", [0.5, 0.5, float("inf")]),
        ("image_std", [0.5, -0.5, 0.5]),
    ],
)
def test_pixels_that_would_come_out_otherwise_are_refused(tmp_path: Path, key: str, value: object) -> None:
    write(tmp_path, preprocessor_config=PIXELS | {key: value})
    with pytest.raises(InputError) as error:
        preprocessor_config.read(tmp_path, models.VisionConfig())
    assert key in str(error.value)
    assert "preprocessor_config.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_the_file_leaves_out_is_the_references_default(tmp_path: Path) -> None:
    write(tmp_path, preprocessor_config={})
    assert preprocessor_config.read(tmp_path, models.VisionConfig()).std == tuple(PIXELS["image_std"])
    with pytest.raises(InputError, match="patch_size is 14"):
        preprocessor_config.read(tmp_path, models.VisionConfig(patch_size=16))


def test_a_preprocessor_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").mkdir()
    with pytest.raises(InputError, match=r"preprocessor_config\.json: expected a regular file"):
        preprocessor_config.read(tmp_path, models.VisionConfig())
