/// The rule for keys of config.json that this package does not read: refuse what would change the numbers.
///
/// A key without a value (null) says nothing. Any other key is refused or noted, by the first line that applies:
///
/// 1. A name of `refused` is known to change the arithmetic. It is refused unless it has a value of the table, which
///    changes nothing, or is false, zero or empty where the table has none.
/// 2. A name that begins with "_" or has a word of training or of an implementation (`training`) is noted.
/// 3. In a rotary table every number, list and truth value is arithmetic. It is refused unless false, zero or empty.
/// 4. In a rotary table and in `vision_config`, a name or a text with a word of arithmetic (`words`) is refused unless
///    false, zero or empty.
/// 5. Everything else is noted.
///
/// The tables are those of the Python package.
enum ConfigKeys {
    /// The object in which a key stands: the file itself or `text_config`, `vision_config`, or a rotary table.
    enum Section { case model, vision, rotary }

    /// Returns true for a key and value that would change the model's numbers.
    static func changesNumbers(_ key: String, _ value: JSON, in section: Section) -> Bool {
        if let harmless = refused[key] {
            return harmless.isEmpty ? !isEmpty(value) : !harmless.contains(value) && !isHollow(value)
        }
        let words = split(key)
        if isEmpty(value) || section == .model || key.hasPrefix("_") || !words.isDisjoint(with: training) {
            return false
        }
        if section == .rotary, value.string == nil, value.object == nil { return true }
        return !words.union(value.string.map(split) ?? []).isDisjoint(with: arithmetic)
    }

    /// Returns what to do about a refused key.
    static func advice(_ key: String) -> String {
        if experts.contains(key) { return "Give a dense checkpoint: experts are not implemented" }
        if adapters.contains(key) {
            return "Merge the adapter into its base model, and give the merged checkpoint"
        }
        return "It changes the numbers, and is not implemented. Remove it only if the model was trained without it"
    }

    /// True for an empty text, list or object.
    private static func isHollow(_ value: JSON) -> Bool {
        switch value {
        case .string(let text): text.isEmpty
        case .array(let values): values.isEmpty
        case .object(let object): object.members.isEmpty
        default: false
        }
    }

    /// True for false, zero, null and what is empty.
    private static func isEmpty(_ value: JSON) -> Bool {
        value == false || value == 0 || value.isNull || isHollow(value)
    }

    /// Returns the words of a name, in small letters.
    private static func split(_ text: String) -> Set<String> {
        Set(text.lowercased().split { !("a"..."z").contains($0) }.map(String.init))
    }

    private static let experts: Set = [
        "num_experts", "num_local_experts", "n_routed_experts", "n_shared_experts", "num_experts_per_tok",
        "moe_intermediate_size", "shared_expert_intermediate_size", "mlp_only_layers", "moe_layers",
    ]
    private static let adapters: Set = ["adapters", "adapter_config", "lora_config", "peft_config"]
    private static let others: Set = [
        "attn_output_gate", "query_pre_attn_scalar", "attn_logit_softcapping", "attention_chunk_size",
        "sliding_window_pattern", "no_rope_layers", "qk_norm", "use_qk_norm", "qk_layernorm", "use_logn_attn",
        "kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "v_head_dim", "alibi", "use_alibi", "attention_sink",
        "add_cross_attention", "cross_attention_layers", "use_bidirectional_attention", "pruned_heads",
        "fullatt_block_indexes", "deepstack_visual_indexes", "attention_out_bias", "mlp_bias", "lm_head_bias",
        "rope_interleaved", "mrope_interleaved", "rope_local_base_freq", "rotary_emb_base", "use_dynamic_ntk",
        "position_embedding_scale", "final_logit_softcapping", "use_mup", "scale_depth", "rms_norm_add_unit_offset",
        "use_layernorm",
    ]
    private static let refused: [String: [JSON]] = {
        var table: [String: [JSON]] = [:]
        for key in experts.union(adapters).union(others) { table[key] = [] }
        for key in ["qkv_bias", "use_qkv_bias", "is_causal"] { table[key] = [true] }
        for key in [
            "partial_rotary_factor", "rotary_pct", "rotary_emb_fraction", "rope_ratio", "attention_multiplier",
            "embedding_multiplier", "embedding_scale", "logit_scale", "logits_scaling", "residual_multiplier",
            "scale_emb",
        ] { table[key] = [1] }
        for key in ["hidden_activation", "activation_function", "act_fn", "mlp_activation"] {
            table[key] = ["silu", "swish"]
        }
        for key in ["norm_type", "normalization"] { table[key] = ["rms_norm", "rmsnorm", "RMSNorm"] }
        table["position_embedding_type"] = ["rope", "rotary", "mrope", "absolute"]
        return table
    }()

    private static let training: Set = [
        "attentions", "checkpointing", "dropout", "dtype", "flash", "freeze", "freezed", "frozen", "grad", "gradient",
        "impl", "implementation", "init", "initializer", "lr", "loss", "learning", "path", "train", "trainable",
        "training", "tune", "tunable", "unfreeze", "tie",
    ]
    private static let arithmetic: Set = [
        "act", "activation", "adapter", "adapters", "alibi", "attention", "attn", "bias", "deepstack", "embed",
        "embedding", "embeddings", "embeds", "expert", "experts", "gate", "gelu", "layernorm", "lora", "moe", "mrope",
        "multiplier", "norm", "norms", "pool", "pooling", "relu", "rmsnorm", "rope", "rotary", "scale", "scales",
        "scaling", "silu", "softcap", "softcapping", "swiglu", "window", "windows", "yarn",
    ]
}
