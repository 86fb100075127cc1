import MLX

/// Attention of the last tokens to all tokens before them, with scores bounded in memory.
enum CausalAttention {
    /// Returns attention of queries `[1, H, L, d]`, the last L of S tokens, to keys and values `[1, K, S, d]`:
    /// `[1, L, H d]`.
    static func attend(_ queries: MLXArray, _ keys: MLXArray, _ values: MLXArray) throws -> MLXArray {
        let (heads, length, width, total) = (queries.dim(1), queries.dim(2), queries.dim(3), keys.dim(2))
        let scale = 1 / Float(width).squareRoot()
        func joined(_ mixed: MLXArray) -> MLXArray { mixed.swappedAxes(1, 2).reshaped(1, -1, heads * width) }
        let chunk = max(1, TowerMemory.scoreBytes / (heads * total * 4))
        if length == 1 || chunk >= length || Kernels.attentionIsFused(headWidth: width) {
            return joined(Kernels.attention(queries, keys, values, scale: scale, isCausal: length > 1))
        }
        var outputs: [MLXArray] = []
        for first in stride(from: 0, to: length, by: chunk) {
            let rows = first..<min(first + chunk, length)
            let visible = 0..<(total - length + rows.upperBound)
            let mixed = Kernels.attention(
                queries[0..., 0..., rows], keys[0..., 0..., visible], values[0..., 0..., visible], scale: scale,
                isCausal: true)
            outputs.append(joined(mixed))
            try Backend.evaluate(outputs.suffix(1))  // or all scores would be alive at once
        }
        return concatenated(outputs, axis: 1)
    }
}
