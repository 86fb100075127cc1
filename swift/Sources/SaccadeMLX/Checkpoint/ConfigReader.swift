/// A reader of checked values. Its messages name the file, the key and the value.
struct ConfigReader {
    // Limits against a damaged file, far above any checkpoint.
    private static let layerCounts: Set = ["depth", "num_hidden_layers"]
    private static let mostLayers = 1024
    private static let largestSize = 1 << 24

    /// Name of the file in messages.
    let source: String
    /// Keys in the file that change nothing; those of nested objects as "object.key".
    var ignored: Set<String> = []
    /// Sentences on values that something else overrides.
    var notes: [String] = []

    init(source: String) { self.source = source }

    /// Returns the error for a value that is not the expected one.
    func error(_ key: String, expected: String, got value: JSON?, advice: String = "") -> ModelError {
        .input("\(source): \(key): expected \(expected); got \(brief(value))" + (advice.isEmpty ? "" : ". \(advice)"))
    }

    /// Returns a whole number of at least 0; the default if the key is absent.
    func integer(_ raw: JSONObject, _ key: String, default fallback: Int?) throws -> Int {
        guard let value = raw[key] else {
            guard let fallback else { throw error(key, expected: "a whole number of at least 0", got: nil) }
            return fallback
        }
        guard let number = value.integer, number >= 0 else {
            throw error(key, expected: "a whole number of at least 0", got: value)
        }
        return number
    }

    /// Returns a whole number of at least 1; at most 1,024 for layers, 2^24 for other sizes.
    func size(_ raw: JSONObject, _ key: String, default fallback: Int?) throws -> Int {
        let value = try integer(raw, key, default: fallback)
        let most = Self.layerCounts.contains(key) ? Self.mostLayers : Self.largestSize
        guard (1...most).contains(value) else {
            throw error(key, expected: "a whole number in 1..\(most)", got: .integer(value))
        }
        return value
    }

    /// Returns a finite number above 0; the default if the key is absent.
    func number(_ raw: JSONObject, _ key: String, default fallback: Double) throws -> Double {
        guard let value = raw[key] else { return fallback }
        guard let number = value.double, number > 0, number.isFinite else {
            throw error(key, expected: "a finite number above 0", got: value)
        }
        return number
    }

    /// Returns an object; an empty one if the key is absent or null.
    func table(_ raw: JSONObject, _ key: String) throws -> JSONObject {
        guard let value = raw.given(key) else { return JSONObject() }
        guard let table = value.object else { throw error(key, expected: "an object", got: value) }
        return table
    }

    /// Refuses a value that is not implemented; the key may be absent.
    func check(_ raw: JSONObject, _ key: String, implemented: [JSON]) throws {
        guard let value = raw[key], !implemented.contains(value) else { return }
        let expected = implemented.map(\.description).joined(separator: " or ")
        throw error(key, expected: expected, got: value, advice: "Nothing else is implemented")
    }

    /// Refuses unknown keys that change the numbers, by the rule of `ConfigKeys`; notes the others in `ignored`.
    ///
    /// - Parameters:
    ///   - raw: the object.
    ///   - known: keys that are read.
    ///   - section: kind of the object.
    ///   - place: name of the object; empty for the file itself.
    mutating func checkKeys(
        _ raw: JSONObject, known: Set<String>, in section: ConfigKeys.Section, place: String = ""
    ) throws {
        for (key, value) in raw.members.sorted(by: { $0.name < $1.name }) where !known.contains(key) && !value.isNull {
            if ConfigKeys.changesNumbers(key, value, in: section) {
                throw ModelError.input(
                    "\(source): unknown key \(brief(key))\(place.isEmpty ? "" : " in \(place)") with the value "
                        + "\(brief(value)). \(ConfigKeys.advice(key))")
            }
            ignored.insert(place.isEmpty ? key : "\(place).\(key)")
        }
    }

    /// Refuses heads that do not split a width into parts of even size.
    func checkHeads(width: Int, heads: Int, key: String) throws {
        guard width.isMultiple(of: heads), (width / heads).isMultiple(of: 2) else {
            throw ModelError.input(
                "\(source): \(key): \(heads) does not split the width \(width) into heads of even size")
        }
    }
}
