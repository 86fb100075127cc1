import MLX

/// Cosine and sine of rotary positions, float32, one angle for each pair of values.
struct Rotary {
    let cosine: MLXArray
    let sine: MLXArray

    private init(_ angles: MLXArray) {
        cosine = cos(angles)
        sine = sin(angles)
    }

    private init(cosine: MLXArray, sine: MLXArray) {
        self.cosine = cosine
        self.sine = sine
    }

    /// Rotary positions in two dimensions: rows turn the first quarter of a head's values, columns the second.
    ///
    /// - Parameters:
    ///   - coordinates: `[N, 2]` (row, column).
    ///   - headWidth: d, divisible by 4.
    ///   - theta: base of the frequencies.
    /// - Returns: cosine and sine `[N, 1, d / 2]`.
    static func twoDimensional(_ coordinates: MLXArray, headWidth: Int, theta: Double) -> Rotary {
        let angles = coordinates.asType(.float32).expandedDimensions(axis: 2) * frequencies(headWidth / 2, theta)
        return Rotary(angles.reshaped(coordinates.dim(0), 1, headWidth / 2))  // from [N, 2, d / 4]
    }

    /// M-RoPE: the head's d / 2 frequencies are cut into three consecutive sections, which turn with time, height and
    /// width.
    ///
    /// - Parameters:
    ///   - positions: int32 `[3, L]`.
    ///   - config: gives the head's width, the base of the frequencies and the sections.
    /// - Returns: cosine and sine `[L, d / 2]`.
    static func threeDimensional(_ positions: MLXArray, _ config: TextConfig) -> Rotary {
        let rates =
            config.yarn.map { MLXArray($0.frequencies(headWidth: config.headWidth, theta: config.ropeTheta)) }
            ?? frequencies(config.headWidth, config.ropeTheta)
        let angles = positions.asType(.float32).expandedDimensions(axis: 2) * rates
        var parts: [MLXArray] = []
        var start = 0
        for (axis, size) in config.mropeSection.enumerated() where size > 0 {
            parts.append(angles[axis, 0..., start..<(start + size)])
            start += size
        }
        let turns = Rotary(concatenated(parts, axis: -1))
        guard let factor = config.yarn?.attentionFactor else { return turns }
        return Rotary(cosine: turns.cosine * Float(factor), sine: turns.sine * Float(factor))
    }

    /// Cosine and sine of some rows.
    subscript(rows: Range<Int>) -> Rotary { Rotary(cosine: cosine[rows], sine: sine[rows]) }

    /// Turns the pairs (i, i + d / 2) of the last axis, in float32.
    func turn(_ x: MLXArray) -> MLXArray {
        let halves = x.asType(.float32).split(parts: 2, axis: -1)
        let (first, second) = (halves[0], halves[1])
        return concatenated([first * cosine - second * sine, second * cosine + first * sine], axis: -1).asType(x.dtype)
    }

    /// theta^(-2 i / width), float32 `[width / 2]`.
    private static func frequencies(_ width: Int, _ theta: Double) -> MLXArray {
        let exponents = stride(from: 0, to: width, by: 2).map { Float($0) / Float(width) }
        return 1 / pow(MLXArray(Float(theta)), MLXArray(exponents))
    }
}
