/// The packing of a layer's weights: `bits` for each, with a scale and a bias for `groupSize` values of a row.
struct Packing: Equatable {
    let bits: Int
    let groupSize: Int
}

/// The quantization of a checkpoint in mlx-community's form: a group of values is whole numbers q with
/// w = scale * q + bias.
struct QuantizationConfig: Equatable {
    private static let knownBits = [2, 3, 4, 5, 6, 8]
    private static let knownGroups = [32, 64, 128]
    private static let tableKeys: Set = ["bits", "group_size", "mode"]

    /// The packing of every layer with scales that `layers` does not name.
    let standard: Packing
    /// The packing by the layer's published name; a nil value for a layer that has to be float.
    let layers: [String: Packing?]

    /// The packing of a layer by its published name; nil for a float layer.
    func packing(of layer: String) -> Packing? { layers[layer] ?? standard }

    /// Reads the quantization of a config; nil for float weights.
    ///
    /// - Throws: `ModelError.input` for another scheme, mode, number of bits or group size, or a malformed object.
    static func read(_ raw: JSONObject, source: String) throws -> QuantizationConfig? {
        var found: (key: String, value: JSON)?
        for key in ["quantization", "quantization_config"] where found == nil {
            guard let value = raw.given(key), value != .object(JSONObject()), value != false else { continue }
            found = (key, value)
        }
        guard let (key, value) = found else { return nil }
        guard let table = value.object else {
            throw ModelError.input(
                "\(source): \(key): expected an object with bits and group_size; got \(brief(value))")
        }
        try refuseSchemes(table, source, key)
        let standard = try packing(table, source, key)
        var layers: [String: Packing?] = [:]
        for (name, entry) in table.members where !tableKeys.contains(name) {
            if let own = entry.object {
                if let unknown = own.members.first(where: { !tableKeys.contains($0.name) }) {
                    throw ModelError.input("\(source): \(key)'s \(name): unknown key \(brief(unknown.name))")
                }
                layers[KeyLayout.published(name)] = .some(try packing(own, source, "\(key)'s \(name)"))
            } else if let packed = entry.bool {
                layers[KeyLayout.published(name)] = .some(packed ? standard : nil)
            } else if !entry.isNull, !name.hasPrefix("_") {
                throw ModelError.input(
                    "\(source): \(key): expected an object or a truth value for \(name); got \(brief(entry))")
            }
        }
        return QuantizationConfig(standard: standard, layers: layers)
    }

    /// Refuses a table of another scheme.
    private static func refuseSchemes(_ table: JSONObject, _ source: String, _ key: String) throws {
        var method = table.given("quant_method").map(\.description)
        let bitsandbytes = table.members.contains { $0.name.contains("load_in_") && $0.value == true }
        if method == nil, bitsandbytes { method = "bitsandbytes" }
        if method == nil, table["quant_algo"] != nil { method = "modelopt" }
        guard let method else { return }
        throw ModelError.input(
            "\(source): \(key): expected MLX's quantization (bits, group_size); got quant_method \(brief(method)). "
                + "Give an MLX conversion of the float checkpoint that it was made from")
    }

    private static func packing(_ table: JSONObject, _ source: String, _ place: String) throws -> Packing {
        if let mode = table["mode"], mode != "affine" {
            throw ModelError.input(
                "\(source): \(place): expected mode affine; got \(brief(mode)). Convert the weights again")
        }
        func value(_ key: String, _ known: [Int]) throws -> Int {
            guard let number = table[key]?.integer, known.contains(number) else {
                throw ModelError.input(
                    "\(source): \(place): expected \(key) to be one of \(known); got \(brief(table[key]))")
            }
            return number
        }
        return Packing(bits: try value("bits", knownBits), groupSize: try value("group_size", knownGroups))
    }
}
