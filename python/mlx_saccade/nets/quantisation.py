"""What config.json says of quantised weights, in mlx-community's form.

`quantization` holds `bits`, `group_size` and perhaps `mode` for all layers, and under a layer's name an object with its
own, or false for a layer that is left float. `quantization_config` repeats it; files of other schemes (GPTQ, AWQ, FP8)
have that alone, with a `quant_method`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlx_saccade.errors import InputError

__all__ = ["BITS", "GROUPS", "Form", "Quantisation", "read"]

BITS = (2, 3, 4, 5, 6, 8)
GROUPS = (32, 64, 128)
"""What MLX's kernels take."""

_MODE = "affine"


@dataclass(frozen=True)
class Form:
    """How a layer's weights are kept: `bits` bits each, with a scale and a bias for every `group_size` of a row."""

    bits: int
    group_size: int


@dataclass(frozen=True)
class Quantisation:
    """Of a checkpoint.

    Attributes:
        default: of every layer that has scales and is not named.
        layers: by name, in the published layout of keys; None for one that has to be float.
    """

    default: Form
    layers: Mapping[str, Form | None] = field(default_factory=dict)

    def form(self, layer: str) -> Form | None:
        """Of one layer by name."""
        return self.layers.get(layer, self.default)


def read(raw: Mapping[str, Any], source: str, rename: Callable[[str], str]) -> Quantisation | None:
    """The quantisation of a config; None where the weights are float.

    Args:
        raw: the parsed config.json.
        source: what messages call the file.
        rename: a layer's name in any layout of keys to the published one.

    Raises:
        InputError: another scheme, mode, number of bits or group size, or a malformed object.
    """
    table, key = raw.get("quantization"), "quantization"
    other = raw.get("quantization_config")
    if not table and other:
        table, key = other, "quantization_config"
    if not table:
        return None
    if not isinstance(table, Mapping):
        raise InputError(f"{source}: {key} is {table!r}; write an object with bits and group_size")
    if "quant_method" in table:
        raise InputError(
            f"{source}: {key} has quant_method {table['quant_method']!r}, which is not read; give a float checkpoint "
            "or an MLX conversion (quantization with bits and group_size)"
        )
    layers: dict[str, Form | None] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            layers[rename(name)] = _form(value, source, f"{key}'s {name}")
        elif value is False:
            layers[rename(name)] = None
        elif name not in ("bits", "group_size", "mode"):
            raise InputError(f"{source}: {key} has {name!r}, which is {value!r}; a layer's is an object or false")
    return Quantisation(_form(table, source, key, layers=True), layers)


def _form(table: Mapping[str, Any], source: str, where: str, *, layers: bool = False) -> Form:
    mode = table.get("mode", _MODE)
    if mode != _MODE:
        raise InputError(f"{source}: {where} has mode {mode!r}, which is not implemented; it has to be {_MODE!r}")
    for key, known in (("bits", BITS), ("group_size", GROUPS)):
        if type(table.get(key)) is not int or table[key] not in known:
            named = ", ".join(map(str, known))
            raise InputError(f"{source}: {where} has {key} {table.get(key)!r}; it has to be one of {named}")
    unknown = sorted(set(table) - {"bits", "group_size", "mode"}) if not layers else []
    if unknown:
        raise InputError(f"{source}: {where} has the unknown key {unknown[0]!r}, which is {table[unknown[0]]!r}")
    return Form(table["bits"], table["group_size"])
