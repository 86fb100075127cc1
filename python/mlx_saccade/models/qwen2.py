"""The language model of Qwen2.5-VL: a Qwen2 decoder whose rotary positions have three parts, time, height and width.

Follows arXiv 2409.12191, section 2.1 (M-RoPE), and `Qwen2_5_VLTextModel` of transformers 5.23.0. Attribute names are
the checkpoint's keys. Symbols in shapes: B batch, L new tokens, D width, H heads, K key heads, d = D / H.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlx_saccade.backend import mx, nn
from mlx_saccade.models import layers
from mlx_saccade.models.attention import Mask, attend_causally
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.config import TextConfig

__all__ = ["KVCache", "LanguageModel"]


def attention_mask(length: int, offset: int, padding: Sequence[int]) -> Mask:
    """Which keys the new tokens may see, as `mx.fast.scaled_dot_product_attention` takes it.

    Args:
        length: of the new tokens.
        offset: tokens before them.
        padding: of each row, at its start; no key for any token but itself, so that no row of scores is empty.

    Returns:
        Without padding no array: "causal", or None for one token. Else bool [B, 1, length, offset + length].
    """
    if not any(padding):
        return "causal" if length > 1 else None
    keys = mx.arange(offset + length)
    queries = mx.arange(offset, offset + length)[:, None]
    seen = keys >= mx.array(list(padding))[:, None, None, None]
    return (seen & (keys <= queries)) | (keys == queries)


class Attention(nn.Module):
    """Causal attention; each key head serves H / K query heads."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        width, d = config.hidden_size, config.head_dim
        self.head_dim, self.scale = d, d**-0.5
        self.q_proj = nn.Linear(width, config.num_attention_heads * d)
        self.k_proj = nn.Linear(width, config.num_key_value_heads * d)
        self.v_proj = nn.Linear(width, config.num_key_value_heads * d)
        self.o_proj = nn.Linear(config.num_attention_heads * d, width, bias=False)

    def __call__(
        self, x: mx.array, cos: mx.array, sin: mx.array, cache: KVCache, mask: Mask, last_only: bool = False
    ) -> mx.array:
        """[B, L, D] -> the same, or [B, 1, D], of the last token alone; keys and values are kept of all."""
        batch, length, _ = x.shape
        asked = x[:, -1:] if last_only else x
        q, k, v = (
            project(given).reshape(batch, given.shape[1], -1, self.head_dim).swapaxes(1, 2)  # [B, H or K, L, d]
            for project, given in ((self.q_proj, asked), (self.k_proj, x), (self.v_proj, x))
        )
        k, v = cache.append(layers.rotate(k, cos, sin), v)
        if last_only and length > 1:
            cos, sin = cos[:, :, -1:], sin[:, :, -1:]
            mask = mask[:, :, -1:] if isinstance(mask, mx.array) else None
        return self.o_proj(attend_causally(layers.rotate(q, cos, sin), k, v, self.scale, mask))


class MLP(nn.Module):
    """SwiGLU without biases."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def __call__(self, x: mx.array) -> mx.array:
        """[..., D] -> [..., D]."""
        return self.down_proj(layers.swiglu(self.gate_proj(x), self.up_proj(x)))


class DecoderLayer(nn.Module):
    """Attention, then MLP, each on the normalized stream and added to it."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = MLP(config)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def __call__(
        self, x: mx.array, cos: mx.array, sin: mx.array, cache: KVCache, mask: Mask, last_only: bool = False
    ) -> mx.array:
        """As `Attention`."""
        mixed = self.self_attn(self.input_layernorm(x), cos, sin, cache, mask, last_only)
        x = (x[:, -1:] if last_only else x) + mixed
        return x + self.mlp(self.post_attention_layernorm(x))


class LanguageModel(nn.Module):
    """The decoder without its head."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = [DecoderLayer(config) for _ in range(config.num_hidden_layers)]
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def make_cache(self, padding: Sequence[int] = ()) -> list[KVCache]:
        """An empty cache; `padding` as `KVCache`."""
        return [KVCache(padding) for _ in self.layers]

    def __call__(
        self, embeddings: mx.array, position_ids: mx.array, cache: Sequence[KVCache], *, last_only: bool = False
    ) -> mx.array:
        """Hidden states of the new tokens, which are appended to the cache.

        Args:
            embeddings: [B, L, D], of tokens or of images in their place.
            position_ids: integer [3, B, L].
            cache: one a layer, from `make_cache`, holding the tokens before these.
            last_only: the last token's state alone is wanted, so that the last layer computes no other.

        Returns:
            [B, L, D], normalized; [B, 1, D] with `last_only`.
        """
        config = self.config
        cos, sin = layers.mrope(position_ids, config.head_dim, config.rope_theta, config.mrope_section)
        mask = attention_mask(embeddings.shape[1], cache[0].offset, cache[0].padding)
        x = embeddings
        for layer, seen in zip(self.layers, cache, strict=True):
            x = layer(x, cos, sin, seen, mask, last_only and layer is self.layers[-1])
        hidden: mx.array = self.norm(x)
        return hidden
