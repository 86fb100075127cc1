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
    layer = QuantizedLinear(24, 128, QuantSpec(bits, 32), bias=True)
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
        (table(mode="mxfp4"), "mode 'mxfp4'"),
        (table(quant_method="gptq"), "quant_method 'gptq'"),
        (table(**{LAYER: {"bits": 4}}), "up_proj: expected group_size to be one of 32, 64, 128; got group_size None"),
        (
            table(**{LAYER: {"bits": 4, "group_size": 32, "mode": "nvfp4"}}),
            "up_proj: expected mode 'affine'; got mode 'nvfp4'",
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
