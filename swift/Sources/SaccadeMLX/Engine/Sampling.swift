/// The rules by which a token is chosen. Steps and their order are those of transformers: repetition penalty,
/// temperature, top-k, top-p, min-p.
public struct Sampling: Hashable, Sendable {
    /// Divides the logits, at least 0; 0 takes the most likely token, and the next three do nothing.
    public var temperature: Double
    /// Keeps the smallest set of most likely tokens that holds this share, above 0 and at most 1.
    public var topP: Double
    /// Keeps this many of the most likely tokens, at least 1; nil keeps all.
    public var topK: Int?
    /// Drops tokens below this share of the top probability, 0 to 1.
    public var minP: Double
    /// In 0.001 to 1000; logits of tokens in prompt or answer are divided by it where positive, else multiplied.
    public var repetitionPenalty: Double
    /// The same seed draws the same tokens from the same distributions; nil takes one from the system.
    public var seed: UInt64?

    /// The most likely token, always.
    public static let greedy = Sampling()

    /// Creates rules; the defaults take the most likely token.
    public init(
        temperature: Double = 0, topP: Double = 1, topK: Int? = nil, minP: Double = 0, repetitionPenalty: Double = 1,
        seed: UInt64? = nil
    ) {
        self.temperature = temperature
        self.topP = topP
        self.topK = topK
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.seed = seed
    }

    /// True if the most likely token is always taken.
    var isGreedy: Bool { temperature == 0 && repetitionPenalty == 1 }

    /// Checks the ranges.
    ///
    /// - Throws: `ModelError.input` for a value outside its range.
    func check() throws {
        func require(_ holds: Bool, _ name: String, _ expected: String, _ value: Any) throws {
            guard holds else { throw ModelError.input("\(name): expected \(expected); got \(value)") }
        }
        try require(
            temperature.isFinite && temperature >= 0, "temperature", "a finite number of at least 0", temperature)
        try require(topP > 0 && topP <= 1, "topP", "a number above 0, at most 1", topP)
        try require(topK.map { $0 >= 1 } ?? true, "topK", "at least 1, or nil", topK ?? 0)
        try require((0...1).contains(minP), "minP", "a number in 0 to 1", minP)
        try require(
            (0.001...1000).contains(repetitionPenalty), "repetitionPenalty", "a number in 0.001 to 1000",
            repetitionPenalty)
    }
}
