"""The language model of Qwen3-VL: a Qwen3 decoder with rotary positions in time, height and width, and deepstack.

Follows arXiv 2511.21631 and `Qwen3VLTextModel` and `Qwen3VLMoeTextModel` of transformers 5.24.0. Attribute names are
the checkpoint's keys. Symbols in shapes: B batch, L new tokens, D width, H heads, K key heads, d head width.
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
from mlx_saccade.models.config import ConfigReader, Experts, TextConfig
from mlx_saccade.models.experts import SparseMLP
from mlx_saccade.models.qwen2 import MLP
from mlx_saccade.models.rotary_config import mrope_section, read_yarn, rotary_values

__all__ = ["SPARSE_TEXT_KEYS", "TEXT_KEYS", "LanguageModel", "read_sparse_text", "read_text"]


class Attention(nn.Module):
    """Causal attention over normalized heads; each key head serves H / K query heads."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        width, d = config.hidden_size, config.head_dim
        self.head_dim, self.scale = d, d**-0.5
        self.q_proj = nn.Linear(width, config.num_attention_heads * d, bias=False)
        self.k_proj = nn.Linear(width, config.num_key_value_heads * d, bias=False)
        self.v_proj = nn.Linear(width, config.num_key_value_heads * d, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * d, width, bias=False)
        self.q_norm = nn.RMSNorm(d, eps=config.rms_norm_eps)
        self.k_norm = nn.RMSNorm(d, eps=config.rms_norm_eps)

    def __call__(
        self, x: mx.array, cos: mx.array, sin: mx.array, cache: KVCache, mask: Mask, last_only: bool = False
    ) -> mx.array:
        """[B, L, D] -> the same, or [B, 1, D] of the last token; all keys and values go into the cache."""
        batch = len(x)
        q, k, v = (
            project(states).reshape(batch, states.shape[1], -1, self.head_dim)  # [B, L, H or K, d]
            for project, states in ((self.q_proj, x[:, -1:] if last_only else x), (self.k_proj, x), (self.v_proj, x))
        )
        q, k, v = (heads.swapaxes(1, 2) for heads in (self.q_norm(q), self.k_norm(k), v))  # [B, H or K, L, d]
        k, v = cache.append(layers.rotate(k, cos, sin), v)  # [B, K, S, d]
        if last_only and x.shape[1] > 1:
            cos, sin = cos[:, :, -1:], sin[:, :, -1:]
            mask = mask[:, :, -1:] if isinstance(mask, mx.array) else None
        return self.o_proj(attend_causally(layers.rotate(q, cos, sin), k, v, self.scale, mask))


class DecoderLayer(nn.Module):
    """Attention, then MLP or experts, each on the normalized stream and added to it."""

    def __init__(self, config: TextConfig, number: int) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        sparse = config.experts is not None and number in config.experts.layers
        self.mlp = SparseMLP(config) if sparse else MLP(config)
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
        self.layers = [DecoderLayer(config, number) for number in range(config.num_hidden_layers)]
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
            deepstack: [levels, B, L, D], zero where there is no image; level j is added after layer j.

        Returns:
            [B, L, D], normalized; [B, 1, D] with `last_only`.
        """
        config = self.config
        cos, sin = layers.mrope_interleaved(
            position_ids, config.head_dim, config.rope_theta, config.mrope_section, config.yarn
        )
        mask = attention_mask(embeddings.shape[1], cache[0].offset, cache[0].padding)
        x, levels = embeddings, 0 if deepstack is None else len(deepstack)
        for number, (layer, layer_cache) in enumerate(zip(self.layers, cache, strict=True)):
            x = layer(x, cos, sin, layer_cache, mask, last_only and layer is self.layers[-1])
            if deepstack is not None and number < levels:
                x = x + deepstack[number, :, -x.shape[1] :]
        hidden: mx.array = self.norm(x)
        return hidden


# The language model's values in config.json: sizes, values of which one is implemented, and keys that are read apart.
_SIZES = (
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "max_position_embeddings"),
)
_IMPLEMENTED: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu",),
    "use_sliding_window": (False, None),
    "attention_bias": (False, None),
}
_OTHERS = (
    *("rms_norm_eps", "rope_theta", "rope_parameters", "rope_scaling", "head_dim"),
    *("original_max_position_embeddings", "eos_token_id", "tie_word_embeddings"),
)
TEXT_KEYS = frozenset({*_SIZES, *_IMPLEMENTED, *_OTHERS})
_EXPERT_KEYS = (
    *("num_experts", "num_local_experts", "num_experts_per_tok", "moe_intermediate_size", "decoder_sparse_step"),
    *("mlp_only_layers", "norm_topk_prob"),
)
SPARSE_TEXT_KEYS = frozenset({*TEXT_KEYS, *_EXPERT_KEYS})

# The reference's defaults (transformers 5.24.0, configuration_qwen3_vl.py and configuration_qwen3_vl_moe.py).
_DENSE = TextConfig(
    vocab_size=151936,
    hidden_size=4096,
    intermediate_size=22016,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=32,
    head_dim=128,
    rms_norm_eps=1e-6,
    rope_theta=500000.0,
    mrope_section=(24, 20, 20),
    max_position_embeddings=128000,
)
_SPARSE = replace(
    _DENSE,
    hidden_size=2048,
    intermediate_size=5632,
    num_hidden_layers=24,
    num_attention_heads=16,
    num_key_value_heads=16,
)


def read_text(reader: ConfigReader, raw: Mapping[str, Any]) -> TextConfig:
    """Read the values of a dense language model, whose keys are checked already.

    Raises:
        InputError: a value that is malformed or not implemented.
    """
    return _read(reader, raw, _DENSE)


def read_sparse_text(reader: ConfigReader, raw: Mapping[str, Any]) -> TextConfig:
    """Read the values of a language model with experts, whose keys are checked already.

    Raises:
        InputError: a value that is malformed or not implemented.
    """
    if raw.get("head_dim") is None:
        heads = reader.size(raw, "num_attention_heads", _SPARSE.num_attention_heads)
        raw = {**raw, "head_dim": reader.size(raw, "hidden_size", _SPARSE.hidden_size) // heads}
    config = _read(reader, raw, _SPARSE)
    return replace(config, experts=_experts(reader, raw, config.num_hidden_layers))


def _read(reader: ConfigReader, raw: Mapping[str, Any], defaults: TextConfig) -> TextConfig:
    for key, values in _IMPLEMENTED.items():
        reader.check_value(raw, key, values)
    if "num_key_value_heads" in raw and raw["num_key_value_heads"] is None:
        raw = {**raw, "num_key_value_heads": raw.get("num_attention_heads", defaults.num_attention_heads)}
    # The reference interleaves the sections whatever the config says.
    rope = rotary_values(reader, raw, also=frozenset({"mrope_interleaved"}))
    sizes: dict[str, Any] = dict(reader.sizes(raw, defaults, (*_SIZES, "head_dim")))
    config = TextConfig(
        **sizes,
        rms_norm_eps=reader.number(raw, "rms_norm_eps", defaults.rms_norm_eps),
        rope_theta=reader.number(rope if "rope_theta" in rope else raw, "rope_theta", defaults.rope_theta),
        mrope_section=mrope_section(reader, rope.get("mrope_section", list(defaults.mrope_section))),
    )
    if rope.get("rope_type") == "yarn":
        config = replace(config, yarn=read_yarn(reader, raw, rope, config))
    if config.num_attention_heads % config.num_key_value_heads:
        raise InputError(
            f"{reader.source}: num_key_value_heads: {config.num_attention_heads} heads cannot share "
            f"{config.num_key_value_heads} key heads"
        )
    if config.head_dim % 2:
        raise reader.error("head_dim", "an even number", config.head_dim)
    return config


def _experts(reader: ConfigReader, raw: Mapping[str, Any], depth: int) -> Experts:
    """Read the experts. Their sums are always divided by the chosen experts' share, whatever `norm_topk_prob` says."""
    spelled = "num_experts" if raw.get("num_experts") is not None else "num_local_experts"
    count = reader.size(raw, spelled, 60)
    per_token = reader.size(raw, "num_experts_per_tok", 4)
    if per_token > count:
        raise reader.error("num_experts_per_tok", f"at most the {count} experts", per_token)
    dense = raw.get("mlp_only_layers") or []
    if not isinstance(dense, list) or not all(type(layer) is int for layer in dense):
        raise reader.error("mlp_only_layers", "a list of layer numbers", dense)
    step = reader.size(raw, "decoder_sparse_step", 1)
    sparse = tuple(number for number in range(depth) if number not in dense and (number + 1) % step == 0)
    return Experts(count, per_token, reader.size(raw, "moe_intermediate_size", 1408), sparse)
