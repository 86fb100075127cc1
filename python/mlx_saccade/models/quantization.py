"""Layers whose weights stay quantized in memory: groups of a row are whole numbers q with w = scale * q + bias.

The packing is MLX's `affine` mode (`mlx.core.quantize`): the bits of q follow one another in 32-bit words, the lowest
first. Scales and biases are in the precision that the model computes in.
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

# MLX's quantized product on the CPU takes one row after another (3.1 ms each at 2,048 x 2,048, 4 bits, on 2 cores);
# from so many rows on, writing the weights out as floats and multiplying through BLAS (19 ms in all) is faster.
ROWS_TO_UNPACK = 8


class _Packed(nn.Module):
    """The weights of one layer, [rows, columns]."""

    def __init__(self, rows: int, columns: int, form: QuantSpec) -> None:
        super().__init__()
        self.form = form
        self.weight = mx.zeros((rows, columns * form.bits // 32), dtype=mx.uint32)
        self.scales = mx.zeros((rows, columns // form.group_size))
        self.biases = mx.zeros((rows, columns // form.group_size))

    def unpack(self, rows: mx.array | None = None) -> mx.array:
        """The weights as floats: all, or the given rows."""
        weight, scales, biases = (
            part if rows is None else part[rows] for part in (self.weight, self.scales, self.biases)
        )
        return mx.dequantize(weight, scales, biases, group_size=self.form.group_size, bits=self.form.bits)

    def multiply(self, x: mx.array) -> mx.array:
        """[..., columns] -> [..., rows]."""
        if device() == "cpu" and x.size // x.shape[-1] >= ROWS_TO_UNPACK:
            y = x @ self.unpack().T
            mx.eval(y)  # or the floats of many layers would be alive at once
            return y
        parts = (self.weight, self.scales, self.biases)
        return mx.quantized_matmul(x, *parts, transpose=True, group_size=self.form.group_size, bits=self.form.bits)


class QuantizedLinear(_Packed):
    """In place of `nn.Linear`."""

    def __init__(self, rows: int, columns: int, form: QuantSpec, *, bias: bool) -> None:
        super().__init__(rows, columns, form)
        if bias:
            self.bias = mx.zeros((rows,))

    def __call__(self, x: mx.array) -> mx.array:
        """[..., columns] -> [..., rows]."""
        y = self.multiply(x)
        return y + self.bias if "bias" in self else y


class QuantizedEmbedding(_Packed):
    """In place of `nn.Embedding`."""

    def __call__(self, ids: mx.array) -> mx.array:
        """Integers [...] -> [..., columns]."""
        return self.unpack(ids)

    def as_linear(self, x: mx.array) -> mx.array:
        """The tied head: [..., columns] -> [..., rows]."""
        return self.multiply(x)


def unpacked_bytes(*parts: nn.Module) -> int:
    """Most bytes that the weights of one layer take, written out as floats while `ROWS_TO_UNPACK` are multiplied."""
    if device() != "cpu":
        return 0
    layers = (layer for part in parts for _, layer in part.named_modules() if isinstance(layer, _Packed))
    return max((layer.scales.nbytes * layer.form.group_size for layer in layers), default=0)


def install(model: nn.Module, quantization: Quantization | None, tensors: Mapping[str, mx.array], source: str) -> None:
    """Put a quantized layer wherever the tensors hold one; layers without scales stay as they are.

    Args:
        model: with float layers.
        quantization: of config.json.
        tensors: of the weights files, by published names.
        source: what messages call the checkpoint.

    Raises:
        InputError: scales or biases that are missing, that config.json does not account for, or a layer that it names
            and the model or the files lack; the message names the tensor.
    """
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear | nn.Embedding)}
    named = quantization.layers if quantization else {}
    absent = sorted(name for name, form in named.items() if form is not None and name not in layers)
    if absent:
        raise InputError(f"{source}: config.json's quantization names {absent[0]}, which is no layer of the model")
    for name, layer in layers.items():
        form = _form(name, layer, quantization, tensors, source)
        if form is not None:
            _replace(model, name, _packed(layer, form))


def _form(
    name: str, layer: nn.Module, quantization: Quantization | None, tensors: Mapping[str, Any], source: str
) -> QuantSpec | None:
    """How a layer is stored, None for floats."""
    found = [part for part in ("scales", "biases") if f"{name}.{part}" in tensors]
    weight = tensors.get(f"{name}.weight")
    packed = weight is not None and weight.dtype == mx.uint32
    form = quantization.form(name) if quantization else None
    if not found and not packed:
        if quantization is not None and quantization.layers.get(name) is not None:
            raise InputError(f"{source}: {name}.scales is missing, though config.json says that the layer is quantized")
        return None
    for part in ("scales", "biases"):
        if part not in found:
            raise InputError(f"{source}: {name}.{part} is missing from the weights of a quantized layer")
    if form is None:
        why = "has no quantization" if quantization is None else "says that the layer is not quantized"
        raise InputError(f"{source}: {name}.scales is of quantized weights, but config.json {why}")
    width = layer.weight.shape[1]
    if width % form.group_size:
        raise InputError(
            f"{source}: {name}.scales is of weights in groups of {form.group_size}, which do not divide the layer's "
            f"width {width}"
        )
    return form


def _packed(layer: nn.Module, form: QuantSpec) -> _Packed:
    rows, columns = layer.weight.shape
    if isinstance(layer, nn.Embedding):
        return QuantizedEmbedding(rows, columns, form)
    return QuantizedLinear(rows, columns, form, bias="bias" in layer)


def _replace(model: nn.Module, name: str, layer: nn.Module) -> None:
    *path, last = name.split(".")
    parent: Any = model
    for part in path:
        parent = parent[int(part)] if isinstance(parent, list) else getattr(parent, part)
    if isinstance(parent, list):
        parent[int(last)] = layer
    else:
        setattr(parent, last, layer)


# What config.json says of quantized weights, in mlx-community's form.
BITS = (2, 3, 4, 5, 6, 8)
GROUPS = (32, 64, 128)
"""What MLX's kernels take."""

_MODE = "affine"


@dataclass(frozen=True)
class QuantSpec:
    """How a layer's weights are kept: `bits` bits each, with a scale and a bias for every `group_size` of a row."""

    bits: int
    group_size: int


@dataclass(frozen=True)
class Quantization:
    """Of a checkpoint.

    Attributes:
        default: of every layer that has scales and is not named.
        layers: by name, in the published layout of keys; None for one that has to be float.
    """

    default: QuantSpec
    layers: Mapping[str, QuantSpec | None] = field(default_factory=dict)

    def form(self, layer: str) -> QuantSpec | None:
        """Of one layer by name."""
        return self.layers.get(layer, self.default)


def read(raw: Mapping[str, Any], source: str, rename: Callable[[str], str]) -> Quantization | None:
    """The quantization of a config; None where the weights are float.

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
    layers: dict[str, QuantSpec | None] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            layers[rename(name)] = _read_form(value, source, f"{key}'s {name}")
        elif value is False:
            layers[rename(name)] = None
        elif name not in ("bits", "group_size", "mode"):
            raise InputError(f"{source}: {key} has {name!r}, which is {value!r}; a layer's is an object or false")
    return Quantization(_read_form(table, source, key, layers=True), layers)


def _read_form(table: Mapping[str, Any], source: str, where: str, *, layers: bool = False) -> QuantSpec:
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
    return QuantSpec(table["bits"], table["group_size"])
