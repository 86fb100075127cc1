import Foundation
import MLX

/// The weights of a checkpoint folder by published names, in the precision of the computation.
struct Weights {
    /// Precision of the computation.
    let type: DType
    private let arrays: [String: MLXArray]
    private let packings: [String: Packing]

    /// Loads tensors that `TensorCheck` has passed.
    ///
    /// - Parameters:
    ///   - index: where they are.
    ///   - check: how they are packed.
    ///   - precision: requested by the caller.
    ///   - source: name of the folder in messages.
    /// - Throws: `ModelError.input` for a tied head that differs from the embedding.
    init(_ index: TensorIndex, _ check: TensorCheck, precision: Precision, source: String) throws {
        var loaded: [URL: [String: MLXArray]] = [:]
        var stored: [String: MLXArray] = [:]
        for (name, place) in index.places {
            let file = try loaded[place.file] ?? loadArrays(url: place.file)
            loaded[place.file] = file
            guard let array = file[place.key] else {
                throw ModelError.input("\(place.file.path): \(brief(place.key)) cannot be read. Download it again")
            }
            stored[name] = array
        }
        for name in check.tiedHead {
            let other = name.replacingOccurrences(of: "lm_head", with: "model.embed_tokens")
            guard let head = stored.removeValue(forKey: name), let embedding = stored[other],
                head.shape == embedding.shape, (head .== embedding).all().item(Bool.self)
            else {
                throw ModelError.input(
                    "\(source): config.json ties the head to the embedding, but \(name) differs from it. Set "
                        + "tie_word_embeddings to false or remove the head")
            }
        }
        let type = precision.type(own: index.type)
        let convolution = "visual.patch_embed.proj.weight"
        if check.hasChannelsLast { stored[convolution] = stored[convolution]?.transposed(0, 4, 1, 2, 3) }
        arrays = stored.mapValues { $0.dtype == .uint32 ? $0 : $0.asType(type) }
        packings = check.packings
        self.type = type
        try Backend.evaluate(Array(arrays.values))
    }

    /// Returns the bytes that the weights of a folder will take, from headers alone.
    static func bytes(_ index: TensorIndex, _ check: TensorCheck, precision: Precision) -> Int {
        let type = precision.type(own: index.type)
        return index.places.reduce(0) { sum, item in
            let (name, entry) = (item.key, item.value.entry)
            if check.tiedHead.contains(name) { return sum }
            return sum + entry.shape.reduce(1, *) * (entry.type == .uint32 ? 4 : type.size)
        }
    }

    /// Returns a tensor.
    func tensor(_ name: String) throws -> MLXArray {
        guard let array = arrays[name] else { throw ModelError.backend("\(name): the tensor was not checked") }
        return array
    }

    /// Returns a layer.
    func linear(_ name: String) throws -> Linear {
        let groups = try packings[name].map { packing in
            Linear.Groups(
                scales: try tensor("\(name).scales"), biases: try tensor("\(name).biases"), packing: packing)
        }
        return Linear(
            weight: try tensor("\(name).weight"), groups: groups, bias: arrays["\(name).bias"], type: type)
    }

    /// Bytes of all weights.
    var bytes: Int { arrays.values.reduce(0) { $0 + $1.nbytes } }

    /// The most bytes that one packed layer takes as floats, while the CPU multiplies many rows.
    func unpackedBytes() throws -> Int {
        try Backend.isGPU ? 0 : packings.keys.reduce(0) { max($0, try linear($1).unpackedBytes) }
    }
}
