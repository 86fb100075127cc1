import Foundation

/// The choice of one answer's tokens by `Sampling`, in float64.
struct TokenSampler {
    private let sampling: Sampling
    private var random: SplitMix
    private var previous: Set<Int>

    /// Starts an answer.
    ///
    /// - Parameters:
    ///   - sampling: the rules, checked.
    ///   - prompt: ids before the answer, for the repetition penalty.
    init(_ sampling: Sampling, prompt: [Int]) {
        self.sampling = sampling
        random = SplitMix(state: sampling.seed ?? .random(in: .min ... .max))
        previous = sampling.repetitionPenalty == 1 ? [] : Set(prompt)
    }

    /// Chooses a token from finite logits.
    mutating func choose(_ logits: [Float]) -> Int {
        let (tokens, shares) = distribution(logits)
        var token = tokens[0]
        if tokens.count > 1 {
            let target = random.fraction() * shares.reduce(0, +)
            var sum = 0.0
            token = tokens[tokens.count - 1]
            for (candidate, share) in zip(tokens, shares) {
                sum += share
                if target < sum {
                    token = candidate
                    break
                }
            }
        }
        if sampling.repetitionPenalty != 1 { previous.insert(token) }
        return token
    }

    /// Returns token ids, most likely first where they were cut, and their shares, which add up to 1.
    func distribution(_ logits: [Float]) -> (tokens: [Int], shares: [Double]) {
        var values = logits.map(Double.init)
        for token in previous where token < values.count {
            values[token] *= values[token] > 0 ? 1 / sampling.repetitionPenalty : sampling.repetitionPenalty
        }
        let most = values.max() ?? 0
        if sampling.temperature == 0 { return ([values.firstIndex(of: most) ?? 0], [1]) }
        values = values.map { ($0 - most) / sampling.temperature }
        var tokens = values.indices.filter { values[$0] > -.infinity }
        let isCut = sampling.topP < 1 || (sampling.topK ?? .max) < tokens.count
        if isCut { tokens.sort { (-values[$0], $0) < (-values[$1], $1) } }
        if let count = sampling.topK { tokens = Array(tokens.prefix(count)) }
        var shares = tokens.map { exp(values[$0]) }
        let total = shares.reduce(0, +)
        shares = shares.map { $0 / total }
        if sampling.topP < 1 {
            var sum = 0.0
            let end = shares.firstIndex {
                sum += $0
                return sum >= sampling.topP
            }
            let count = (end ?? shares.count - 1) + 1
            (tokens, shares) = (Array(tokens.prefix(count)), Array(shares.prefix(count)))
        }
        if sampling.minP > 0 {
            let least = sampling.minP * (shares.max() ?? 0)
            let enough = shares.indices.filter { shares[$0] >= least }
            (tokens, shares) = (enough.map { tokens[$0] }, enough.map { shares[$0] })
        }
        let rest = shares.reduce(0, +)
        return (tokens, shares.map { $0 / rest })
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a small generator whose numbers are the same on every platform.
struct SplitMix {
    var state: UInt64

    /// Returns a number of at least 0 and below 1.
    mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
