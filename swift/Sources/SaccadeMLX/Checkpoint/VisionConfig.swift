/// The shape of a vision tower. Patch and window sizes are in pixels of the resized image.
struct VisionConfig: Equatable {
    /// Epsilon of the towers' norms, a constant of the reference.
    static let normEpsilon: Float = 1e-6

    var depth = 32
    var hiddenSize = 3584
    var intermediateSize = 3420
    var headCount = 16
    var outHiddenSize = 3584
    var channels = 3
    var patchSize = 14
    var temporalPatchSize = 2
    var mergeSize = 2
    /// Side of a window; nil if every block attends over the whole frame.
    var windowSize: Int? = 112
    /// Blocks that attend over the whole frame.
    var fullAttentionBlocks = [7, 15, 23, 31]
    var tokensPerSecond = 4
    var ropeTheta = 10000.0

    /// Width of one attention head.
    var headWidth: Int { hiddenSize / headCount }
    /// Patches in a token.
    var unit: Int { mergeSize * mergeSize }
    /// Values in one patch of one frame: channels x patch x patch.
    var stillWidth: Int { channels * patchSize * patchSize }
}

extension VisionConfig {
    private static let sharedKeys: Set = [
        "depth", "num_heads", "in_channels", "patch_size", "temporal_patch_size", "spatial_merge_size",
        "num_attention_heads", "num_hidden_layers", "num_channels", "in_chans", "hidden_act", "rope_parameters",
        "layer_norm_eps",
    ]

    /// Reads `vision_config` of Qwen2.5-VL.
    ///
    /// - Throws: `ModelError.input` for a key or value that is unknown, malformed or not implemented.
    static func qwen25(_ raw: JSONObject, _ reader: inout ConfigReader) throws -> VisionConfig {
        let own: Set = [
            "hidden_size", "intermediate_size", "out_hidden_size", "window_size", "fullatt_block_indexes",
            "tokens_per_second",
        ]
        try reader.checkKeys(raw, known: sharedKeys.union(own), in: .vision, place: "vision_config")
        try reader.check(raw, "hidden_act", implemented: ["silu"])
        var config = try shared(raw, &reader)
        config.hiddenSize = try reader.size(raw, "hidden_size", default: config.hiddenSize)
        config.intermediateSize = try reader.size(raw, "intermediate_size", default: config.intermediateSize)
        config.outHiddenSize = try reader.size(raw, "out_hidden_size", default: config.outHiddenSize)
        config.tokensPerSecond = try reader.size(raw, "tokens_per_second", default: config.tokensPerSecond)
        let window = try reader.size(raw, "window_size", default: 112)
        config.windowSize = window
        config.fullAttentionBlocks = try blocks(raw, reader, config)
        let token = config.patchSize * config.mergeSize
        guard window >= token else {
            throw ModelError.input(
                "\(reader.source): window_size: expected at least the \(token) pixels of one token "
                    + "(patch_size x spatial_merge_size); got \(window)")
        }
        try config.checkHeads(reader)
        return config
    }

    /// Reads `vision_config` of Qwen2-VL, whose width is `embed_dim`; its `hidden_size` is that of the language model.
    ///
    /// - Throws: as `qwen25`.
    static func qwen2(_ raw: JSONObject, _ reader: inout ConfigReader) throws -> VisionConfig {
        let own: Set = ["embed_dim", "mlp_ratio", "hidden_size"]
        try reader.checkKeys(raw, known: sharedKeys.union(own), in: .vision, place: "vision_config")
        try reader.check(raw, "hidden_act", implemented: ["quick_gelu"])
        var config = try shared(raw, &reader)
        config.hiddenSize = try reader.size(raw, "embed_dim", default: 1280)
        let inner = Double(config.hiddenSize) * (try reader.number(raw, "mlp_ratio", default: 4))
        guard inner == inner.rounded(), (1...Double(1 << 24)).contains(inner) else {
            throw reader.error(
                "mlp_ratio", expected: "a ratio that gives a whole width for embed_dim \(config.hiddenSize)",
                got: raw["mlp_ratio"])
        }
        config.intermediateSize = Int(inner)
        config.outHiddenSize = try reader.size(raw, "hidden_size", default: config.outHiddenSize)
        config.windowSize = nil
        config.fullAttentionBlocks = []
        try config.checkHeads(reader)
        return config
    }

    /// Reads what both families have.
    private static func shared(_ raw: JSONObject, _ reader: inout ConfigReader) throws -> VisionConfig {
        var raw = raw
        if raw["in_channels"] == nil { raw["in_channels"] = raw["in_chans"] ?? 3 }
        let rope = try reader.table(raw, "rope_parameters")
        try reader.checkKeys(
            rope, known: ["rope_theta", "rope_type", "type"], in: .rotary, place: "vision_config's rope_parameters")
        for key in ["rope_type", "type"] { try reader.check(rope, key, implemented: ["axial", "default"]) }
        try reader.check(raw, "layer_norm_eps", implemented: [.number(1e-6), nil])
        var config = VisionConfig()
        config.depth = try reader.size(raw, "depth", default: config.depth)
        config.headCount = try reader.size(raw, "num_heads", default: config.headCount)
        config.channels = try reader.size(raw, "in_channels", default: config.channels)
        config.patchSize = try reader.size(raw, "patch_size", default: config.patchSize)
        config.temporalPatchSize = try reader.size(raw, "temporal_patch_size", default: config.temporalPatchSize)
        config.mergeSize = try reader.size(raw, "spatial_merge_size", default: config.mergeSize)
        config.ropeTheta = try reader.number(rope, "rope_theta", default: config.ropeTheta)
        for (alias, value) in [
            ("num_attention_heads", config.headCount), ("num_hidden_layers", config.depth),
            ("num_channels", config.channels),
        ] { try reader.check(raw, alias, implemented: [.integer(value), nil]) }
        try config.checkNativeLayout(reader)
        return config
    }

    /// Refuses patches that the core does not make.
    private func checkNativeLayout(_ reader: ConfigReader) throws {
        let expected = [
            ("in_channels", channels, 3), ("patch_size", patchSize, 14), ("spatial_merge_size", mergeSize, 2),
        ]
        for (key, value, implemented) in expected where value != implemented {
            throw reader.error(
                key, expected: "\(implemented)", got: .integer(value), advice: "Nothing else is implemented")
        }
        guard temporalPatchSize <= 4096 else {
            throw reader.error("temporal_patch_size", expected: "at most 4096", got: .integer(temporalPatchSize))
        }
    }

    private static func blocks(_ raw: JSONObject, _ reader: ConfigReader, _ config: VisionConfig) throws -> [Int] {
        guard let value = raw["fullatt_block_indexes"] else { return config.fullAttentionBlocks }
        let numbers = value.array?.compactMap(\.integer)
        guard let numbers, numbers.count == value.array?.count else {
            throw reader.error("fullatt_block_indexes", expected: "a list of block numbers", got: value)
        }
        guard numbers.allSatisfy((0..<config.depth).contains) else {
            throw reader.error("fullatt_block_indexes", expected: "blocks in 0..\(config.depth - 1)", got: value)
        }
        return numbers
    }

    private func checkHeads(_ reader: ConfigReader) throws {
        try reader.checkHeads(width: hiddenSize, heads: headCount, key: "num_heads")
        guard headWidth.isMultiple(of: 4) else {
            throw ModelError.input(
                "\(reader.source): num_heads: expected vision heads whose width is a multiple of 4; got \(headWidth)")
        }
    }
}
