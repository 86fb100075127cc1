import MLX
import Saccade

/// The tokens of one answer, one step after another.
///
/// Greedy decoding on a GPU is pipelined: a token goes back into the model before its value is known to the caller, so
/// MLX computes while the caller works. The last token may be read ahead for nothing.
struct Generation {
    private let model: VisionLanguageModel
    private let cache: [KVCache]
    private let delta: Int
    private let isPipelined: Bool
    private var sampler: TokenSampler?
    /// Logits `[vocabulary]` of the next token.
    private var logits: MLXArray
    /// The next token, on its way; nil while it is sampled.
    private var best: MLXArray?

    /// Starts an answer.
    ///
    /// - Parameters:
    ///   - model: has read the prompt.
    ///   - cache: holds the prompt.
    ///   - delta: of the prompt.
    ///   - logits: after the prompt.
    ///   - sampler: chooses the tokens; nil takes the most likely ones.
    ///   - isPipelined: nil on a GPU only.
    init(
        _ model: VisionLanguageModel, _ cache: [KVCache], delta: Int, logits: MLXArray, sampler: TokenSampler?,
        isPipelined: Bool? = nil
    ) {
        self.model = model
        self.cache = cache
        self.delta = delta
        self.logits = logits
        self.sampler = sampler
        self.isPipelined = sampler == nil && (isPipelined ?? Backend.isGPU)
    }

    /// Returns the next token.
    ///
    /// - Parameter isLast: true if none follows, so that nothing is read ahead.
    /// - Throws: `ModelError.input` for logits that are not finite.
    mutating func next(isLast: Bool) throws -> Int {
        if isPipelined { return try nextPipelined(isLast: isLast) }
        try Backend.evaluate([logits])
        let token = try chosen()
        if !isLast { logits = try model.decode(MLXArray([Int32(token)]), delta: delta, cache) }
        return token
    }

    private mutating func chosen() throws -> Int {
        if sampler != nil {
            try checkFinite()
            let values = logits.asType(.float32).asArray(Float.self)
            return sampler?.choose(values) ?? 0
        }
        let token = logits.argMax().item(Int.self)
        if token == 0 { try checkFinite() }  // the token of NaN
        return token
    }

    private mutating func nextPipelined(isLast: Bool) throws -> Int {
        let current = best ?? logits.argMax(keepDims: true).reshaped(1).asType(.int32)
        let currentLogits = logits
        if !isLast {
            logits = try model.decode(current, delta: delta, cache)
            best = logits.argMax(keepDims: true).reshaped(1).asType(.int32)
            asyncEval([best ?? current])
        }
        try Backend.evaluate([current])
        let token = Int(current.item(Int32.self))
        if token == 0, !isAllFinite(currentLogits) { throw nonfiniteError("the language model", model.type) }
        return token
    }

    private func checkFinite() throws {
        guard isAllFinite(logits) else { throw nonfiniteError("the language model", model.type) }
    }
}
