"""Layers of this package with the parameters of mlx-vlm's: nothing is copied where the precision stays.

On the CPU weights become float32 one block at a time, since MLX multiplies halves and packed weights slowly there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from mlx_saccade.backend import mx, nn

__all__ = ["Blocks", "Ready", "in_float32", "share", "unchanged"]

Ready = Callable[[Any], Any]
"""A function of a layer that returns it as the device computes it: `unchanged` or `in_float32`."""


class Blocks(Sequence[nn.Module]):
    """The blocks of a tower, each made when it is its turn, so that one block's float32 weights exist at a time."""

    def __init__(self, blocks: Sequence[nn.Module], make: Callable[[nn.Module], nn.Module]) -> None:
        self._blocks, self._make = blocks, make

    def __len__(self) -> int:
        return len(self._blocks)

    @overload
    def __getitem__(self, number: int) -> nn.Module: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[nn.Module]: ...
    def __getitem__(self, number: int | slice) -> nn.Module | Sequence[nn.Module]:
        if isinstance(number, slice):
            return Blocks(self._blocks[number], self._make)
        return self._make(self._blocks[number])


def share(cls: Any, source: nn.Module, *, ready: Ready, **parts: Any) -> Any:
    """Return a layer of another class with the parameters and layers of `source`.

    Args:
        cls: its class.
        source: a layer whose parts have the names that `cls` expects.
        ready: applied to the layers that `parts` does not replace.
        parts: layers and values in place of the source's.
    """
    layer = cls.__new__(cls)
    dict.update(layer, source)
    vars(layer).update(vars(source))
    for name, part in source.items():
        if isinstance(part, nn.Module) and name not in parts:
            layer[name] = ready(part)
    for name, part in parts.items():
        setattr(layer, name, part)
    return layer


def unchanged(layer: Any) -> Any:
    """Return the layer itself."""
    return layer


def in_float32(layer: Any) -> Any:
    """Return a layer whose weights are float32 and not packed; itself if they are."""
    floats = {name: value for name, value in layer.items() if isinstance(value, mx.array)}
    if type(layer) is nn.QuantizedLinear:
        form = {"group_size": layer.group_size, "bits": layer.bits, "mode": getattr(layer, "mode", "affine")}
        packed = mx.dequantize(layer.weight, layer.scales, layer.get("biases"), **form)
        parts = {"weight": packed.astype(mx.float32)}
        if "bias" in layer:
            parts["bias"] = layer.bias.astype(mx.float32)
        return share(nn.Linear, layer, ready=unchanged, **parts)
    if all(value.dtype == mx.float32 for value in floats.values()) and not layer.children():
        return layer
    if type(layer) in (nn.Linear, nn.RMSNorm, nn.LayerNorm):
        parts = {name: value.astype(mx.float32) for name, value in floats.items()}
        return share(type(layer), layer, ready=unchanged, **parts)
    return _Float32Output(layer)  # an adapter, or a packing of mlx-vlm's own


class _Float32Output(nn.Module):
    """A layer whose result is float32."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layer = layer

    def __call__(self, x: mx.array) -> mx.array:
        """Apply the layer."""
        out: mx.array = self.layer(x).astype(mx.float32)
        return out
