"""Quantized checkpoints: every form loads, a tower left float is untouched, and logits are those of the floats.

That those floats give the reference's logits is in tests/models/test_golden_sets.py; tests/models/test_quantization.py
holds the forms that are rarer, and what is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest
import quantized

from mlx_saccade import models
from mlx_saccade.errors import InputError
from mlx_saccade.models.quantization import QuantizedLinear

IDS = [[5, 1002, *[1004] * 15, 1003, 7]]
GRID = [[1, 10, 6]]
PIXELS = np.random.RandomState(0).randint(0, 256, (60, 588)).astype(np.uint8)
FORMS = [(bits, group) for bits in (4, 6, 8) for group in (32, 64)]

# One layer each of another form than the rest, as `layer: {bits, group_size}` in config.json.
ODD = {
    "model.layers.1.self_attn.q_proj": (3, 64),
    "model.layers.2.mlp.gate_proj": (8, 128),
    "visual.blocks.2.attn.qkv": (5, 32),
    "model.layers.0.self_attn.o_proj": None,
}


def per_layer(bits: int, group: int) -> Callable[[str], Any]:
    return lambda name: ODD.get(name, None if name.startswith("visual.") else (bits, group))


def mixed(bits: int, group: int) -> Callable[[str], Any]:
    """More bits for the head, the embedding and every value projection."""
    high = ("lm_head", "model.embed_tokens")
    return lambda name: (
        (8, group) if name in high or name.endswith("v_proj") else quantized.language_layers(bits, group)(name)
    )


RULES = {"language": quantized.language_layers, "all": quantized.all_layers, "per layer": per_layer, "mixed": mixed}


@pytest.fixture(scope="module")
def plain_features(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    model = models.load(checkpoints.write(tmp_path_factory.mktemp("float")))
    return np.asarray(model.image_features(PIXELS, GRID))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("bits", "group"), FORMS)
def test_a_quantized_model_is_the_model_of_its_floats(
    tmp_path: Path, plain_features: np.ndarray, rule: str, bits: int, group: int
) -> None:
    chosen = RULES[rule](bits, group)
    weights = checkpoints.weights(checkpoints.CONFIG)
    config, stored, plain = quantized.checkpoint(checkpoints.config(), weights, chosen, default=(bits, group))
    packed = models.load(checkpoints.write(tmp_path / "packed", config, stored))
    for name, layer in packed.named_modules():
        if f"{name}.weight" not in weights or weights[f"{name}.weight"].ndim != 2:
            continue
        form = chosen(name)
        divisible = form is not None and weights[f"{name}.weight"].shape[1] % form[1] == 0
        assert (getattr(layer, "spec", None) is not None) == divisible, name
        if divisible:
            assert (layer.spec.bits, layer.spec.group_size) == form
    assert not isinstance(packed.visual.blocks[0].mlp.down_proj, QuantizedLinear)  # 172 wide, as 3,420 is
    if rule in ("language", "mixed"):
        assert (np.asarray(packed.image_features(PIXELS, GRID)) == plain_features).all()
    exact = models.load(checkpoints.write(tmp_path / "plain", checkpoints.config(), plain))
    found, wanted = (np.asarray(model(IDS, PIXELS, GRID)) for model in (packed, exact))
    assert np.abs(found - wanted).max() <= 2e-3
    assert (found.argmax(-1) == wanted.argmax(-1)).all()


@pytest.mark.parametrize("part", ["scales", "biases"])
@pytest.mark.parametrize(
    "layer", ["language_model.lm_head", "vision_tower.merger.mlp.0", "language_model.model.embed_tokens"]
)
def test_missing_scales_and_biases_are_named_when_loading(tmp_path: Path, layer: str, part: str) -> None:
    config, stored, _ = quantized.checkpoint(
        checkpoints.config(), checkpoints.weights(checkpoints.CONFIG), quantized.all_layers(4, 64), default=(4, 64)
    )
    del stored[f"{layer}.{part}"]
    with pytest.raises(InputError, match=rf"{layer.split('.', 1)[1].removeprefix('model.')}\.{part} is missing"):
        models.load(checkpoints.write(tmp_path, config, stored))


def test_all_layouts_of_keys_load_identically(tmp_path: Path) -> None:
    def later(name: str) -> str:
        if name.startswith("visual."):
            return f"model.{name}"
        return name.replace("model.", "model.language_model.", 1) if name.startswith("model.") else name

    found = []
    for number, names in enumerate((str, later, quantized.mlx_name)):
        config, stored, _ = quantized.checkpoint(
            checkpoints.config(), checkpoints.weights(checkpoints.CONFIG), quantized.mixed_rule, names=names
        )
        model = models.load(checkpoints.write(tmp_path / str(number), config, stored))
        found.append(np.asarray(model(IDS, PIXELS, GRID)))
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()
