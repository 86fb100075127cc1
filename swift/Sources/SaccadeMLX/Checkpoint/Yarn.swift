import Foundation

/// YaRN (arXiv 2309.00071): rotary frequencies for prompts longer than those of the training, as transformers has them.
///
/// A frequency that turns often within the trained length stays; one that turns less than once is divided by `factor`;
/// those between are mixed by a linear ramp (section 3.2). Cosine and sine are multiplied by the attention factor
/// (section 3.4).
struct Yarn: Equatable {
    static let keys: Set = [
        "factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow", "mscale",
        "mscale_all_dim", "truncate",
    ]
    // Where both ends of the ramp are one dimension.
    private static let smallestRamp = 0.001

    /// Ratio of the new length to the trained one.
    let factor: Double
    /// Trained length in positions.
    let trainedPositions: Double
    /// Factor on cosine and sine.
    let attentionFactor: Double
    /// Turns within the trained length from which a frequency stays.
    let betaFast: Double
    /// Turns below which a frequency is divided by `factor`.
    let betaSlow: Double
    /// True if the ends of the ramp are whole dimensions.
    let isTruncated: Bool

    /// Reads a rotary table. As in transformers, a null factor is the ratio of both lengths.
    ///
    /// - Parameters:
    ///   - rope: the table; its keys are checked.
    ///   - raw: the object with the language model's values.
    ///   - theta: base of the frequencies.
    ///   - maxPositions: the model's length in positions.
    init(_ rope: JSONObject, _ raw: JSONObject, theta: Double, maxPositions: Int, _ reader: ConfigReader) throws {
        guard rope["factor"] != nil else {
            throw reader.error("factor", expected: "the factor of a rotary table of type yarn", got: nil)
        }
        try reader.check(rope, "truncate", implemented: [true, false])
        guard theta > 1 else {
            throw reader.error("rope_theta", expected: "a number above 1 with yarn", got: .number(theta))
        }
        var given = rope
        given.members.removeAll { $0.value.isNull }
        let key = "original_max_position_embeddings"
        trainedPositions = try reader.number(
            raw.given(key) == nil ? given : raw, key, default: Double(maxPositions))
        factor = try reader.number(given, "factor", default: Double(maxPositions) / trainedPositions)
        func scale(_ key: String) throws -> Double {
            guard let value = given[key], value != 0, value != false, value != "" else { return 0 }
            return try reader.number(given, key, default: 0)
        }
        let usual = Self.attentionFactor(factor, try scale("mscale"), try scale("mscale_all_dim"))
        attentionFactor = try reader.number(given, "attention_factor", default: usual)
        betaFast = try reader.number(given, "beta_fast", default: 32)
        betaSlow = try reader.number(given, "beta_slow", default: 1)
        isTruncated = rope["truncate"] != false
    }

    /// Returns the frequencies, `[headWidth / 2]`.
    func frequencies(headWidth: Int, theta: Double) -> [Float] {
        let ramp = ramp(headWidth, theta)
        return (0..<(headWidth / 2)).map { dimension in
            let step = powf(Float(theta), Float(2 * dimension) / Float(headWidth))
            let stays = 1 - ramp[dimension]
            return 1 / (Float(factor) * step) * (1 - stays) + 1 / step * stays
        }
    }

    /// Returns the share of the divided frequency, `[headWidth / 2]`.
    private func ramp(_ headWidth: Int, _ theta: Double) -> [Float] {
        func dimension(_ turns: Double) -> Double {
            Double(headWidth) * log(trainedPositions / (turns * 2 * .pi)) / (2 * log(theta))
        }
        var (low, high) = (dimension(betaFast), dimension(betaSlow))
        if isTruncated { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        (low, high) = (max(low, 0), min(high, Double(headWidth - 1)))
        if low == high { high += Self.smallestRamp }
        return (0..<(headWidth / 2)).map { min(max((Float($0) - Float(low)) / Float(high - low), 0), 1) }
    }

    /// Returns the attention factor of a table without one; both scales count only together.
    private static func attentionFactor(_ factor: Double, _ scale: Double, _ scaleOfAll: Double) -> Double {
        func value(_ scale: Double) -> Double { factor > 1 ? 0.1 * scale * log(factor) + 1 : 1 }
        return scale != 0 && scaleOfAll != 0 ? value(scale) / value(scaleOfAll) : value(1)
    }
}
