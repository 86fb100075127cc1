"""The language model of Qwen2-VL and Qwen2.5-VL: a Qwen2 decoder with rotary positions in time, height and width.

Follows arXiv 2409.12191, section 2.1 (M-RoPE), and `Qwen2_5_VLTextModel` of transformers 5.23.0. Attribute names are
the checkpoint's keys. Symbols in shapes: B batch, L new tokens, D width, H heads, K key heads, d = D / H.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlx_saccade.backend import mx, nn
from mlx_saccade.errors import InputError
from mlx_saccade.models import layers
from mlx_saccade.models.attention import Mask, attend_causally, attention_mask
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.config import ConfigReader, TextConfig
from mlx_saccade.models.rotary_config import mrope_section, read_yarn, rotary_values

__all__ = ["TEXT_KEYS", "LanguageModel", "read_text"]


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
        """[B, L, D] -> the same, or [B, 1, D] of the last token; all keys and values go into the cache."""
        batch = len(x)
        q, k, v = (
            project(states).reshape(batch, states.shape[1], -1, self.head_dim).swapaxes(1, 2)  # [B, H or K, L, d]
            for project, states in ((self.q_proj, x[:, -1:] if last_only else x), (self.k_proj, x), (self.v_proj, x))
        )
        k, v = cache.append(layers.rotate(k, cos, sin), v)  # [B, K, S, d]
        if last_only and x.shape[1] > 1:
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
        attended = self.self_attn(self.input_layernorm(x), cos, sin, cache, mask, last_only)
        x = (x[:, -1:] if last_only else x) + attended
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
        """Return an empty cache for each layer; `padding` as `KVCache`."""
        return [KVCache(padding) for _ in self.layers]

    def __call__(
        self,
        embeddings: mx.array,
        position_ids: mx.array,
        cache: Sequence[KVCache],
        *,
        last_only: bool = False,
        deepstack: mx.array | None = None,
    ) -> mx.array:
        """Return hidden states of the new tokens and append the tokens to the cache.

        Args:
            embeddings: [B, L, D] of tokens, or of images in their place.
            position_ids: integer [3, B, L].
            cache: one for each layer, from `make_cache`, with the tokens before these.
            last_only: compute only the last token's state in the last layer.
            deepstack: None, since the towers of these families have no levels.

        Returns:
            [B, L, D], normalized; [B, 1, D] with `last_only`.
        """
        assert deepstack is None
        config = self.config
        cos, sin = layers.mrope(position_ids, config.head_dim, config.rope_theta, config.mrope_section, config.yarn)
        mask = attention_mask(embeddings.shape[1], cache[0].offset, cache[0].padding)
        x = embeddings
        for layer, layer_cache in zip(self.layers, cache, strict=True):
            x = layer(x, cos, sin, layer_cache, mask, last_only and layer is self.layers[-1])
        hidden: mx.array = self.norm(x)
        return hidden


# The language model's values in config.json: sizes, values of which one is implemented, and keys that are read apart.
_SIZES = (
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "max_position_embeddings"),
)
_IMPLEMENTED: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu",),
    "rope_traditional": (False, None),
    "use_sliding_window": (False, None),
    "attention_bias": (True, None),  # of query, key and value; the reference has no other form
}
_OTHERS = (
    *("rms_norm_eps", "rope_theta", "rope_parameters", "rope_scaling", "head_dim", "layer_types"),
    *("original_max_position_embeddings",),
    *("eos_token_id", "tie_word_embeddings"),
)
TEXT_KEYS = frozenset({*_SIZES, *_IMPLEMENTED, *_OTHERS})


def read_text(reader: ConfigReader, raw: Mapping[str, Any]) -> TextConfig:
    """Read the language model's values, whose keys are checked already.

    Raises:
        InputError: a value that is malformed or not implemented.
    """
    for key, values in _IMPLEMENTED.items():
        reader.check_value(raw, key, values)
    types = raw.get("layer_types")
    if types is not None and (not isinstance(types, list) or any(layer != "full_attention" for layer in types)):
        raise reader.error("layer_types", "'full_attention' for each layer", types, "Nothing else is implemented")
    if "num_key_value_heads" in raw and raw["num_key_value_heads"] is None:
        raw = {**raw, "num_key_value_heads": raw.get("num_attention_heads", TextConfig.num_attention_heads)}
    rope = rotary_values(reader, raw)
    sizes: dict[str, Any] = dict(reader.sizes(raw, TextConfig, _SIZES))
    reader.check_heads(sizes["hidden_size"], sizes["num_attention_heads"], "num_attention_heads")
    config = TextConfig(
        **sizes,
        head_dim=sizes["hidden_size"] // sizes["num_attention_heads"],
        rms_norm_eps=reader.number(raw, "rms_norm_eps", TextConfig.rms_norm_eps),
        rope_theta=reader.number(rope if "rope_theta" in rope else raw, "rope_theta", TextConfig.rope_theta),
        mrope_section=mrope_section(reader, rope.get("mrope_section", list(TextConfig.mrope_section))),
    )
    if rope.get("rope_type") == "yarn":
        config = replace(config, yarn=read_yarn(reader, raw, rope, config))
    _check_heads(reader, raw, config)
    return config


def _check_heads(reader: ConfigReader, raw: Mapping[str, Any], config: TextConfig) -> None:
    """Refuse heads that do not fit the width, the key heads or the rotary sections."""
    reader.check_value(raw, "head_dim", (config.head_dim, None))
    if config.num_attention_heads % config.num_key_value_heads:
        raise InputError(
            f"{reader.source}: num_key_value_heads: {config.num_attention_heads} heads cannot share "
            f"{config.num_key_value_heads} key heads"
        )
    if 2 * sum(config.mrope_section) != config.head_dim:
        raise InputError(
            f"{reader.source}: mrope_section: expected a sum of {config.head_dim // 2} for heads of "
            f"{config.head_dim} values; got {list(config.mrope_section)}"
        )
