"""Quantized weights: what config.json says of them in mlx-community's form, and layers that keep them packed.

The packing is MLX's `affine` mode (`mlx.core.quantize`): a group of values in a row is whole numbers q with
w = scale * q + bias. The bits of q follow one another in 32-bit words, the lowest first. Scales and biases are in the
precision that the model computes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlx_saccade.backend import device, mx, nn
from mlx_saccade.errors import InputError

__all__ = [
    "BITS",
    "GROUPS",
    "ROWS_TO_UNPACK",
    "QuantSpec",
    "Quantization",
    "QuantizedEmbedding",
    "QuantizedLinear",
    "install",
    "read",
    "unpacked_bytes",
]

BITS = (2, 3, 4, 5, 6, 8)
GROUPS = (32, 64, 128)
"""Bits and group sizes of MLX's kernels."""

ROWS_TO_UNPACK = 8
"""Rows from which the CPU unpacks the weights and multiplies by BLAS: MLX's quantized product takes row after row."""

_MODE = "affine"


# The reading of config.json.


@dataclass(frozen=True)
class QuantSpec:
    """The packing of a layer's weights: `bits` for each, with a scale and a bias for `group_size` values of a row."""

    bits: int
    group_size: int


@dataclass(frozen=True)
class Quantization:
    """The quantization of a checkpoint.

    Attributes:
        default: packing of every layer with scales that `layers` does not name.
        layers: packing by the layer's published name; None for a layer that has to be float.
    """

    default: QuantSpec
    layers: Mapping[str, QuantSpec | None] = field(default_factory=dict)

    def spec(self, layer: str) -> QuantSpec | None:
        """Return the packing of a layer by name; None for a float layer."""
        return self.layers.get(layer, self.default)


def read(raw: Mapping[str, Any], source: str, rename: Callable[[str], str]) -> Quantization | None:
    """Read the quantization of a config; None for float weights.

    Args:
        raw: the parsed config.json.
        source: name of the file in messages.
        rename: makes a layer's published name from its name in any layout of keys.

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
        raise InputError(f"{source}: {key}: expected an object with bits and group_size; got {table!r}")
    if "quant_method" in table:
        raise InputError(
            f"{source}: {key}: quant_method {table['quant_method']!r} is not implemented. Give a float checkpoint or "
            "an MLX conversion (quantization with bits and group_size)"
        )
    layers: dict[str, QuantSpec | None] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            layers[rename(name)] = _read_spec(value, source, f"{key}'s {name}")
        elif value is False:
            layers[rename(name)] = None
        elif name not in ("bits", "group_size", "mode"):
            raise InputError(f"{source}: {key}: expected an object or false for {name!r}; got {value!r}")
    return Quantization(_read_spec(table, source, key, has_layers=True), layers)


def _read_spec(table: Mapping[str, Any], source: str, where: str, *, has_layers: bool = False) -> QuantSpec:
    mode = table.get("mode", _MODE)
    if mode != _MODE:
        raise InputError(f"{source}: {where}: expected mode {_MODE!r}; got mode {mode!r}. No other is implemented")
    for key, known in (("bits", BITS), ("group_size", GROUPS)):
        if type(table.get(key)) is not int or table[key] not in known:
            choices = ", ".join(map(str, known))
            raise InputError(f"{source}: {where}: expected {key} to be one of {choices}; got {key} {table.get(key)!r}")
    unknown = sorted(set(table) - {"bits", "group_size", "mode"}) if not has_layers else []
    if unknown:
        raise InputError(f"{source}: {where}: unknown key {unknown[0]!r} with the value {table[unknown[0]]!r}")
    return QuantSpec(table["bits"], table["group_size"])


# The layers.


class _Packed(nn.Module):
    """The packed weights [rows, columns] of one layer."""

    def __init__(self, rows: int, columns: int, spec: QuantSpec) -> None:
        super().__init__()
        self.spec = spec
        self.weight = mx.zeros((rows, columns * spec.bits // 32), dtype=mx.uint32)
        self.scales = mx.zeros((rows, columns // spec.group_size))
        self.biases = mx.zeros((rows, columns // spec.group_size))

    def unpack(self, rows: mx.array | None = None) -> mx.array:
        """Return the weights as floats, all or the given rows."""
        weight, scales, biases = (
            part if rows is None else part[rows] for part in (self.weight, self.scales, self.biases)
        )
        return mx.dequantize(weight, scales, biases, group_size=self.spec.group_size, bits=self.spec.bits)

    def multiply(self, x: mx.array) -> mx.array:
        """[..., columns] -> [..., rows]."""
        if device() == "cpu" and x.size // x.shape[-1] >= ROWS_TO_UNPACK:
            y = x @ self.unpack().T
            mx.eval(y)  # or the floats of many layers would be alive at once
            return y
        parts = (self.weight, self.scales, self.biases)
        return mx.quantized_matmul(x, *parts, transpose=True, group_size=self.spec.group_size, bits=self.spec.bits)


class QuantizedLinear(_Packed):
    """A linear layer with packed weights, in place of `nn.Linear`."""

    def __init__(self, rows: int, columns: int, spec: QuantSpec, *, bias: bool) -> None:
        super().__init__(rows, columns, spec)
        if bias:
            self.bias = mx.zeros((rows,))

    def __call__(self, x: mx.array) -> mx.array:
        """[..., columns] -> [..., rows]."""
        y = self.multiply(x)
        return y + self.bias if "bias" in self else y


class QuantizedEmbedding(_Packed):
    """An embedding with packed weights, in place of `nn.Embedding`."""

    def __call__(self, ids: mx.array) -> mx.array:
        """Integers [...] -> [..., columns]."""
        return self.unpack(ids)

    def as_linear(self, x: mx.array) -> mx.array:
        """Apply the tied head: [..., columns] -> [..., rows]."""
        return self.multiply(x)


def unpacked_bytes(*modules: Any) -> int:
    """Return the most bytes of one layer's weights as floats, while `ROWS_TO_UNPACK` or more rows are multiplied."""
    if device() != "cpu":
        return 0
    layers = (layer for module in modules for _, layer in module.named_modules() if isinstance(layer, _Packed))
    return max((layer.scales.nbytes * layer.spec.group_size for layer in layers), default=0)


def install(model: nn.Module, quantization: Quantization | None, tensors: Mapping[str, mx.array], source: str) -> None:
    """Replace every layer whose tensors are packed; layers without scales stay float.

    Args:
        model: a model of float layers.
        quantization: as config.json has it.
        tensors: tensors of the weights files, by published names.
        source: name of the checkpoint in messages.

    Raises:
        InputError: missing scales or biases, or scales without quantization in config.json; a layer that config.json
            names and the model or the files lack. The message names the tensor.
    """
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear | nn.Embedding)}
    specs = quantization.layers if quantization else {}
    absent = sorted(name for name, spec in specs.items() if spec is not None and name not in layers)
    if absent:
        raise InputError(f"{source}: config.json's quantization names {absent[0]}, which the model does not have")
    for name, layer in layers.items():
        spec = _layer_spec(name, layer, quantization, tensors, source)
        if spec is not None:
            _replace(model, name, _empty(layer, spec))


def _layer_spec(
    name: str, layer: nn.Module, quantization: Quantization | None, tensors: Mapping[str, Any], source: str
) -> QuantSpec | None:
    """Return the packing of a layer's tensors, None for floats."""
    weight = tensors.get(f"{name}.weight")
    absent = [part for part in ("scales", "biases") if f"{name}.{part}" not in tensors]
    spec = quantization.spec(name) if quantization else None
    if len(absent) == 2 and (weight is None or weight.dtype != mx.uint32):
        if quantization is not None and quantization.layers.get(name) is not None:
            raise InputError(f"{source}: {name}.scales is missing, but config.json says that the layer is quantized")
        return None
    if absent:
        raise InputError(f"{source}: {name}.{absent[0]} is missing from the weights of a quantized layer")
    if spec is None:
        why = "has no quantization" if quantization is None else "says that the layer is not quantized"
        raise InputError(f"{source}: {name}.scales belongs to quantized weights, but config.json {why}")
    width = layer.weight.shape[1]
    if width % spec.group_size:
        raise InputError(
            f"{source}: {name}.scales: expected groups that divide the layer's width {width}; got {spec.group_size}"
        )
    return spec


def _empty(layer: nn.Module, spec: QuantSpec) -> _Packed:
    rows, columns = layer.weight.shape
    if isinstance(layer, nn.Embedding):
        return QuantizedEmbedding(rows, columns, spec)
    return QuantizedLinear(rows, columns, spec, bias="bias" in layer)


def _replace(model: nn.Module, name: str, layer: nn.Module) -> None:
    *path, last = name.split(".")
    parent: Any = model
    for part in path:
        parent = parent[int(part)] if isinstance(parent, list) else getattr(parent, part)
    if isinstance(parent, list):
        parent[int(last)] = layer
    else:
        setattr(parent, last, layer)
