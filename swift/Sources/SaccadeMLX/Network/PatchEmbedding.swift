import MLX

/// The embedding of native patches: the two equal frames of a still, and (pixel / 255 - mean) / std, in one float32
/// matrix and a bias.
struct PatchEmbedding {
    let matrix: MLXArray
    let bias: MLXArray
    /// Precision of the result.
    let type: DType

    /// Folds a convolution's weight.
    ///
    /// - Parameters:
    ///   - weight: `[D, channel, frame, y, x]`.
    ///   - pixels: the normalization.
    ///   - type: precision of the computation.
    init(_ weight: MLXArray, _ pixels: PreprocessorConfig, type: DType) {
        let kernel = weight.asType(.float32).sum(axis: 2)  // [D, channel, y, x]
        let scale = MLXArray(pixels.std.map { Float($0) }, [1, 3, 1, 1])
        let shift = MLXArray(pixels.mean.map { Float($0) }, [1, 3, 1, 1]) / scale
        matrix = contiguous((kernel / (255 * scale)).reshaped(kernel.dim(0), -1).T)  // [588, D]
        bias = -(kernel * shift).sum(axes: [1, 2, 3])
        self.type = type
    }

    /// uint8 `[N, 588]` -> `[N, D]`.
    func callAsFunction(_ patches: MLXArray) -> MLXArray {
        addMM(bias, patches.asType(.float32), matrix).asType(type)
    }
}
