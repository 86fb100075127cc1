"""Configs of the published checkpoints, key for key."""

from __future__ import annotations

from typing import Any

__all__ = ["LATER", "OLDER", "SIZES", "later", "older", "published"]

# Qwen2.5-VL-3B-Instruct, flat; the sizes have it as (hidden, intermediate, layers, heads, key heads, vocabulary, tied).
SIZES = {
    "3B": (2048, 11008, 36, 16, 2, 151936, True),
    "7B": (3584, 18944, 28, 28, 4, 152064, False),
    "32B": (5120, 27648, 64, 40, 8, 152064, False),
    "72B": (8192, 29568, 80, 64, 8, 152064, False),
}


def published(size: str) -> dict[str, Any]:
    hidden, intermediate, layers, heads, key_heads, vocabulary, tied = SIZES[size]
    vision: dict[str, Any] = {
        "depth": 32,
        "hidden_act": "silu",
        "hidden_size": 1280,
        "intermediate_size": 3456 if size in ("32B", "72B") else 3420,
        "num_heads": 16,
        "in_chans": 3,
        "out_hidden_size": hidden,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "spatial_patch_size": 14,
        "window_size": 112,
        "fullatt_block_indexes": [7, 15, 23, 31],
        "tokens_per_second": 2,
        "temporal_patch_size": 2,
    }
    if size == "32B":
        vision |= {"in_channels": 3, "model_type": "qwen2_5_vl", "torch_dtype": "bfloat16", "initializer_range": 0.02}
    return {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "attention_dropout": 0.0,
        "bos_token_id": 151643,
        "eos_token_id": 151645,
        "vision_start_token_id": 151652,
        "vision_end_token_id": 151653,
        "vision_token_id": 151654,
        "image_token_id": 151655,
        "video_token_id": 151656,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "initializer_range": 0.02,
        "intermediate_size": intermediate,
        "max_position_embeddings": 128000,
        "max_window_layers": layers,
        "model_type": "qwen2_5_vl",
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "num_key_value_heads": key_heads,
        "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0,
        "sliding_window": 32768,
        "tie_word_embeddings": tied,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.41.2",
        "use_cache": True,
        "use_sliding_window": False,
        "vision_config": vision,
        "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
        "vocab_size": vocabulary,
    }


# Qwen2-VL-Instruct, flat: (width of the language model, tied); the towers are the same but for what they give.
OLDER = {"2B": (1536, 8960, 28, 12, 2, 151936, True), "7B": SIZES["7B"], "72B": SIZES["72B"]}


def older(size: str) -> dict[str, Any]:
    hidden, intermediate, layers, heads, key_heads, vocabulary, tied = OLDER[size]
    shared = published("7B") | {"hidden_size": hidden, "intermediate_size": intermediate, "model_type": "qwen2_vl"}
    shared |= {"num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": key_heads}
    shared |= {"vocab_size": vocabulary, "tie_word_embeddings": tied, "max_position_embeddings": 32768}
    tower = {"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16, "in_chans": 3, "hidden_size": hidden}
    tower |= {"patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14, "temporal_patch_size": 2}
    return shared | {"architectures": ["Qwen2VLForConditionalGeneration"], "vision_config": tower}


# Qwen3-VL-Instruct, nested: (hidden, intermediate, layers, heads, key heads, tied, experts' width), then the tower's
# (depth, width, intermediate, deepstack levels). A head has 128 values whatever the width.
_SMALL, _LARGE = (24, 1024, 4096, [5, 11, 17]), (27, 1152, 4304, [8, 16, 24])
LATER: dict[str, tuple[Any, ...]] = {
    "2B": (2048, 6144, 28, 16, 8, True, 0, _SMALL),
    "4B": (2560, 9728, 36, 32, 8, True, 0, _SMALL),
    "8B": (4096, 12288, 36, 32, 8, False, 0, _LARGE),
    "32B": (5120, 25600, 64, 64, 8, False, 0, _LARGE),
    "30B-A3B": (2048, 6144, 48, 32, 4, False, 768, _LARGE),
    "235B-A22B": (4096, 12288, 94, 64, 4, False, 1536, _LARGE),
}


def later(size: str) -> dict[str, Any]:
    """Return config.json of a Qwen3-VL."""
    hidden, intermediate, layers, heads, key_heads, tied, experts, tower = LATER[size]
    depth, width, inner, levels = tower
    kind, name = ("qwen3_vl_moe", "Qwen3VLMoe") if experts else ("qwen3_vl", "Qwen3VL")
    sparse = {
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "moe_intermediate_size": experts,
        "norm_topk_prob": True,
        "num_experts": 128,
        "num_experts_per_tok": 8,
    }
    return {
        "architectures": [f"{name}ForConditionalGeneration"],
        "image_token_id": 151655,
        "model_type": kind,
        "text_config": {
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": 151643,
            "dtype": "bfloat16",
            "eos_token_id": 151645,
            "head_dim": 128,
            "hidden_act": "silu",
            "hidden_size": hidden,
            "initializer_range": 0.02,
            "intermediate_size": intermediate,
            "max_position_embeddings": 262144,
            "model_type": f"{kind}_text",
            "num_attention_heads": heads,
            "num_hidden_layers": layers,
            "num_key_value_heads": key_heads,
            "rms_norm_eps": 1e-06,
            "rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"},
            "rope_theta": 5000000,
            "tie_word_embeddings": tied,
            "use_cache": True,
            "vocab_size": 151936,
            **(sparse if experts else {}),
        },
        "tie_word_embeddings": tied,
        "transformers_version": "4.57.0.dev0",
        "video_token_id": 151656,
        "vision_config": {
            "deepstack_visual_indexes": levels,
            "depth": depth,
            "hidden_act": "gelu_pytorch_tanh",
            "hidden_size": width,
            "in_channels": 3,
            "initializer_range": 0.02,
            "intermediate_size": inner,
            "model_type": kind,
            "num_heads": 16,
            "num_position_embeddings": 2304,
            "out_hidden_size": hidden,
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
        "vision_end_token_id": 151653,
        "vision_start_token_id": 151652,
    }
