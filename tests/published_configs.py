"""Configs of the published checkpoints, key for key."""

from __future__ import annotations

from typing import Any

__all__ = ["OLDER", "SIZES", "older", "published"]

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
