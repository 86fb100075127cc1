import MLX

/// The keys and values of one layer, in buffers that grow by `step` tokens.
final class KVCache {
    static let step = 256

    /// Tokens read so far.
    private(set) var offset = 0
    private var keys: MLXArray?
    private var values: MLXArray?

    /// The buffers, to evaluate them.
    var state: [MLXArray] { [keys, values].compactMap { $0 } }

    /// Adds keys and values `[1, K, L, d]` and returns all of them, `[1, K, offset, d]`.
    func append(_ newKeys: MLXArray, _ newValues: MLXArray) -> (keys: MLXArray, values: MLXArray) {
        let places = offset..<(offset + newKeys.dim(2))
        offset = places.upperBound
        let (keys, values) = (store(self.keys, newKeys, places), store(self.values, newValues, places))
        (self.keys, self.values) = (keys, values)
        return (keys[0..., 0..., 0..<offset], values[0..., 0..., 0..<offset])
    }

    private func store(_ buffer: MLXArray?, _ new: MLXArray, _ places: Range<Int>) -> MLXArray {
        let capacity = buffer?.dim(2) ?? 0
        var whole = buffer
        if places.upperBound > capacity {
            let steps = (places.upperBound - capacity + Self.step - 1) / Self.step
            let more = MLXArray.zeros([1, new.dim(1), steps * Self.step, new.dim(3)], dtype: new.dtype)
            whole = buffer.map { concatenated([$0, more], axis: 2) } ?? more
        }
        guard let whole else { return new }
        whole[0..., 0..., places] = new
        return whole
    }
}
