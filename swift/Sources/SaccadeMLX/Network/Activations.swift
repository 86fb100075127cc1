import MLX

/// Returns silu(gate) x up (arXiv 2002.05202).
func swiglu(_ gate: MLXArray, _ up: MLXArray) -> MLXArray { gate * sigmoid(gate) * up }

/// Returns x times sigmoid(1.702 x).
func quickGELU(_ x: MLXArray) -> MLXArray { x * sigmoid(x * scalar(1.702, like: x)) }

/// Returns the exact GELU (arXiv 1606.08415), x times the normal distribution function of x.
func gelu(_ x: MLXArray) -> MLXArray {
    let half = scalar(0.5, like: x)
    return x * half * (scalar(1, like: x) + erf(x * half.sqrt()))
}

/// Returns a number in the type of an array. mlx-swift itself ends the process for float16 on Intel.
func scalar(_ value: Float, like x: MLXArray) -> MLXArray { MLXArray(value).asType(x.dtype) }
