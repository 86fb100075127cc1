import MLX

/// The operations that MLX has as fused kernels: those of `MLXFast` on Apple platforms, plain operations elsewhere.
///
/// The plain forms are compiled everywhere. They are what the tests on Linux run, and the oracle of the fused ones.
enum Kernels {
    /// Head widths of Metal's fused attention in every version of the range; later versions only add to them.
    private static let fusedWidths: Set = [64, 80, 128]

    /// True if attention never writes out its scores.
    static func attentionIsFused(headWidth: Int) -> Bool {
        #if canImport(Metal)
            return Backend.isGPU && fusedWidths.contains(headWidth)
        #else
            return false
        #endif
    }

    /// Divides rows by their root mean square, and scales them.
    static func rmsNorm(_ x: MLXArray, weight: MLXArray, epsilon: Float) -> MLXArray {
        #if canImport(Metal)
            return MLXFast.rmsNorm(x, weight: weight, eps: epsilon)
        #else
            return plainRMSNorm(x, weight: weight, epsilon: epsilon)
        #endif
    }

    /// Brings rows to a mean of 0 and a variance of 1, scales and shifts them.
    static func layerNorm(_ x: MLXArray, weight: MLXArray, bias: MLXArray, epsilon: Float) -> MLXArray {
        #if canImport(Metal)
            return MLXFast.layerNorm(x, weight: weight, bias: bias, eps: epsilon)
        #else
            return plainLayerNorm(x, weight: weight, bias: bias, epsilon: epsilon)
        #endif
    }

    /// Returns attention of queries `[B, H, L, d]` to keys and values `[B, K, S, d]`; each key head serves H / K heads.
    ///
    /// - Parameter isCausal: true if the queries are the last L of S tokens, and see no later token.
    static func attention(
        _ queries: MLXArray, _ keys: MLXArray, _ values: MLXArray, scale: Float, isCausal: Bool
    ) -> MLXArray {
        #if canImport(Metal)
            return MLXFast.scaledDotProductAttention(
                queries: queries, keys: keys, values: values, scale: scale, mask: isCausal ? .causal : .none)
        #else
            return plainAttention(queries, keys, values, scale: scale, isCausal: isCausal)
        #endif
    }

    /// `rmsNorm` in plain operations, in float32 inside.
    static func plainRMSNorm(_ x: MLXArray, weight: MLXArray, epsilon: Float) -> MLXArray {
        let wide = x.asType(.float32)
        let normal = wide * rsqrt((wide * wide).mean(axis: -1, keepDims: true) + epsilon)
        return normal.asType(x.dtype) * weight
    }

    /// `layerNorm` in plain operations, in float32 inside.
    static func plainLayerNorm(_ x: MLXArray, weight: MLXArray, bias: MLXArray, epsilon: Float) -> MLXArray {
        let wide = x.asType(.float32)
        let centered = wide - wide.mean(axis: -1, keepDims: true)
        let normal = centered * rsqrt((centered * centered).mean(axis: -1, keepDims: true) + epsilon)
        return normal.asType(x.dtype) * weight + bias
    }

    /// `attention` in plain operations; the scores `[B, H, L, S]` are an array.
    static func plainAttention(
        _ queries: MLXArray, _ keys: MLXArray, _ values: MLXArray, scale: Float, isCausal: Bool
    ) -> MLXArray {
        let (batch, heads, length, width) = (queries.dim(0), queries.dim(1), queries.dim(2), queries.dim(3))
        let (keyHeads, total) = (keys.dim(1), keys.dim(2))
        let grouped = (queries * scalar(scale, like: queries)).reshaped(
            batch, keyHeads, heads / keyHeads, length, width)
        var scores = matmul(grouped, keys.expandedDimensions(axis: 2).swappedAxes(-1, -2))  // [B, K, H / K, L, S]
        if isCausal, length > 1 {
            let places = MLXArray(Int32(0)..<Int32(total))
            let own = MLXArray(Int32(total - length)..<Int32(total)).expandedDimensions(axis: 1)
            scores = which(places .<= own, scores, scalar(-.infinity, like: scores))
        }
        let shares = softmax(scores, axis: -1, precise: true)
        return matmul(shares, values.expandedDimensions(axis: 2)).reshaped(batch, heads, length, width)
    }
}
