import MLX

/// The precision in which a model computes.
public enum Precision: String, Sendable, CaseIterable {
    /// float32 on the CPU, where MLX multiplies halves slowly; else the checkpoint's own, but bfloat16 for float16:
    /// activations of the tower exceed 65,504 on some images.
    case automatic
    case float32
    case bfloat16
    case float16

    /// Returns the type to compute in, given the checkpoint's own.
    func type(own: DType) -> DType {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .float16: .float16
        case .automatic: Backend.isGPU ? (own == .float16 ? .bfloat16 : own) : .float32
        }
    }
}

extension TensorIndex {
    /// The checkpoint's own precision.
    var type: DType {
        switch places["model.norm.weight"]?.entry.type {
        case .float16: .float16
        case .bfloat16: .bfloat16
        default: .float32
        }
    }
}
