import MLX

/// A matrix product, with float or packed weights `[rows, columns]`, and a bias or none.
struct Linear {
    /// Rows from which the CPU unpacks the weights and multiplies by BLAS: MLX's quantized product takes row by row.
    static let rowsToUnpack = 8

    /// Scales and biases of packed weights.
    struct Groups {
        let scales: MLXArray
        let biases: MLXArray
        let packing: Packing
    }

    let weight: MLXArray
    let groups: Groups?
    let bias: MLXArray?
    /// Precision of the computation.
    let type: DType

    /// `[..., columns]` -> `[..., rows]`.
    func callAsFunction(_ x: MLXArray) throws -> MLXArray {
        guard let groups else {
            return bias.map { addMM($0, x, weight.T) } ?? matmul(x, weight.T)
        }
        let product: MLXArray
        if !Backend.isGPU, x.size / x.dim(-1) >= Self.rowsToUnpack {
            product = matmul(x, unpacked(weight, groups.scales, groups.biases).T)
            try Backend.evaluate([product])  // or the floats of many layers would be alive at once
        } else {
            product = quantizedMM(
                x, weight, scales: groups.scales, biases: groups.biases, transpose: true,
                groupSize: groups.packing.groupSize, bits: groups.packing.bits)
        }
        return bias.map { product + $0 } ?? product
    }

    /// Rows of the weights by number, as floats: `[count]` -> `[count, columns]`.
    func rows(_ numbers: MLXArray) -> MLXArray {
        guard let groups else { return weight.take(numbers, axis: 0) }
        return unpacked(
            weight.take(numbers, axis: 0), groups.scales.take(numbers, axis: 0), groups.biases.take(numbers, axis: 0))
    }

    /// Bytes of the weights as floats, if they are packed; else 0.
    var unpackedBytes: Int {
        groups.map { $0.scales.size * $0.packing.groupSize * type.size } ?? 0
    }

    private func unpacked(_ weight: MLXArray, _ scales: MLXArray, _ biases: MLXArray) -> MLXArray {
        guard let packing = groups?.packing else { return weight }
        return dequantized(weight, scales: scales, biases: biases, groupSize: packing.groupSize, bits: packing.bits)
            .asType(type)
    }
}
