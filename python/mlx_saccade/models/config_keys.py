"""The rule for keys of config.json that this package does not read: refuse what would change the numbers.

A key without a value (null) says nothing. Any other key is refused or noted, by the first line that applies:

1. A name of `_REFUSED` is known to change the arithmetic. It is refused unless it has the value of the table, which
   changes nothing, or is false, zero or empty where the table has none.
2. A name that begins with "_" or speaks of training or of an implementation (`_TRAINING`) is noted.
3. In a rotary table every number, list and truth value is arithmetic. It is refused unless it is false, zero or empty.
4. In a rotary table and in `vision_config`, a name or a text with a word of arithmetic (`_WORDS`: rope, norm, act,
   attention, bias, scale, window, expert, lora, embedding and their like) is refused unless it is false, zero or empty.
5. Everything else is noted: names of training programs and exporters, defaults of other models, paths.

Keys that give shapes need no rule: tensors of another shape are refused when the weights are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

__all__ = ["Section", "advice", "changes_numbers"]

Section = Literal["model", "vision", "rotary"]
"""Where a key stands: the file itself or `text_config`, `vision_config`, or a rotary table of either."""

_NOTHING: tuple[Any, ...] = ()
_ONE = (1, 1.0)
_EXPERTS = dict.fromkeys(
    (
        *("num_experts", "num_local_experts", "n_routed_experts", "n_shared_experts", "num_experts_per_tok"),
        *("moe_intermediate_size", "shared_expert_intermediate_size", "mlp_only_layers", "moe_layers"),
    ),
    _NOTHING,
)
_ADAPTERS = dict.fromkeys(("adapters", "adapter_config", "lora_config", "peft_config"), _NOTHING)
_ATTENTION = {
    **dict.fromkeys(
        (
            *("attn_output_gate", "query_pre_attn_scalar", "attn_logit_softcapping", "attention_chunk_size"),
            *("sliding_window_pattern", "no_rope_layers", "qk_norm", "use_qk_norm", "qk_layernorm", "use_logn_attn"),
            *("kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "v_head_dim", "alibi", "use_alibi", "attention_sink"),
            *("add_cross_attention", "cross_attention_layers", "use_bidirectional_attention", "pruned_heads"),
            *("fullatt_block_indexes", "deepstack_visual_indexes", "attention_out_bias", "mlp_bias", "lm_head_bias"),
        ),
        _NOTHING,
    ),
    **dict.fromkeys(("qkv_bias", "use_qkv_bias", "is_causal"), (True,)),
}
_ROTARY = {
    **dict.fromkeys(
        (
            *("rope_interleaved", "mrope_interleaved", "rope_local_base_freq", "rotary_emb_base"),
            *("use_dynamic_ntk", "position_embedding_scale"),
        ),
        _NOTHING,
    ),
    **dict.fromkeys(("partial_rotary_factor", "rotary_pct", "rotary_emb_fraction", "rope_ratio"), _ONE),
    "position_embedding_type": ("rope", "rotary", "mrope", "absolute"),  # the last: a default of old transformers
}
_SCALES = {
    **dict.fromkeys(("final_logit_softcapping", "use_mup", "scale_depth"), _NOTHING),
    **dict.fromkeys(
        (
            *("attention_multiplier", "embedding_multiplier", "embedding_scale", "logit_scale", "logits_scaling"),
            *("residual_multiplier", "scale_emb"),
        ),
        _ONE,
    ),
}
_FUNCTIONS = {
    **dict.fromkeys(("hidden_activation", "activation_function", "act_fn", "mlp_activation"), ("silu", "swish")),
    **dict.fromkeys(("norm_type", "normalization"), ("rms_norm", "rmsnorm", "RMSNorm")),
    **dict.fromkeys(("rms_norm_add_unit_offset", "use_layernorm"), _NOTHING),
}
_REFUSED: Mapping[str, tuple[Any, ...]] = {
    **_EXPERTS,
    **_ADAPTERS,
    **_ATTENTION,
    **_ROTARY,
    **_SCALES,
    **_FUNCTIONS,
}
"""Name -> the values that change nothing; none of them means false, zero and empty."""

_TRAINING = frozenset(
    {
        *("attentions", "checkpointing", "dropout", "dtype", "flash", "freeze", "freezed", "frozen", "grad"),
        *("gradient", "impl", "implementation", "init", "initializer", "lr", "loss", "learning", "path", "train"),
        *("trainable", "training", "tune", "tunable", "unfreeze", "tie"),
    }
)
_WORDS = frozenset(
    {
        *("act", "activation", "adapter", "adapters", "alibi", "attention", "attn", "bias", "deepstack", "embed"),
        *(
            "embedding",
            "embeddings",
            "embeds",
            "expert",
            "experts",
            "gate",
            "gelu",
            "layernorm",
            "lora",
            "moe",
            "mrope",
        ),
        *("multiplier", "norm", "norms", "pool", "pooling", "relu", "rmsnorm", "rope", "rotary", "scale", "scales"),
        *("scaling", "silu", "softcap", "softcapping", "swiglu", "window", "windows", "yarn"),
    }
)


def changes_numbers(key: str, value: object, section: Section) -> bool:
    """Return True for a key and value that would change the model's numbers, by the rule of this module.

    Args:
        key: name of a key that is not read.
        value: its value.
        section: where it stands.
    """
    empty = not value and isinstance(value, bool | int | float | str | list | dict | None)
    if key in _REFUSED:
        harmless = _REFUSED[key]
        return not (value in harmless or value in ("", [], {}) if harmless else empty)
    words = _split(key)
    if empty or section == "model" or key.startswith("_") or words & _TRAINING:
        return False
    if section == "rotary" and not isinstance(value, str | dict):
        return True
    return bool((words | (_split(value) if isinstance(value, str) else set())) & _WORDS)


def advice(key: str) -> str:
    """Return what to do about a refused key."""
    if key in _EXPERTS:
        return "Give a dense checkpoint: experts are not implemented"
    if key in _ADAPTERS:
        return "Merge the adapter into its base model, and give the merged checkpoint"
    return "It changes the numbers, and is not implemented. Remove it only if the model was trained without it"


def _split(text: str) -> set[str]:
    """Return the words of a name."""
    return set(re.findall(r"[a-z]+", text.lower()))
