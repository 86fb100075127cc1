"""Decoding on the CPU: one token of each row through the decoder, by NumPy and BLAS in MLX's own memory.

MLX's CPU backend hands some 40 operations of a layer to another thread one by one. It computes a product with one row
by a BLAS routine for matrices, which copies every weight before it multiplies. Here a layer is some 40 calls of a
microsecond, and its products read each weight once.

The plain form is `Model.decode`; the tests compare them. Symbols in shapes as in `qwen2`, and S tokens read so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlx_saccade.backend import mx, nn
from mlx_saccade.models import cpu_ops, layers, qwen2, qwen3
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.cpu_ops import Floats, Gemv

__all__ = ["CpuDecoder", "applies"]

# The classes that are computed: of decoders, and of the parts of their layers.
_DECODERS = (qwen2.LanguageModel, qwen3.LanguageModel)
_PARTS: dict[type, tuple[type, type]] = {
    qwen2.DecoderLayer: (qwen2.Attention, qwen2.MLP),
    qwen3.DecoderLayer: (qwen3.Attention, qwen2.MLP),
}
_HEAD_NORMS = ("q_norm", "k_norm")


def applies(model: Any, head: nn.Module) -> bool:
    """Return True for a dense Qwen2 or Qwen3 decoder and its head on the CPU, with float32 weights, not quantized.

    A layer of any other class takes the plain form, a subclass included: it may hold steps that are not known here.
    """
    if type(model) not in _DECODERS or not all(_is_known(layer) for layer in model.layers):
        return False
    linear = [module for _, module in model.named_modules() if isinstance(module, nn.Linear)]
    expected = 7 * len(model.layers)
    plain = len(linear) == expected and all(type(module) in (nn.Linear, nn.Embedding) for module in (*linear, head))
    return plain and cpu_ops.applies(head.weight, model.embed_tokens.weight, *(layer.weight for layer in linear))


def _is_known(layer: Any) -> bool:
    """Return True for a layer whose parts are all of the classes that `_Layer` computes."""
    parts = _PARTS.get(type(layer))
    if parts is None or parts != (type(layer.self_attn), type(layer.mlp)):
        return False
    heads = [layer.self_attn[name] for name in _HEAD_NORMS if name in layer.self_attn]
    norms = [layer.input_layernorm, layer.post_attention_layernorm, *heads]
    return all(type(norm) is nn.RMSNorm for norm in norms)


class CpuDecoder:
    """A decoder that reads one more token of each of B rows, again and again."""

    def __init__(self, model: Any, head: nn.Module, rows: int) -> None:
        """Bind the weights as they are now.

        Args:
            model: a decoder for which `applies` is True.
            head: its head.
            rows: B.
        """
        config = model.config
        self.heads, self.key_heads, self.width = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        self.eps = np.float32(config.rms_norm_eps)
        self.rates = cpu_ops.view(layers.frequencies(config.head_dim, config.rope_theta, config.yarn))
        self.scale = np.float32(config.yarn.attention_factor if config.yarn else 1)
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
            tokens: one for each row.
            places: their positions, the same in time, height and width.
            cache: one for each layer, of these rows; grows by the tokens.

        Returns:
            float32 logits [vocabulary] of the next token, one array for each row.
        """
        self.x[:] = self.table[list(tokens)]
        angles = np.array(places, np.float32)[:, None, None] * self.rates  # [B, 1, d/2]
        cos, sin = np.cos(angles) * self.scale, np.sin(angles) * self.scale
        for layer, layer_cache in zip(self.layers, cache, strict=True):
            layer(self, cos, sin, layer_cache)
        self.norm(self.last)
        self.head(0.0)
        return [mx.array(row) for row in self.logits]

    def norm_heads(self, x: Floats, weight: Floats) -> None:
        """Normalize each head of x [B, H or K, d] in place."""
        means = np.einsum("bhd,bhd->bh", x, x)[:, :, None]
        means /= np.float32(self.width)
        means += self.eps
        x /= np.sqrt(means, out=means)
        x *= weight

    def norm(self, weight: Floats) -> None:
        """Write the normalized stream to `normed`."""
        np.multiply(self.x, self.x, out=self.squares)
        means = np.add.reduce(self.squares, axis=-1, keepdims=True)
        means /= np.float32(self.x.shape[-1])
        means += self.eps
        np.divide(self.x, np.sqrt(means, out=means), out=self.normed)
        self.normed *= weight

    def attend(self, keys: Floats, values: Floats, padding: Sequence[int]) -> None:
        """Write each row's attention to keys and values [B, K, S, d] after its padding: from `q` to `mixed`."""
        rows, _, total, _ = keys.shape
        scores = np.empty((self.heads, total), np.float32)
        for row in range(rows):
            first = padding[row] if padding else 0
            shares = scores[:, first:]  # [H, S - first]
            q, out = (array[row].reshape(self.heads, self.width) for array in (self.q, self.mixed))
            cpu_ops.by_keys(q, keys[row, :, first:], shares, self.width**-0.5)
            shares -= np.maximum.reduce(shares, axis=-1, keepdims=True)
            np.exp(shares, out=shares)
            cpu_ops.by_values(shares, values[row, :, first:], out)
            out /= np.add.reduce(shares, axis=-1, keepdims=True)


class _Layer:
    """One layer's weights, and its products from one of the decoder's buffers to another."""

    def __init__(self, layer: Any, decoder: CpuDecoder) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.before, self.between = (
            cpu_ops.view(norm.weight) for norm in (layer.input_layernorm, layer.post_attention_layernorm)
        )
        self.projections = [
            _Affine(module, decoder.normed, out)
            for module, out in (
                (attention.q_proj, decoder.q),
                (attention.k_proj, decoder.k),
                (attention.v_proj, decoder.v),
            )
        ]
        self.head_norms = [cpu_ops.view(attention[name].weight) for name in _HEAD_NORMS if name in attention]
        self.mix = _product(attention.o_proj, decoder.mixed, decoder.x)
        self.gate, self.up = (
            _product(module, decoder.normed, out)
            for module, out in ((mlp.gate_proj, decoder.gate), (mlp.up_proj, decoder.up))
        )
        self.down = _product(mlp.down_proj, decoder.gate, decoder.x)
        self._buffers: list[mx.array] = []
        self._views: list[Floats] = []

    def __call__(self, decoder: CpuDecoder, cos: Floats, sin: Floats, cache: KVCache) -> None:
        rows, width = len(decoder.x), decoder.width
        decoder.norm(self.before)
        for project in self.projections:
            project()
        heads = [part.reshape(rows, -1, width) for part in (decoder.q, decoder.k)]
        for part, weight in zip(heads, self.head_norms, strict=False):  # Qwen2 has no norms of heads
            decoder.norm_heads(part, weight)
        for part in heads:
            cpu_ops.rotate_in_place(part, cos, sin)
        keys, values = self._extend(cache)
        place = cache.offset - 1
        keys[:, :, place] = decoder.k.reshape(rows, -1, width)
        values[:, :, place] = decoder.v.reshape(rows, -1, width)
        decoder.attend(keys[:, :, : cache.offset], values[:, :, : cache.offset], cache.padding)
        self.mix(1.0)
        decoder.norm(self.between)
        self.gate(0.0)
        self.up(0.0)
        cpu_ops.swiglu_in_place(decoder.gate, decoder.up)
        self.down(1.0)

    def _extend(self, cache: KVCache) -> list[Floats]:
        """Return the memory of a cache's keys and values [B, K, capacity, d], extended by one token."""
        buffers = cache.extend(1)
        if not self._buffers or any(new is not old for new, old in zip(buffers, self._buffers, strict=True)):
            self._buffers, self._views = buffers, [cpu_ops.view(buffer) for buffer in buffers]
        return self._views


class _Affine:
    """A product with a bias, if the layer has one."""

    def __init__(self, module: Any, x: Floats, out: Floats) -> None:
        self.out, self.product = out, _product(module, x, out)
        self.bias: Floats | None = cpu_ops.view(module.bias) if "bias" in module else None

    def __call__(self) -> None:
        if self.bias is None:
            self.product(0.0)
        else:
            self.out[:] = self.bias
            self.product(1.0)


def _product(module: Any, x: Floats, out: Floats) -> Gemv:
    # Copied only where a caller has replaced a weight by a transposed array.
    return cpu_ops.bind_gemv(x, np.ascontiguousarray(cpu_ops.view(module.weight)), out)
