/// The shape of a language model.
struct TextConfig: Equatable {
    var vocabularySize = 152064
    var hiddenSize = 8192
    var intermediateSize = 29568
    var layerCount = 80
    var headCount = 64
    var keyHeadCount = 8
    var normEpsilon = 1e-5
    var ropeTheta = 1_000_000.0
    /// How many of a head's frequencies turn with time, height and width.
    var mropeSection = [16, 24, 24]
    var maxPositions = 32768
    /// Scaling of the frequencies; nil without one.
    var yarn: Yarn?

    /// Width of one attention head.
    var headWidth: Int { hiddenSize / headCount }
}

extension TextConfig {
    /// Keys of the language model, which the flat spelling has at the top level.
    static let keys: Set = [
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "max_position_embeddings", "hidden_act", "rope_traditional", "use_sliding_window",
        "attention_bias", "rms_norm_eps", "rope_theta", "rope_parameters", "rope_scaling", "head_dim", "layer_types",
        "original_max_position_embeddings", "eos_token_id", "tie_word_embeddings",
    ]

    /// Reads the language model's values; their keys are checked already.
    ///
    /// - Throws: `ModelError.input` for a value that is malformed or not implemented.
    static func read(_ raw: JSONObject, _ reader: inout ConfigReader) throws -> TextConfig {
        try reader.check(raw, "hidden_act", implemented: ["silu"])
        try reader.check(raw, "rope_traditional", implemented: [false, nil])
        try reader.check(raw, "use_sliding_window", implemented: [false, nil])
        try reader.check(raw, "attention_bias", implemented: [true, nil])  // of query, key and value
        if let types = raw.given("layer_types") {
            guard let names = types.array, names.allSatisfy({ $0 == "full_attention" }) else {
                throw reader.error("layer_types", expected: "\"full_attention\" for each layer", got: types)
            }
        }
        var config = TextConfig()
        config.vocabularySize = try reader.size(raw, "vocab_size", default: config.vocabularySize)
        config.hiddenSize = try reader.size(raw, "hidden_size", default: config.hiddenSize)
        config.intermediateSize = try reader.size(raw, "intermediate_size", default: config.intermediateSize)
        config.layerCount = try reader.size(raw, "num_hidden_layers", default: config.layerCount)
        config.headCount = try reader.size(raw, "num_attention_heads", default: config.headCount)
        let keyHeads = raw["num_key_value_heads"]?.isNull == true ? config.headCount : nil
        config.keyHeadCount = try keyHeads ?? reader.size(raw, "num_key_value_heads", default: config.keyHeadCount)
        config.maxPositions = try reader.size(raw, "max_position_embeddings", default: config.maxPositions)
        config.normEpsilon = try reader.number(raw, "rms_norm_eps", default: config.normEpsilon)
        let rope = try rotaryValues(raw, &reader)
        config.ropeTheta = try reader.number(
            rope["rope_theta"] == nil ? raw : rope, "rope_theta", default: config.ropeTheta)
        if let section = rope["mrope_section"] {
            let sizes = section.array?.compactMap(\.integer) ?? []
            guard sizes.count == 3, section.array?.count == 3, sizes.allSatisfy((0...(1 << 24)).contains) else {
                throw reader.error("mrope_section", expected: "three whole numbers: time, height, width", got: section)
            }
            config.mropeSection = sizes
        }
        if rope["rope_type"] == "yarn" {
            config.yarn = try Yarn(
                rope, raw, theta: config.ropeTheta, maxPositions: config.maxPositions, reader)
        }
        try config.checkHeads(raw, reader)
        return config
    }

    /// Returns the rotary values of either spelling, or of both where they agree; `rope_type` is "default" or "yarn".
    private static func rotaryValues(_ raw: JSONObject, _ reader: inout ConfigReader) throws -> JSONObject {
        var values = JSONObject()
        for name in ["rope_parameters", "rope_scaling"] {
            let table = try reader.table(raw, name)
            for key in ["rope_type", "type"] {
                try reader.check(table, key, implemented: ["default", "mrope", "yarn", nil])
            }
            // rope_type wins, and "mrope" is its old word for default.
            let named = table.given("rope_type") ?? table.given("type")
            let kind: JSON = named == "yarn" ? "yarn" : "default"
            let keys: Set = ["mrope_section", "rope_theta", "rope_type", "type"]
            try reader.checkKeys(
                table, known: kind == "yarn" ? keys.union(Yarn.keys) : keys, in: .rotary, place: name)
            var own = table.members.filter { $0.name != "rope_type" && $0.name != "type" }
            if named != nil { own.append(("rope_type", kind)) }
            for (key, value) in own {
                if let earlier = values[key], earlier != value {
                    throw ModelError.input(
                        "\(reader.source): \(key): expected one value; got \(brief(earlier)) and, in \(name), "
                            + "\(brief(value)). Remove the wrong one")
                }
                values[key] = value
            }
        }
        return values
    }

    private func checkHeads(_ raw: JSONObject, _ reader: ConfigReader) throws {
        try reader.checkHeads(width: hiddenSize, heads: headCount, key: "num_attention_heads")
        try reader.check(raw, "head_dim", implemented: [.integer(headWidth), nil])
        guard headCount.isMultiple(of: keyHeadCount) else {
            throw ModelError.input(
                "\(reader.source): num_key_value_heads: \(headCount) heads cannot share \(keyHeadCount) key heads")
        }
        guard 2 * mropeSection.reduce(0, +) == headWidth else {
            throw ModelError.input(
                "\(reader.source): mrope_section: expected a sum of \(headWidth / 2) for heads of \(headWidth) values; "
                    + "got \(mropeSection)")
        }
    }
}
