"""The keys that config.json files of Qwen2-VL and Qwen2.5-VL carry: those that are read, and those that change nothing.

Met in published checkpoints, in what transformers 4.45 to 5.23 save (4.x writes its generation defaults into the
config), in mlx-community's conversions and in fine-tunes. A key that is in neither list is refused.
"""

from __future__ import annotations

__all__ = ["NOTES", "ROPE", "TEXT", "TEXT_NOTES", "TOP", "TOP_NOTES", "VISION", "VISION_NOTES"]

ROPE = frozenset({"mrope_section", "rope_theta", "rope_type", "type"})
VISION = {
    "qwen2.5-vl": frozenset(
        {
            *("depth", "hidden_size", "intermediate_size", "num_heads", "out_hidden_size", "in_channels", "in_chans"),
            *("patch_size", "temporal_patch_size", "spatial_merge_size", "window_size", "fullatt_block_indexes"),
            *("hidden_act", "rope_parameters", "tokens_per_second", "layer_norm_eps"),
        }
    ),
    "qwen2-vl": frozenset(
        {
            *("depth", "embed_dim", "mlp_ratio", "num_heads", "hidden_size", "in_channels", "in_chans"),
            *("patch_size", "temporal_patch_size", "spatial_merge_size"),
            *("hidden_act", "rope_parameters", "layer_norm_eps"),
        }
    ),
}
TEXT = frozenset(
    {
        *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
        *("num_key_value_heads", "rms_norm_eps", "rope_theta", "rope_parameters", "rope_scaling", "head_dim"),
        *("hidden_act", "attention_bias", "layer_types", "use_sliding_window", "max_position_embeddings"),
        *("eos_token_id", "tie_word_embeddings", "rope_traditional"),
    }
)
TOP = frozenset(
    {
        *("model_type", "text_config", "vision_config", "quantization", "quantization_config"),
        *("image_token_id", "video_token_id", "vision_start_token_id", "auto_map", "model_file"),
    }
)

# What transformers 4.x writes of its generation defaults; generation_config.json is where they act.
_GENERATION = frozenset(
    {
        *("bad_words_ids", "begin_suppress_tokens", "decoder_start_token_id", "diversity_penalty", "do_sample"),
        *("early_stopping", "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty"),
        *("forced_bos_token_id", "forced_eos_token_id", "generation_config", "length_penalty", "max_length"),
        *("max_new_tokens", "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams"),
        *("num_return_sequences", "output_scores", "remove_invalid_values", "repetition_penalty"),
        *("return_dict_in_generate", "suppress_tokens", "temperature", "top_k", "top_p", "typical_p"),
    }
)
NOTES = frozenset(
    {
        *("add_cross_attention", "architectures", "attention_dropout", "bos_token_id", "chunk_size_feed_forward"),
        *("cross_attention_hidden_size", "dtype", "finetuning_task", "id2label", "initializer_range", "is_decoder"),
        *("is_encoder_decoder", "label2id", "model_type", "output_attentions", "output_hidden_states"),
        *("pad_token_id", "prefix", "problem_type", "pruned_heads", "return_dict", "sep_token_id"),
        *("task_specific_params", "tf_legacy_loss", "tie_encoder_decoder", "tokenizer_class", "torch_dtype"),
        *("torchscript", "transformers_version", "unsloth_fixed", "unsloth_version", "use_bfloat16", "use_cache"),
        *_GENERATION,
    }
)
# skip_vision is mlx-vlm's word for a tower left float, which the tensors themselves say; its other keys are defaults
# of all its models that this one does not use.
VISION_NOTES = {
    "qwen2.5-vl": NOTES | {"image_size", "mlp_ratio", "skip_vision", "spatial_patch_size", "vocab_size"},
    "qwen2-vl": NOTES | {"image_size", "skip_vision", "spatial_patch_size", "vocab_size"},
}
# max_window_layers and sliding_window act through use_sliding_window and layer_types only, which are checked.
TEXT_NOTES = NOTES | {
    *("image_token_id", "max_window_layers", "sliding_window", "video_token_id", "vision_end_token_id"),
    *("vision_start_token_id", "vision_token_id"),
}
TOP_NOTES = TEXT_NOTES | {"ignore_index", "vision_feature_layer", "vision_feature_select_strategy"}
