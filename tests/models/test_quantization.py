"""Quantized checkpoints: the values of the weights they stand for, in whatever form and key layout."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest
import quantized

from mlx_saccade import models
from mlx_saccade.errors import InputError
from mlx_saccade.models.quantization import QuantizedEmbedding, QuantizedLinear, QuantSpec

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from cases import CASES, NEW_TOKENS, SETS  # noqa: E402

TOLERANCE = 2e-3
CASE = CASES[3]
Tensors = dict[str, np.ndarray]


def made(rule: Any, **options: Any) -> tuple[dict[str, Any], Tensors, Tensors]:
    return quantized.checkpoint(checkpoints.config(), checkpoints.weights(checkpoints.CONFIG), rule, **options)


def logits(folder: Path) -> np.ndarray:
    return np.asarray(models.load(folder)(**CASE.inputs()))


def test_the_packing_is_mlxs() -> None:
    weight = np.random.RandomState(5).standard_normal((7, 256)).astype(np.float32)
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128):
            packed, plain = quantized.quantize(weight, bits, group)
            parts = [
                mx.array(packed["weight"]),
                *(mx.array(packed[k]).astype(mx.float32) for k in ("scales", "biases")),
            ]
            found = mx.dequantize(*parts, group_size=group, bits=bits)
            assert (np.asarray(found) == plain).all()


def test_a_mixed_checkpoint_equals_the_reference_on_its_floats(tmp_path: Path) -> None:
    """The reference read the float32 weights that the packed ones stand for."""
    (chosen,) = (item for item in SETS if item.name == "quantised")
    (case,) = chosen.cases
    config, stored, _ = made(quantized.mixed_rule)
    model = models.load(checkpoints.write(tmp_path, config, stored))
    with np.load(GOLDEN / "model_quantised.npz") as golden:
        found = np.asarray(model(**case.inputs()))[0]
        assert np.abs(found[-1] - golden[f"{case.name}/last"]).max() <= TOLERANCE
        assert (found.argmax(-1) == golden[f"{case.name}/top"]).all()
        assert model.generate(max_new_tokens=NEW_TOKENS, **case.inputs()) == golden[f"{case.name}/tokens"].tolist()


@pytest.mark.parametrize(("bits", "group"), [(2, 32), (3, 64), (5, 32), (8, 128)])
def test_quantized_weights_give_what_their_floats_give(tmp_path: Path, bits: int, group: int) -> None:
    """The forms that are rarer than those of the acceptance test."""
    config, stored, plain = made(quantized.all_layers(bits, group), default=(bits, group))
    found = logits(checkpoints.write(tmp_path / "packed", config, stored))
    wanted = logits(checkpoints.write(tmp_path / "plain", checkpoints.config(), plain))
    assert np.abs(found - wanted).max() <= TOLERANCE
    assert (found.argmax(-1) == wanted.argmax(-1)).all()


@pytest.mark.parametrize("raw", [checkpoints.CONFIG, checkpoints.QWEN2_VL], ids=["qwen2.5-vl", "qwen2-vl"])
def test_the_tower_is_untouched_where_only_the_language_model_is_quantized(tmp_path: Path, raw: Any) -> None:
    weights = checkpoints.weights(raw)
    config, stored, _ = quantized.checkpoint(raw, weights, quantized.language_layers(4, 64), default=(4, 64))
    both = [
        models.load(checkpoints.write(tmp_path / name, *checkpoint)).image_features(
            CASE.inputs()["pixel_values"], CASE.images
        )
        for name, checkpoint in (("packed", (config, stored)), ("float", (raw, weights)))
    ]
    assert (np.asarray(both[0]) == np.asarray(both[1])).all()


def later(name: str) -> str:
    return (
        name.replace("visual.", "model.visual.")
        if "visual" in name
        else name.replace("model.", "model.language_model.")
    )


@pytest.mark.parametrize("names", [str, later], ids=["published", "transformers"])
def test_every_layout_of_keys_is_the_same_model(tmp_path: Path, names: Callable[[str], str]) -> None:
    config, stored, _ = made(quantized.mixed_rule, names=names)
    wanted, packed, _ = made(quantized.mixed_rule)
    found = logits(checkpoints.write(tmp_path / "one", config, stored))
    assert (found == logits(checkpoints.write(tmp_path / "mlx", wanted, packed))).all()


def test_a_tied_embedding_is_the_head_too(tmp_path: Path) -> None:
    raw = checkpoints.config(tie_word_embeddings=True)
    config, stored, plain = quantized.checkpoint(raw, checkpoints.weights(raw), quantized.mixed_rule)
    model = models.load(checkpoints.write(tmp_path / "packed", config, stored))
    assert isinstance(model.model.embed_tokens, QuantizedEmbedding)
    wanted = logits(checkpoints.write(tmp_path / "plain", raw, plain))
    assert np.abs(np.asarray(model(**CASE.inputs())) - wanted).max() <= TOLERANCE
    # mlx-community's files may repeat the embedding as a head.
    again = {key.replace("model.embed_tokens", "lm_head"): value for key, value in stored.items() if "embed_tok" in key}
    repeated = logits(checkpoints.write(tmp_path / "again", config, stored | again))
    assert (repeated == np.asarray(model(**CASE.inputs()))).all()


def test_layers_whose_width_is_no_multiple_of_the_group_stay_float(tmp_path: Path) -> None:
    config, stored, _ = made(quantized.all_layers(4, 64), default=(4, 64))
    model = models.load(checkpoints.write(tmp_path, config, stored))
    assert isinstance(model.model.layers[0].mlp.gate_proj, QuantizedLinear)  # 128 wide
    assert not isinstance(model.model.layers[0].mlp.down_proj, QuantizedLinear)  # 344
    assert not isinstance(model.visual.blocks[0].mlp.down_proj, QuantizedLinear)  # 172
    assert not isinstance(model.visual.blocks[0].attn.qkv, QuantizedLinear)  # 160
    assert isinstance(model.visual.merger.mlp[0], QuantizedLinear)  # 640


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_both_ways_to_multiply_agree(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.RandomState(bits)
    packed, plain = quantized.quantize(random.standard_normal((24, 128)).astype(np.float32), bits, 32)
    layer = QuantizedLinear((24, 128), QuantSpec(bits, 32), bias=True)
    layer.load_weights(
        [(key, mx.array(value.astype(np.float32) if key != "weight" else value)) for key, value in packed.items()],
        strict=False,
    )
    x = random.standard_normal((2, 20, 128)).astype(np.float32)
    monkeypatch.setattr("mlx_saccade.models.quantization.ROWS_TO_UNPACK", 1)
    unpacked = np.asarray(layer(mx.array(x)))
    monkeypatch.setattr("mlx_saccade.models.quantization.ROWS_TO_UNPACK", 1000)
    direct = np.asarray(layer(mx.array(x)))
    assert np.abs(unpacked - x @ plain.T).max() <= 1e-4
    assert np.abs(unpacked - direct).max() <= 1e-4


# -- what does not load ------------------------------------------------------------------------------------------------

Change = Callable[[dict[str, Any], Tensors], object]
LAYER = "language_model.model.layers.0.mlp.up_proj"


def table(**changes: Any) -> Change:
    return lambda config, tensors: config.update(quantization={**config["quantization"], **changes})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda config, tensors: tensors.pop(f"{LAYER}.scales"), "layers.0.mlp.up_proj.scales is missing"),
        (lambda config, tensors: tensors.pop(f"{LAYER}.biases"), "layers.0.mlp.up_proj.biases is missing"),
        (lambda config, tensors: tensors.pop(f"{LAYER}.weight"), "layers.0.mlp.up_proj.weight is missing"),
        (
            lambda config, tensors: [tensors.pop(f"{LAYER}.{part}") for part in ("scales", "biases")],
            "layers.0.mlp.up_proj.scales is missing",
        ),
        (
            lambda config, tensors: tensors.update({"language_model.model.norm.scales": np.ones((2, 2), np.float32)}),
            "model.norm.scales is not part",
        ),
        (
            lambda config, tensors: tensors.update({f"{LAYER}.scales": np.ones((344, 3), np.float32)}),
            "(344, 3)",
        ),
        (lambda config, tensors: tensors.update({f"{LAYER}.scales": np.ones((344, 4), np.int32)}), "int32"),
        (lambda config, tensors: tensors.update({f"{LAYER}.weight": np.ones((344, 16), np.float32)}), "float32"),
        (
            lambda config, tensors: [config.pop(key) for key in ("quantization", "quantization_config")],
            "no quantization",
        ),
        (table(bits=8), "expected shape (1024, 32) by config.json"),
        (table(bits=7), "bits 7"),
        (table(bits=True), "bits True"),
        (table(group_size=16), "group_size 16"),
        (table(mode="mxfp4"), "biases and "),
        (table(mode="int4"), "expected a mode of affine, mxfp4, nvfp4, mxfp8; got mode 'int4'"),
        (table(mode=["mxfp4"]), "got mode ['mxfp4']"),
        (table(quantize_input=True, **{LAYER: None}), "quantize_input"),
        (table(quant_method="gptq"), "quant_method 'gptq'"),
        (table(**{LAYER: {"bits": 4}}), "up_proj: expected group_size to be one of 32, 64, 128; got group_size None"),
        (
            table(**{LAYER: {"bits": 4, "group_size": 32, "mode": "nvfp4"}}),
            "up_proj: expected group_size to be 16 in mode nvfp4; got group_size 32",
        ),
        (table(**{LAYER: {"bits": 4, "group_size": 32, "zero_point": 1}}), "zero_point"),
        (table(**{LAYER: False}), "layers.0.mlp.up_proj.scales belongs to quantized weights, but config.json says"),
        (table(**{LAYER: "4 bit"}), "'4 bit'"),
        (table(**{"vision_tower.blocks.9.attn.qkv": {"bits": 4, "group_size": 32}}), "visual.blocks.9.attn.qkv"),
        (table(**{"vision_tower.blocks.0.attn.qkv": {"bits": 4, "group_size": 32}}), "qkv.scales is missing"),
        (table(**{LAYER: {"bits": 4, "group_size": 64}}), "expected shape (344, 2) by config.json; got (344, 4)"),
        (
            lambda config, tensors: config.update(quantization=[4]),
            "expected an object with bits and group_size; got [4]",
        ),
        (
            lambda config, tensors: config.update(quantization=None, quantization_config={"quant_method": "awq"}),
            "quant_method 'awq'",
        ),
    ],
)
def test_a_quantized_checkpoint_that_does_not_fit_is_refused(tmp_path: Path, change: Change, named: str) -> None:
    config, stored, _ = made(quantized.language_layers(4, 32))
    change(config, stored)
    checkpoints.write(tmp_path, config, stored)
    with pytest.raises(InputError) as error:
        models.load(tmp_path)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("ending", ["weight_scale", "weight_scale_inv", "qweight", "weight.absmax"])
def test_other_schemes_are_named(tmp_path: Path, ending: str) -> None:
    tensors = checkpoints.weights(checkpoints.CONFIG)
    tensors[f"model.layers.0.mlp.up_proj.{ending}"] = np.ones(2, np.float32)
    with pytest.raises(InputError, match=ending):
        models.load(checkpoints.write(tmp_path, tensors=tensors))


# -- MLX's modes of small floats ---------------------------------------------------------------------------------------

FORMS = {"mxfp4": (32, 4), "nvfp4": (16, 4), "mxfp8": (32, 8)}


def packed_by_mlx(
    mode: str, chosen: Callable[[str], bool], others: Callable[[str], dict[str, Any] | None] = lambda name: None
) -> tuple[dict[str, Any], dict[str, mx.array], dict[str, mx.array]]:
    """As `mx.quantize` packs layers, in mlx-vlm's table: the config, the tensors of the file, and their floats."""
    group, bits = FORMS[mode]
    table: dict[str, Any] = {"group_size": group, "bits": bits, "mode": mode}
    stored, plain = {}, {}
    for key, value in checkpoints.weights(checkpoints.CONFIG).items():
        layer, weight = key.removesuffix(".weight"), mx.array(value)
        form = others(layer) or {"group_size": group, "bits": bits, "mode": mode}
        if value.ndim != 2 or not chosen(layer) or value.shape[1] % form["group_size"]:
            stored[key] = plain[key] = weight
            continue
        parts = mx.quantize(weight, **form)
        stored |= {f"{layer}.{part}": array for part, array in zip(("weight", "scales", "biases"), parts, strict=False)}
        plain[key] = mx.dequantize(*parts, **form).astype(mx.float32)
        if others(layer):
            table[quantized.mlx_name(layer)] = others(layer)
    return checkpoints.config(quantization=table, quantization_config=table), stored, plain


def written(folder: Path, raw: dict[str, Any], tensors: dict[str, mx.array]) -> Path:
    checkpoints.write(folder, raw, tensors={})
    mx.save_safetensors(str(folder / "model.safetensors"), tensors, metadata={"format": "mlx"})
    return folder


LAYERS: dict[str, Callable[[str], bool]] = {
    "language": lambda name: name.startswith("model.layers"),
    "embedding and head": lambda name: "embed_tokens" in name or name == "lm_head",
    "all": lambda name: True,
}


@pytest.mark.parametrize("where", LAYERS)
@pytest.mark.parametrize("mode", FORMS)
def test_small_floats_give_what_their_floats_give(tmp_path: Path, mode: str, where: str) -> None:
    config, stored, plain = packed_by_mlx(mode, LAYERS[where])
    found, wanted = (
        models.load(written(tmp_path / name, *checkpoint))
        for name, checkpoint in (("packed", (config, stored)), ("plain", (checkpoints.config(), plain)))
    )
    inputs = CASE.inputs()
    assert np.abs(np.asarray(found(**inputs)) - np.asarray(wanted(**inputs))).max() <= TOLERANCE
    assert found.generate(max_new_tokens=8, **inputs) == wanted.generate(max_new_tokens=8, **inputs)


@pytest.mark.parametrize(
    "form", [{"group_size": 64, "bits": 8}, {"group_size": 32, "bits": 4, "mode": "affine"}, {"mode": "mxfp8"}]
)
def test_layers_of_other_modes_are_mixed_in_by_name(tmp_path: Path, form: dict[str, Any]) -> None:
    """A layer's table without a mode is affine, as in MLX; without sizes it has those of its mode."""
    whole = {"group_size": 32, "bits": 8, **form}
    config, stored, plain = packed_by_mlx("mxfp4", LAYERS["language"], lambda name: whole if "q_proj" in name else None)
    for name in config["quantization"]:
        if "q_proj" in name:
            config["quantization"][name] = form
    found = logits(written(tmp_path / "packed", config, stored))
    wanted = logits(written(tmp_path / "plain", checkpoints.config(), plain))
    assert np.abs(found - wanted).max() <= TOLERANCE


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_packed_layers_compute_in_the_precision_of_the_model(tmp_path: Path, dtype: str) -> None:
    config, stored, _ = packed_by_mlx("mxfp8", LAYERS["all"])
    model = models.load(written(tmp_path, config, stored), compute_dtype=dtype)
    assert str(model(**CASE.inputs()).dtype).endswith(dtype)
    assert str(model.model.embed_tokens(mx.array([1, 2])).dtype).endswith(dtype)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "'awq', AWQ"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "'gptq', GPTQ"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "'bitsandbytes'"),
        ({"_load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "'bitsandbytes'"),
        ({"quant_method": "fp8", "activation_scheme": "dynamic"}, "'fp8', FP8"),
        ({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}, "'compressed-tensors'"),
        ({"quant_algo": "NVFP4"}, "NVIDIA ModelOpt"),
        ({"quant_method": "of tomorrow"}, "'of tomorrow', another scheme"),
    ],
)
def test_another_scheme_is_named_with_what_to_do(table: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError) as error:
        models.read_config(checkpoints.config(quantization_config=table))
    assert named in str(error.value)
    assert "mlx-saccade convert" in str(error.value)


@pytest.mark.parametrize(
    ("ending", "named"),
    [
        ("qweight", "AWQ or GPTQ"),
        ("weight_scale_inv", "FP8"),
        ("absmax", "bitsandbytes"),
        ("weight_packed", "compressed"),
    ],
)
def test_tensors_of_another_scheme_are_named_with_what_to_do(tmp_path: Path, ending: str, named: str) -> None:
    tensors = checkpoints.weights(checkpoints.CONFIG)
    tensors[f"model.layers.0.mlp.up_proj.{ending}"] = np.zeros((2, 2), np.float32)
    with pytest.raises(InputError) as error:
        models.load(checkpoints.write(tmp_path, tensors=tensors))
    assert f"up_proj.{ending} belongs to weights quantized in another scheme, {named}" in str(error.value)
    assert "mlx-saccade convert" in str(error.value)
