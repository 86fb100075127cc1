"""Quantize checkpoints as mlx-community does, with NumPy: packed weights, and the floats that they represent.

A group of weights w is stored as whole numbers q of `bits` bits, w = scale * q + bias. The bits follow one another, the
lowest first, in 32-bit words. Scales and biases are float16, so that their float32 product is exact for every reader
that multiplies in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

QuantSpec = tuple[int, int]
"""(bits, group size)."""

# Every number of bits and group size, one tower layer, the embedding and the head. Other layers have 4 bits in groups
# of 32 if their width allows it.
MIXED: dict[str, QuantSpec | None] = {
    "model.layers.0.mlp.gate_proj": (8, 64),
    "model.layers.0.self_attn.o_proj": None,
    "model.layers.1.self_attn.v_proj": (6, 128),
    "model.layers.1.self_attn.q_proj": (3, 32),
    "model.layers.2.self_attn.k_proj": (5, 64),
    "lm_head": (6, 64),
    "visual.blocks.1.attn.qkv": (8, 32),
    "visual.merger.mlp.2": (8, 128),
}


def mixed_rule(name: str) -> QuantSpec | None:
    """Return the form of a layer by MIXED."""
    return MIXED.get(name, None if name.startswith("visual.") else (4, 32))


def all_layers(bits: int, group: int) -> Callable[[str], QuantSpec | None]:
    """Return a rule with one form for tower and language model."""
    return lambda name: (bits, group)


def language_layers(bits: int, group: int) -> Callable[[str], QuantSpec | None]:
    """Return a rule with one form for the language model and none for the tower."""
    return lambda name: None if name.startswith("visual.") else (bits, group)


def pack(values: np.ndarray, bits: int) -> np.ndarray:
    """Pack whole numbers [rows, columns] into uint32 [rows, columns * bits / 32]."""
    stream = (values[..., None].astype(np.uint32) >> np.arange(bits, dtype=np.uint32)) & 1
    octets = np.packbits(stream.reshape(len(values), -1).astype(np.uint8), axis=1, bitorder="little")
    return octets.view("<u4")


def quantize(weight: np.ndarray, bits: int, group: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Quantize float [..., rows, columns] to {"weight", "scales", "biases"}; return them and their float32 weights."""
    if weight.ndim == 3:  # one matrix for each expert
        packed, plain = quantize(weight.reshape(-1, weight.shape[-1]), bits, group)
        return {key: part.reshape(*weight.shape[:2], -1) for key, part in packed.items()}, plain.reshape(weight.shape)
    groups = weight.reshape(len(weight), -1, group)
    low, high = groups.min(-1), groups.max(-1)
    scales = ((high - low) / (2**bits - 1)).astype(np.float16)
    biases = low.astype(np.float16)
    wide, base = scales.astype(np.float32)[..., None], biases.astype(np.float32)[..., None]
    whole = np.clip(np.rint((groups - base) / wide), 0, 2**bits - 1).astype(np.uint32)
    plain = (whole.astype(np.float32) * wide + base).reshape(weight.shape)
    packed = {"weight": pack(whole.reshape(weight.shape), bits), "scales": scales, "biases": biases}
    return packed, plain


def mlx_name(name: str) -> str:
    """Return the name of a tensor or a layer in mlx-community's layout."""
    if name.startswith("visual."):
        return "vision_tower." + name.removeprefix("visual.")
    return "language_model." + name


def checkpoint(
    raw: dict[str, Any],
    tensors: dict[str, np.ndarray],
    rule: Callable[[str], QuantSpec | None],
    *,
    default: QuantSpec = (4, 32),
    names: Callable[[str], str] = mlx_name,
) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Quantize a checkpoint of published keys.

    Args:
        raw: its config.
        tensors: its float32 tensors.
        rule: returns the form of a layer. None leaves it float, as does a width that the group does not divide.
        default: the form that the config has for all layers; it lists the others one by one.
        names: how the file names tensors and layers.

    Returns:
        The config, the tensors of the quantized file, and their float32 values by published keys.
    """
    table: dict[str, Any] = {"group_size": default[1], "bits": default[0]}
    stored: dict[str, np.ndarray] = {}
    plain = dict(tensors)
    for key, value in tensors.items():
        layer = key.removesuffix(".weight")
        form = rule(layer) if value.ndim in (2, 3) and key.endswith(".weight") else None
        if form is None or value.shape[-1] % form[1]:
            convolution = value.ndim == 5 and names(key).startswith("vision_tower.")
            stored[names(key)] = value.transpose(0, 2, 3, 4, 1).copy() if convolution else value
            continue
        packed, plain[key] = quantize(value, *form)
        stored |= {names(f"{layer}.{part}"): array for part, array in packed.items()}
        if form != default:
            table[names(layer)] = {"group_size": form[1], "bits": form[0]}
    return {**raw, "quantization": table, "quantization_config": table}, stored, plain
