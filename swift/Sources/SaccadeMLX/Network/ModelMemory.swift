import MLX

/// A prediction of a request's memory in bytes, as MLX counts it.
public struct MemoryEstimate: Hashable, Sendable {
    /// The whole model, which is in memory already.
    public let weights: Int
    /// Beyond the weights, while the largest image goes through the tower.
    public let vision: Int
    /// Beyond the weights, while the language model reads the prompt, with room for the answer.
    public let prefill: Int

    /// Highest total at any time.
    public var peak: Int { weights + max(vision, prefill) }
}

extension VisionLanguageModel {
    /// Predicts the memory of a request.
    ///
    /// - Parameters:
    ///   - patches: of each image, in order.
    ///   - prompt: tokens of the prompt, images included.
    ///   - answer: most tokens of the answer.
    func estimate(patches: [Int], prompt: Int, answer: Int) -> MemoryEstimate {
        var (features, vision) = (0, 0)
        for count in patches {
            vision = max(
                vision, features + TowerMemory.bytes(config.vision, patches: count, type: type) + unpackedBytes)
            features += count / config.vision.unit * config.vision.outHiddenSize * type.size
        }
        return MemoryEstimate(
            weights: weightBytes, vision: vision,
            prefill: prefillBytes(prompt: prompt, answer: answer) + features + unpackedBytes)
    }

    /// Returns the peak of reading a prompt in chunks beyond the weights, with the answer's keys and values.
    ///
    /// It holds embeddings, keys and values of all layers in steps of `KVCache.step`, one layer's again while it grows,
    /// a chunk's activations and, without a fused kernel, its scores.
    private func prefillBytes(prompt: Int, answer: Int) -> Int {
        let (text, size) = (config.text, type.size)
        let chunk = min(Self.prefillChunk, prompt)
        let capacity = (prompt + answer + KVCache.step - 1) / KVCache.step * KVCache.step
        let layer = 2 * text.keyHeadCount * text.headWidth * capacity * size
        let wide = chunk * (6 * text.hiddenSize + 3 * text.intermediateSize) * size
        let queries = min(chunk, max(1, TowerMemory.scoreBytes / (text.headCount * prompt * 4)))
        let isFused = Kernels.attentionIsFused(headWidth: text.headWidth)
        let scores = isFused ? 0 : (text.headCount * 4 + 8) * queries * prompt  // with the mask of one head
        let embeddings = 2 * prompt * text.hiddenSize * size
        return embeddings + layer * text.layerCount + 2 * layer + wide + scores + text.vocabularySize * 4
    }
}
