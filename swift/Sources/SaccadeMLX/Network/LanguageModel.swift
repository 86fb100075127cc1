import MLX

/// The language model of Qwen2-VL and Qwen2.5-VL: a Qwen2 decoder with rotary positions in time, height and width
/// (arXiv 2409.12191, section 2.1). Symbols in shapes: L new tokens, D width, H heads, K key heads, d = D / H.
struct LanguageModel {
    /// Attention, then MLP, each on the normalized stream and added to it.
    struct Layer {
        let norm1: RMSNorm
        let norm2: RMSNorm
        let query: Linear
        let key: Linear
        let value: Linear
        let out: Linear
        let gate: Linear
        let up: Linear
        let down: Linear

        /// `[1, L, D]` -> the same, or `[1, 1, D]` of the last token; all keys and values go into the cache.
        func callAsFunction(
            _ x: MLXArray, _ rotary: Rotary, _ cache: KVCache, headWidth: Int, isLastOnly: Bool
        ) throws -> MLXArray {
            let length = x.dim(1)
            let normal = norm1(x)
            func heads(_ y: MLXArray) -> MLXArray { y.reshaped(1, y.dim(1), -1, headWidth).swappedAxes(1, 2) }
            let (keys, values) = cache.append(rotary.turn(heads(try key(normal))), heads(try value(normal)))
            let own = isLastOnly ? (length - 1)..<length : 0..<length
            let queries = rotary[own].turn(heads(try query(normal[0..., own])))
            let stream = x[0..., own] + (try out(try CausalAttention.attend(queries, keys, values)))
            let inner = norm2(stream)
            return stream + (try down(swiglu(try gate(inner), try up(inner))))
        }
    }

    let config: TextConfig
    let embedding: Linear
    let layers: [Layer]
    let norm: RMSNorm
    let head: Linear

    init(_ weights: Weights, _ config: TextConfig, tiesHead: Bool) throws {
        self.config = config
        func norm(_ name: String) throws -> RMSNorm {
            RMSNorm(weight: try weights.tensor("\(name).weight"), epsilon: Float(config.normEpsilon))
        }
        embedding = try weights.linear("model.embed_tokens")
        layers = try (0..<config.layerCount).map { number in
            let name = "model.layers.\(number)"
            return Layer(
                norm1: try norm("\(name).input_layernorm"), norm2: try norm("\(name).post_attention_layernorm"),
                query: try weights.linear("\(name).self_attn.q_proj"),
                key: try weights.linear("\(name).self_attn.k_proj"),
                value: try weights.linear("\(name).self_attn.v_proj"),
                out: try weights.linear("\(name).self_attn.o_proj"),
                gate: try weights.linear("\(name).mlp.gate_proj"), up: try weights.linear("\(name).mlp.up_proj"),
                down: try weights.linear("\(name).mlp.down_proj"))
        }
        self.norm = try norm("model.norm")
        head = tiesHead ? embedding : try weights.linear("lm_head")
    }

    /// Returns an empty cache for each layer.
    func makeCache() -> [KVCache] { layers.map { _ in KVCache() } }

    /// Returns hidden states of new tokens, normalized, and appends the tokens to the cache.
    ///
    /// - Parameters:
    ///   - embeddings: `[1, L, D]`.
    ///   - positions: int32 `[3, L]`.
    ///   - cache: one for each layer, with the tokens before these.
    ///   - isLastOnly: true to compute only the last token's state in the last layer.
    /// - Returns: `[1, L, D]`, or `[1, 1, D]`.
    func callAsFunction(
        _ embeddings: MLXArray, _ positions: MLXArray, _ cache: [KVCache], isLastOnly: Bool
    ) throws -> MLXArray {
        let rotary = Rotary.threeDimensional(positions, config)
        var x = embeddings
        for (number, layer) in layers.enumerated() {
            let isLast = number == layers.count - 1
            x = try layer(
                x, rotary, cache[number], headWidth: config.headWidth, isLastOnly: isLastOnly && isLast)
        }
        return norm(x)
    }
}
