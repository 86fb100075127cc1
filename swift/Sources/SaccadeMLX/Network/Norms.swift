import MLX

/// A norm by the root mean square.
struct RMSNorm {
    let weight: MLXArray
    let epsilon: Float

    /// Normalizes rows in the precision of the weight, whatever that of x.
    func callAsFunction(_ x: MLXArray) -> MLXArray {
        Kernels.rmsNorm(x, weight: weight, epsilon: epsilon).asType(weight.dtype)
    }
}

/// A norm by mean and variance.
struct LayerNorm {
    let weight: MLXArray
    let bias: MLXArray
    let epsilon: Float

    /// Normalizes rows in the precision of the weight, whatever that of x.
    func callAsFunction(_ x: MLXArray) -> MLXArray {
        Kernels.layerNorm(x, weight: weight, bias: bias, epsilon: epsilon).asType(weight.dtype)
    }
}
