import MLX

/// The memory of a vision tower's pass, predicted from its shape before it runs.
enum TowerMemory {
    /// Maximum bytes of attention scores at one time where no fused kernel exists.
    static let scoreBytes = 64 << 20
    /// Rows that pass through a layer's matrices at one time.
    static let rows = 2048

    /// Returns the number of queries per attention call without a fused kernel: their float32 scores fit `scoreBytes`.
    ///
    /// - Parameters:
    ///   - patches: patches that each query attends to.
    ///   - heads: number of attention heads.
    ///   - segments: segments of that size that may share a call.
    /// - Returns: from 1 to patches x segments.
    static func queryChunk(_ patches: Int, heads: Int, segments: Int = 1) -> Int {
        max(1, min(patches * segments, scoreBytes / (heads * patches * 4)))
    }

    /// Returns the peak of the tower for one image beyond its weights, the output included, in bytes.
    ///
    /// The memory of a block is the greater of two moments: attention (the stream, query, key, value and output, and one
    /// chunk of scores) and the rest (the stream before and after, the attention output, and a slice of rows through the
    /// matrices).
    ///
    /// - Parameters:
    ///   - config: shape of the tower.
    ///   - patches: of the image.
    ///   - type: precision of the computation.
    static func bytes(_ config: VisionConfig, patches: Int, type: DType) -> Int {
        let (width, count, inner) = (type.size, config.hiddenSize, config.intermediateSize)
        let slice = min(rows, patches)
        let stream = patches * count * (type == .bfloat16 ? 2 : 4)
        let angles = patches * config.headWidth * 4
        let isFused = Kernels.attentionIsFused(headWidth: config.headWidth)
        let chunk = queryChunk(patches, heads: config.headCount)
        let scores = isFused ? 0 : config.headCount * min(chunk, patches) * patches * 4
        // Query, key and value, their copies with heads first, the output, its parts and what joins them.
        let mixing = 9 * patches * count * width + scores
        let rest = stream + (patches * count + slice * (3 * inner + 4 * count)) * width
        let features = patches / config.unit * config.outHiddenSize * width
        return patches * config.stillWidth + stream + angles + max(mixing, rest) + features
    }
}
