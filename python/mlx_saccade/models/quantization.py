"""Quantized weights: what config.json says of them in mlx-community's form, and layers that keep them packed.

The packing is one of MLX's modes (`mlx.core.quantize`). In `affine` a group of values in a row is whole numbers q with
w = scale * q + bias; scales and biases are in the precision that the model computes in. In `mxfp4`, `nvfp4` and `mxfp8`
(OCP Microscaling Formats 1.0, and NVIDIA's form) q is a small float and w = scale * q; scales are bytes. The bits of q
follow one another in 32-bit words, the lowest first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlx_saccade.backend import device, mx, nn
from mlx_saccade.errors import InputError
from mlx_saccade.models.expert_linear import ExpertLinear

__all__ = [
    "BITS",
    "GROUPS",
    "PACKABLE",
    "ROWS_TO_UNPACK",
    "QuantSpec",
    "Quantization",
    "QuantizedEmbedding",
    "QuantizedExpertLinear",
    "QuantizedLinear",
    "install",
    "packed_layers",
    "read",
    "set_dtype",
    "unpacked_bytes",
]

BITS = (2, 3, 4, 5, 6, 8)
GROUPS = (32, 64, 128)
"""Bits and group sizes of MLX's kernels."""

ROWS_TO_UNPACK = 8
"""Rows from which the CPU unpacks the weights and multiplies by BLAS: MLX's quantized product takes row after row."""

PACKABLE = (nn.Linear, nn.Embedding, ExpertLinear)
"""The classes of layers whose weights may be packed."""

_AFFINE = "affine"
_FLOAT_MODES = {"mxfp4": (4, 32), "nvfp4": (4, 16), "mxfp8": (8, 32)}
"""(bits, group size) of the modes of small floats, each of which has one form only."""
_TABLE_KEYS = ("bits", "group_size", "mode")
# Other schemes by `quant_method`, as their users call them.
_SCHEMES = {
    **{"awq": "AWQ", "gptq": "GPTQ", "bitsandbytes": "bitsandbytes", "fp8": "FP8", "fbgemm_fp8": "FP8", "hqq": "HQQ"},
    **{"compressed-tensors": "compressed-tensors", "modelopt": "NVIDIA ModelOpt", "quanto": "Quanto", "aqlm": "AQLM"},
    **{"auto-round": "AutoRound", "torchao": "torchao", "eetq": "EETQ", "mxfp4": "OpenAI's MXFP4"},
}


# The reading of config.json.


@dataclass(frozen=True)
class QuantSpec:
    """The packing of a layer's weights: `bits` for each, with a scale (and a bias) for `group_size` values of a row."""

    bits: int
    group_size: int
    mode: str = _AFFINE

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the tensors beside the weight."""
        return ("scales", "biases") if self.mode == _AFFINE else ("scales",)


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
    _refuse_schemes(table, source, key)
    default, layers = _read_spec(table, source, key), dict[str, QuantSpec | None]()
    for name, value in table.items():
        if isinstance(value, Mapping):
            unknown = sorted(set(value) - set(_TABLE_KEYS), key=str)
            if unknown:
                raise InputError(f"{source}: {key}'s {name}: unknown key {unknown[0]!r}; got {value[unknown[0]]!r}")
            layers[rename(name)] = _read_spec(value, source, f"{key}'s {name}")
        elif isinstance(value, bool):
            layers[rename(name)] = default if value else None
        elif name not in _TABLE_KEYS and value is not None and not name.startswith("_"):
            raise InputError(f"{source}: {key}: expected an object or a truth value for {name!r}; got {value!r}")
    return Quantization(default, layers)


def _refuse_schemes(table: Mapping[str, Any], source: str, key: str) -> None:
    """Refuse a table of another scheme, by its name."""
    method = table.get("quant_method")
    if method is None and any(name.lstrip("_").startswith("load_in_") and value for name, value in table.items()):
        method = "bitsandbytes"
    if method is None and "quant_algo" in table:
        method = "modelopt"
    if method is not None:
        name = _SCHEMES.get(str(method), "another scheme")
        raise InputError(
            f"{source}: {key}: expected MLX's quantization (bits, group_size); got quant_method {method!r}, {name}. "
            "Convert the float checkpoint that it was made from (mlx-saccade convert), or give an MLX conversion"
        )


def _read_spec(table: Mapping[str, Any], source: str, where: str) -> QuantSpec:
    """Read a table's own packing. A layer's table without a mode is affine, whatever the mode of the others."""
    mode = table.get("mode", _AFFINE)
    if mode != _AFFINE and (not isinstance(mode, str) or mode not in _FLOAT_MODES):
        modes = ", ".join((_AFFINE, *_FLOAT_MODES))
        raise InputError(f"{source}: {where}: expected a mode of {modes}; got mode {mode!r}. Convert the weights again")
    bits, groups = (BITS, GROUPS) if mode == _AFFINE else ((value,) for value in _FLOAT_MODES[mode])
    values = {}
    for key, known in (("bits", bits), ("group_size", groups)):
        value = table.get(key, None if mode == _AFFINE else known[0])
        if type(value) is not int or value not in known:
            choices = f"one of {', '.join(map(str, known))}" if mode == _AFFINE else f"{known[0]} in mode {mode}"
            raise InputError(f"{source}: {where}: expected {key} to be {choices}; got {key} {value!r}")
        values[key] = value
    return QuantSpec(**values, mode=mode)


# The layers.


class _Packed(nn.Module):
    """The packed weights [..., rows, columns] of one layer."""

    def __init__(self, shape: tuple[int, ...], spec: QuantSpec) -> None:
        super().__init__()
        *rows, columns = shape
        self.spec = spec
        self.dtype = mx.float32  # of the computation; `set_dtype` sets it
        self.weight = mx.zeros((*rows, columns * spec.bits // 32), dtype=mx.uint32)
        for part in spec.parts:
            dtype = mx.float32 if spec.mode == _AFFINE else mx.uint8
            setattr(self, part, mx.zeros((*rows, columns // spec.group_size), dtype=dtype))

    @property
    def form(self) -> dict[str, Any]:
        """The packing, as MLX's functions take it."""
        return {"group_size": self.spec.group_size, "bits": self.spec.bits, "mode": self.spec.mode}

    @property
    def unpacked_size(self) -> int:
        """Bytes of one unpacked value; MLX unpacks small floats to bfloat16 first."""
        return self.dtype.size + (0 if self.spec.mode == _AFFINE else mx.bfloat16.size)

    def unpack(self, rows: mx.array | None = None) -> mx.array:
        """Return the weights as floats, all or the given rows."""
        weight, scales, biases = self.weight, self.scales, self.get("biases")
        if rows is not None:
            weight, scales, biases = weight[rows], scales[rows], None if biases is None else biases[rows]
        return mx.dequantize(weight, scales, biases, **self.form).astype(self.dtype)

    def multiply(self, x: mx.array) -> mx.array:
        """[..., columns] -> [..., rows]."""
        if device() == "cpu" and x.size // x.shape[-1] >= ROWS_TO_UNPACK:
            y = x @ self.unpack().T
            mx.eval(y)  # or the floats of many layers would be alive at once
            return y
        return mx.quantized_matmul(x, self.weight, self.scales, self.get("biases"), transpose=True, **self.form)


class QuantizedLinear(_Packed):
    """A linear layer with packed weights, in place of `nn.Linear`."""

    def __init__(self, shape: tuple[int, ...], spec: QuantSpec, *, bias: bool) -> None:
        super().__init__(shape, spec)
        if bias:
            self.bias = mx.zeros(shape[:1])

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


class QuantizedExpertLinear(_Packed):
    """A linear layer of each expert with packed weights, in place of `ExpertLinear`."""

    def __call__(self, x: mx.array, experts: mx.array, *, in_order: bool = False) -> mx.array:
        """Apply an expert to each row, as `ExpertLinear`; the packed weights are never whole as floats."""
        packed = (self.weight, self.scales, self.get("biases"))
        return mx.gather_qmm(x, *packed, rhs_indices=experts, transpose=True, sorted_indices=in_order, **self.form)


def packed_layers(module: Any) -> list[Any]:
    """Return the layers of a module whose weights are packed."""
    return [layer for _, layer in module.named_modules() if isinstance(layer, _Packed)]


def unpacked_bytes(*modules: Any) -> int:
    """Return the most bytes of one layer's weights as floats, while `ROWS_TO_UNPACK` or more rows are multiplied."""
    if device() != "cpu":
        return 0
    layers = (layer for one in modules for layer in packed_layers(one) if not isinstance(layer, QuantizedExpertLinear))
    return max((layer.scales.size * layer.spec.group_size * layer.unpacked_size for layer in layers), default=0)


def set_dtype(model: nn.Module, dtype: mx.Dtype) -> None:
    """Set the precision that the packed layers of a model compute in."""
    for layer in packed_layers(model):
        layer.dtype = dtype


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
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, PACKABLE)}
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
    spec = quantization.spec(name) if quantization else None
    absent = [part for part in _parts(spec) if f"{name}.{part}" not in tensors]
    if len(absent) == len(_parts(spec)) and (weight is None or weight.dtype != mx.uint32):
        if quantization is not None and quantization.layers.get(name) is not None:
            raise InputError(f"{source}: {name}.scales is missing, but config.json says that the layer is quantized")
        return None
    if absent:
        raise InputError(f"{source}: {name}.{absent[0]} is missing from the weights of a quantized layer")
    if spec is None:
        why = "has no quantization" if quantization is None else "says that the layer is not quantized"
        raise InputError(f"{source}: {name}.scales belongs to quantized weights, but config.json {why}")
    width = layer.weight.shape[-1]
    if width % spec.group_size:
        raise InputError(
            f"{source}: {name}.scales: expected groups that divide the layer's width {width}; got {spec.group_size}"
        )
    return spec


def _parts(spec: QuantSpec | None) -> tuple[str, ...]:
    return ("scales", "biases") if spec is None else spec.parts


def _empty(layer: nn.Module, spec: QuantSpec) -> _Packed:
    shape = layer.weight.shape
    if isinstance(layer, nn.Embedding):
        return QuantizedEmbedding(shape, spec)
    if isinstance(layer, ExpertLinear):
        return QuantizedExpertLinear(shape, spec)
    return QuantizedLinear(shape, spec, bias="bias" in layer)


def _replace(model: nn.Module, name: str, layer: nn.Module) -> None:
    *path, last = name.split(".")
    parent: Any = model
    for part in path:
        parent = parent[int(part)] if isinstance(parent, list) else getattr(parent, part)
    if isinstance(parent, list):
        parent[int(last)] = layer
    else:
        setattr(parent, last, layer)
