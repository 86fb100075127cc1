import Saccade

/// The tensors that an architecture has, by published names.
struct TensorTable {
    /// A matrix that may be packed.
    struct Matrix: Equatable {
        let rows: Int
        let columns: Int
    }

    /// Matrices of linear layers and of the embedding, by the layer's name.
    private(set) var matrices: [String: Matrix] = [:]
    /// Vectors and the patch embedding, by the tensor's name.
    private(set) var others: [String: [Int]] = [:]

    /// Lists the tensors of a checkpoint with this config.
    init(_ config: ModelConfig) {
        addTower(config.vision, plain: config.family == .qwen2VL)
        addLanguageModel(config.text)
        if !config.tiesHead {
            matrices["lm_head"] = Matrix(rows: config.text.vocabularySize, columns: config.text.hiddenSize)
        }
    }

    private mutating func add(_ name: String, _ rows: Int, _ columns: Int, bias: Bool = true) {
        matrices[name] = Matrix(rows: rows, columns: columns)
        if bias { others["\(name).bias"] = [rows] }
    }

    private mutating func addTower(_ config: VisionConfig, plain: Bool) {
        let (width, inner) = (config.hiddenSize, config.intermediateSize)
        let merged = width * config.unit
        let side = config.patchSize
        others["visual.patch_embed.proj.weight"] = [width, config.channels, config.temporalPatchSize, side, side]
        func norm(_ name: String) -> [(String, [Int])] {
            [("\(name).weight", [width])] + (plain ? [("\(name).bias", [width])] : [])
        }
        var norms = norm("visual.merger.ln_q")
        for number in 0..<config.depth {
            let block = "visual.blocks.\(number)"
            norms += norm("\(block).norm1") + norm("\(block).norm2")
            add("\(block).attn.qkv", 3 * width, width)
            add("\(block).attn.proj", width, width)
            if plain {
                add("\(block).mlp.fc1", inner, width)
                add("\(block).mlp.fc2", width, inner)
            } else {
                add("\(block).mlp.gate_proj", inner, width)
                add("\(block).mlp.up_proj", inner, width)
                add("\(block).mlp.down_proj", width, inner)
            }
        }
        for (name, shape) in norms { others[name] = shape }
        add("visual.merger.mlp.0", merged, merged)
        add("visual.merger.mlp.2", config.outHiddenSize, merged)
    }

    private mutating func addLanguageModel(_ config: TextConfig) {
        let (width, inner) = (config.hiddenSize, config.intermediateSize)
        let keys = config.keyHeadCount * config.headWidth
        add("model.embed_tokens", config.vocabularySize, width, bias: false)
        others["model.norm.weight"] = [width]
        for number in 0..<config.layerCount {
            let layer = "model.layers.\(number)"
            others["\(layer).input_layernorm.weight"] = [width]
            others["\(layer).post_attention_layernorm.weight"] = [width]
            add("\(layer).self_attn.q_proj", width, width)
            add("\(layer).self_attn.k_proj", keys, width)
            add("\(layer).self_attn.v_proj", keys, width)
            add("\(layer).self_attn.o_proj", width, width, bias: false)
            add("\(layer).mlp.gate_proj", inner, width, bias: false)
            add("\(layer).mlp.up_proj", inner, width, bias: false)
            add("\(layer).mlp.down_proj", width, inner, bias: false)
        }
    }
}
