"""Decoding on the CPU: one token a row through the decoder, by NumPy and BLAS in MLX's own memory.

MLX's CPU backend hands some 40 operations a layer to another thread one by one, and has a product with one row made by
a BLAS routine for matrices, which copies every weight before it multiplies: 20 us instead of 4 at 192 x 192, 5.0 ms
instead of 1.8 at 11,008 x 2,048. Here a layer is some 40 calls of a microsecond, whose products read each weight once.

The plain form is `Model.decode`; the tests compare them. Symbols in shapes as in `language`, and B rows, S tokens seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlx_saccade.backend import mx, nn
from mlx_saccade.models import cpu_ops
from mlx_saccade.models import layers as rotary
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.cpu_ops import Again, Floats
from mlx_saccade.models.qwen2 import DecoderLayer, LanguageModel

__all__ = ["CpuDecoder", "applies"]


def applies(model: LanguageModel, head: nn.Module) -> bool:
    """Whether a decoder and its head are computed here: on the CPU, of float32 weights that are not quantized."""
    layers = [module for _, module in model.named_modules() if isinstance(module, nn.Linear)]
    expected = 7 * len(model.layers)
    plain = len(layers) == expected and all(type(module) in (nn.Linear, nn.Embedding) for module in (*layers, head))
    return plain and cpu_ops.applies(head.weight, model.embed_tokens.weight, *(layer.weight for layer in layers))


class CpuDecoder:
    """Reads one more token of each of B rows, again and again."""

    def __init__(self, model: LanguageModel, head: nn.Module, rows: int) -> None:
        """Take a decoder and its head, to which `applies`; weights put in their place later do not count."""
        config = model.config
        self.heads, self.key_heads, self.width = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        self.eps = np.float32(config.rms_norm_eps)
        self.rates = cpu_ops.view(rotary.frequencies(config.head_dim, config.rope_theta))
        self.table, self.last = cpu_ops.view(model.embed_tokens.weight), cpu_ops.view(model.norm.weight)
        self.x, self.normed, self.squares = np.empty((3, rows, config.hidden_size), np.float32)
        self.q = np.empty((rows, config.num_attention_heads * config.head_dim), np.float32)
        self.mixed = np.empty_like(self.q)
        self.k, self.v = np.empty((2, rows, config.num_key_value_heads * config.head_dim), np.float32)
        self.gate, self.up = np.empty((2, rows, config.intermediate_size), np.float32)
        self.layers = [_Layer(layer, self) for layer in model.layers]
        self.logits = np.empty((rows, len(head.weight)), np.float32)
        self.head = _product(head, self.normed, self.logits)

    def __call__(self, tokens: Sequence[int], places: Sequence[int], cache: Sequence[KVCache]) -> list[mx.array]:
        """Read the tokens.

        Args:
            tokens: one a row.
            places: their positions, the same in time, height and width.
            cache: one a layer, of these rows; grows by the tokens.

        Returns:
            float32 logits [vocabulary] of what follows, one a row.
        """
        self.x[:] = self.table[list(tokens)]
        angles = np.array(places, np.float32)[:, None, None] * self.rates  # [B, 1, d/2]
        cos, sin = np.cos(angles), np.sin(angles)
        for layer, seen in zip(self.layers, cache, strict=True):
            layer(self, cos, sin, seen)
        self.norm(self.last)
        self.head(0.0)
        return [mx.array(row) for row in self.logits]

    def norm(self, weight: Floats) -> None:
        """The stream, normalized: `normed`."""
        np.multiply(self.x, self.x, out=self.squares)
        means = np.add.reduce(self.squares, axis=-1, keepdims=True)
        means /= np.float32(self.x.shape[-1])
        means += self.eps
        np.divide(self.x, np.sqrt(means, out=means), out=self.normed)
        self.normed *= weight

    def attend(self, keys: Floats, values: Floats, padding: Sequence[int]) -> None:
        """From `q` to `mixed`: attention of each row's token to keys and values [B, K, S, d] behind its padding."""
        rows, _, total, _ = keys.shape
        scores = np.empty((self.heads, total), np.float32)
        for row in range(rows):
            first = padding[row] if padding else 0
            held = scores[:, first:]
            q, out = (array[row].reshape(self.heads, self.width) for array in (self.q, self.mixed))
            cpu_ops.by_keys(q, keys[row, :, first:], held, self.width**-0.5)
            held -= np.maximum.reduce(held, axis=-1, keepdims=True)
            np.exp(held, out=held)
            cpu_ops.by_values(held, values[row, :, first:], out)
            out /= np.add.reduce(held, axis=-1, keepdims=True)


class _Layer:
    """One layer's weights, and its products from one buffer of the steps to another."""

    def __init__(self, layer: DecoderLayer, steps: CpuDecoder) -> None:
        mixing, mlp = layer.self_attn, layer.mlp
        self.before, self.between = (
            cpu_ops.view(norm.weight) for norm in (layer.input_layernorm, layer.post_attention_layernorm)
        )
        self.asks = [
            _Affine(module, steps.normed, out)
            for module, out in ((mixing.q_proj, steps.q), (mixing.k_proj, steps.k), (mixing.v_proj, steps.v))
        ]
        self.mix = _product(mixing.o_proj, steps.mixed, steps.x)
        self.gate, self.up = (
            _product(module, steps.normed, out)
            for module, out in ((mlp.gate_proj, steps.gate), (mlp.up_proj, steps.up))
        )
        self.down = _product(mlp.down_proj, steps.gate, steps.x)
        self._buffers: list[mx.array] = []
        self._views: list[Floats] = []

    def __call__(self, steps: CpuDecoder, cos: Floats, sin: Floats, cache: KVCache) -> None:
        rows, width = len(steps.x), steps.width
        steps.norm(self.before)
        for ask in self.asks:
            ask()
        cpu_ops.rotate_in_place(steps.q.reshape(rows, -1, width), cos, sin)
        cpu_ops.rotate_in_place(steps.k.reshape(rows, -1, width), cos, sin)
        keys, values = self._room(cache)
        place = cache.offset - 1
        keys[:, :, place] = steps.k.reshape(rows, -1, width)
        values[:, :, place] = steps.v.reshape(rows, -1, width)
        steps.attend(keys[:, :, : cache.offset], values[:, :, : cache.offset], cache.padding)
        self.mix(1.0)
        steps.norm(self.between)
        self.gate(0.0)
        self.up(0.0)
        cpu_ops.swiglu_in_place(steps.gate, steps.up)
        self.down(1.0)

    def _room(self, cache: KVCache) -> list[Floats]:
        """The memory of a cache's keys and values [B, K, capacity, d], with room for one more token, which counts."""
        buffers = cache.extend(1)
        if not self._buffers or any(one is not other for one, other in zip(buffers, self._buffers, strict=True)):
            self._buffers, self._views = buffers, [cpu_ops.view(buffer) for buffer in buffers]
        return self._views


class _Affine:
    """A product with a bias."""

    def __init__(self, module: Any, x: Floats, out: Floats) -> None:
        self.out, self.product = out, _product(module, x, out)
        self.bias: Floats | None = cpu_ops.view(module.bias) if "bias" in module else None

    def __call__(self) -> None:
        if self.bias is None:
            self.product(0.0)
        else:
            self.out[:] = self.bias
            self.product(1.0)


def _product(module: Any, x: Floats, out: Floats) -> Again:
    # Copied only where somebody has put a turned array in place of what was loaded.
    return cpu_ops.again(x, np.ascontiguousarray(cpu_ops.view(module.weight)), out)
