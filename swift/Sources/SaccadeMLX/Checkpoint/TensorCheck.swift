/// The comparison of a checkpoint's tensors with those of its architecture, before any weight is read.
struct TensorCheck {
    private static let convolution = "visual.patch_embed.proj.weight"
    // Endings of tensors in other quantization schemes.
    private static let foreign = [
        (".qweight", "AWQ or GPTQ"), (".weight_scale_inv", "FP8"), (".weight_scale", "FP8 or compressed-tensors"),
        (".weight_packed", "compressed-tensors"), (".absmax", "bitsandbytes"), (".SCB", "bitsandbytes"),
    ]

    /// The packing of each packed layer, by its name.
    let packings: [String: Packing]
    /// True if the patch embedding has its channels last, as MLX's convolutions do.
    let hasChannelsLast: Bool
    /// Names of the tensors of a tied head, which have to equal the embedding's.
    let tiedHead: [String]

    /// Checks names, shapes and types.
    ///
    /// - Parameters:
    ///   - index: tensors of the folder.
    ///   - config: says what they have to be.
    ///   - source: name of the folder in messages.
    /// - Throws: `ModelError.input` for a tensor that is missing, unexpected, of another shape or type, or quantized in
    ///   another way than config.json says. The message names the tensor.
    init(_ index: TensorIndex, _ config: ModelConfig, source: String) throws {
        let table = TensorTable(config)
        var tensors = index.places.mapValues(\.entry)
        tiedHead = config.tiesHead ? tensors.keys.filter { $0.hasPrefix("lm_head.") }.sorted() : []
        for name in tiedHead { tensors[name] = nil }
        if let name = tensors.keys.sorted().first(where: { name in Self.foreign.contains { name.hasSuffix($0.0) } }),
            let scheme = Self.foreign.first(where: { name.hasSuffix($0.0) })?.1
        {
            throw ModelError.input(
                "\(source): \(brief(name)) belongs to weights quantized in another scheme, \(scheme). Give an MLX "
                    + "conversion of the float checkpoint that it was made from")
        }
        var expected: [String: (shape: [Int], packed: Bool)] = [:]
        for (name, shape) in table.others { expected[name] = (shape, false) }
        hasChannelsLast = Self.channelsLast(tensors, table, isMLXLayout: index.isMLXLayout)
        if hasChannelsLast, let shape = tensors[Self.convolution]?.shape { expected[Self.convolution] = (shape, false) }
        packings = try Self.addMatrices(table, tensors, config.quantization, source, to: &expected)
        try Self.compare(tensors, expected, source)
    }

    /// The shape tells the layout, unless both layouts have one shape; then the keys do.
    private static func channelsLast(
        _ tensors: [String: SafeTensors.Entry], _ table: TensorTable, isMLXLayout: Bool
    ) -> Bool {
        guard let shape = tensors[convolution]?.shape, let first = table.others[convolution] else { return false }
        let last = [first[0]] + first[2...] + [first[1]]
        return shape == last && (isMLXLayout || last != first)
    }

    private static func addMatrices(
        _ table: TensorTable, _ tensors: [String: SafeTensors.Entry], _ quantization: QuantizationConfig?,
        _ source: String, to expected: inout [String: (shape: [Int], packed: Bool)]
    ) throws -> [String: Packing] {
        if let absent = quantization?.layers.filter({ $0.value != nil }).keys.sorted().first(where: {
            table.matrices[$0] == nil
        }) {
            throw ModelError.input(
                "\(source): config.json's quantization names \(brief(absent)), which the model does not have")
        }
        var packings: [String: Packing] = [:]
        for (name, matrix) in table.matrices.sorted(by: { $0.key < $1.key }) {
            guard let packing = try packing(name, matrix, tensors, quantization, source) else {
                expected["\(name).weight"] = ([matrix.rows, matrix.columns], false)
                continue
            }
            packings[name] = packing
            expected["\(name).weight"] = ([matrix.rows, matrix.columns * packing.bits / 32], true)
            for part in ["scales", "biases"] {
                expected["\(name).\(part)"] = ([matrix.rows, matrix.columns / packing.groupSize], false)
            }
        }
        return packings
    }

    /// Returns the packing of a layer's tensors, nil for floats.
    private static func packing(
        _ name: String, _ matrix: TensorTable.Matrix, _ tensors: [String: SafeTensors.Entry],
        _ quantization: QuantizationConfig?, _ source: String
    ) throws -> Packing? {
        let named = quantization?.packing(of: name)
        let absent = ["scales", "biases"].filter { tensors["\(name).\($0)"] == nil }
        if absent.count == 2, tensors["\(name).weight"]?.type != .uint32 {
            guard quantization?.layers[name] == nil || named == nil else {
                throw ModelError.input(
                    "\(source): \(name).scales is missing, but config.json says that the layer is quantized")
            }
            return nil
        }
        guard absent.isEmpty else {
            throw ModelError.input("\(source): \(name).\(absent[0]) is missing from the weights of a quantized layer")
        }
        guard let packing = named else {
            let why = quantization == nil ? "has no quantization" : "says that the layer is not quantized"
            throw ModelError.input(
                "\(source): \(name).scales belongs to quantized weights, but config.json \(why)")
        }
        guard matrix.columns.isMultiple(of: packing.groupSize) else {
            throw ModelError.input(
                "\(source): \(name).scales: expected groups that divide the layer's width \(matrix.columns); got "
                    + "\(packing.groupSize)")
        }
        return packing
    }

    private static func compare(
        _ tensors: [String: SafeTensors.Entry], _ expected: [String: (shape: [Int], packed: Bool)], _ source: String
    ) throws {
        let missing = Set(expected.keys).subtracting(tensors.keys).sorted()
        if !missing.isEmpty {
            let tie = "set tie_word_embeddings to true if its head is the embedding"
            let advice = "Download the checkpoint again" + (missing == ["lm_head.weight"] ? ", or \(tie)" : "")
            throw ModelError.input("\(source): \(some(missing)) missing from the weights. \(advice)")
        }
        let unexpected = Set(tensors.keys).subtracting(expected.keys).sorted()
        guard unexpected.isEmpty else {
            throw ModelError.input(
                "\(source): \(some(unexpected)) not part of the model that config.json describes. Check that config "
                    + "and weights belong together")
        }
        for (name, entry) in tensors.sorted(by: { $0.key < $1.key }) {
            guard let (shape, packed) = expected[name] else { continue }
            guard entry.shape == shape else {
                throw ModelError.input(
                    "\(source): \(name): expected shape \(shape) by config.json; got \(entry.shape). Check that config "
                        + "and weights belong together")
            }
            guard packed ? entry.type == .uint32 : entry.type.isFloat else {
                let kinds = packed ? "uint32 for a quantized layer" : "float32, bfloat16 or float16"
                throw ModelError.input("\(source): \(name): expected \(kinds); got another type")
            }
        }
    }

    /// Returns "a is", or "a and 3 more are".
    private static func some(_ names: [String]) -> String {
        names.count == 1 ? "\(brief(names[0])) is" : "\(brief(names[0])) and \(names.count - 1) more are"
    }
}
