import Foundation
import MLX
import Saccade

/// A whole model: image features stand in the prompt's place of image tokens, and the language model reads on.
///
/// Its methods run inside `Backend.run`.
struct VisionLanguageModel {
    /// Prompt tokens in one pass of the language model; what a pass allocates grows with this times the prompt.
    static let prefillChunk = 512

    /// A prompt with its images in place.
    struct Prompt {
        /// `[1, L, D]`.
        let embeddings: MLXArray
        /// int32 `[3, L]`.
        let positions: MLXArray
        /// Is added to a later token's index to give its position.
        let delta: Int

        /// Number of its tokens.
        var length: Int { embeddings.dim(1) }
    }

    let config: ModelConfig
    let pixels: PreprocessorConfig
    let tower: any VisionTower
    let language: LanguageModel
    /// Bytes of the weights.
    let weightBytes: Int
    /// Bytes of the largest packed layer as floats, where the CPU unpacks it.
    let unpackedBytes: Int

    /// Loads a checkpoint folder.
    ///
    /// - Throws: `ModelError.missingFile`, or `ModelError.input` for another architecture, a config value that is not
    ///   implemented, or tensors that are missing, unexpected, damaged, of another shape or quantized otherwise.
    init(folder: URL, precision: Precision, memoryLimit: Int?) throws {
        guard CheckpointFiles.isFolder(folder) else {
            throw ModelError.missingFile(
                "\(folder.path): no such folder. Give a folder with config.json and model.safetensors")
        }
        for name in ["adapter_config.json", "adapter_model.safetensors"] {
            let adapter = folder.appendingPathComponent(name)
            guard !CheckpointFiles.exists(adapter) else {
                throw ModelError.input(
                    "\(adapter.path): expected a whole model; got an adapter (LoRA). Merge it into its base model, and "
                        + "give the merged checkpoint; remove the file if it is merged already")
            }
        }
        // The architecture first: a folder of another model needs no look at its weights.
        try ModelConfig.checkFamily(folder)
        let index = try TensorIndex(folder)
        config = try ModelConfig.read(folder, embeddingRows: index.embeddingRows)
        pixels = try PreprocessorConfig.read(folder, config.vision, config.family)
        let check = try TensorCheck(index, config, source: folder.path)
        let needed = Weights.bytes(index, check, precision: precision)
        if let memoryLimit, needed > memoryLimit {
            throw ModelError.memory(
                "\(folder.path): the weights alone take \(needed) bytes; the memory limit is \(memoryLimit). Raise it, or "
                    + "load a smaller or quantized checkpoint")
        }
        let weights = try Weights(index, check, precision: precision, source: folder.path)
        unpackedBytes = try weights.unpackedBytes()
        if config.family == .qwen2VL {
            tower = try Qwen2VisionTower(weights, config.vision, pixels)
        } else {
            tower = try Qwen25VisionTower(weights, config.vision, pixels)
        }
        let folded = [tower.embedding.matrix, tower.embedding.bias]
        try Backend.evaluate(folded)
        weightBytes = weights.bytes + folded.reduce(0) { $0 + $1.nbytes }
        language = try LanguageModel(weights, config.text, tiesHead: config.tiesHead)
    }

    /// Precision of the computation.
    var type: DType { tower.type }

    /// Runs the tower on the native patches of one image.
    ///
    /// - Returns: `[tokens, D]`, evaluated.
    func features(_ patches: [UInt8], _ grid: PatchGrid, progress: ((Double) -> Void)? = nil) throws -> MLXArray {
        let count = grid.frames * grid.rows * grid.columns
        guard patches.count == count * config.vision.stillWidth, count > 0 else {
            throw ModelError.input(
                "patches: expected \(count) x \(config.vision.stillWidth) bytes for the grid; got \(patches.count)")
        }
        let array = patches.withUnsafeBufferPointer { MLXArray($0, [count, config.vision.stillWidth]) }
        return try tower(array, grid, progress: progress)
    }

    /// Embeds a prompt.
    ///
    /// - Parameters:
    ///   - ids: of its tokens; each image has as many image tokens as its features have rows.
    ///   - features: of each image.
    ///   - grids: of each image in patches.
    /// - Throws: `ModelError.input` for an id outside the vocabulary, or if tokens and images do not match.
    func prompt(_ ids: [Int], features: [MLXArray], grids: [PatchGrid]) throws -> Prompt {
        guard !ids.isEmpty, ids.allSatisfy((0..<config.text.vocabularySize).contains) else {
            throw ModelError.input(
                "prompt: expected ids in 0..\(config.text.vocabularySize - 1), at least one. Check that tokenizer.json "
                    + "and config.json belong together")
        }
        let places = ids.indices.filter { ids[$0] == config.tokens.image }
        let rows = features.reduce(0) { $0 + $1.dim(0) }
        guard places.count == rows else {
            throw ModelError.input("prompt: \(places.count) image tokens, but the images make \(rows)")
        }
        let turns = try mropePositions(
            ids, tokenIDs: config.tokens, imageGrids: grids, mergeSize: config.vision.mergeSize,
            tokensPerSecond: config.vision.tokensPerSecond)
        let table = language.embedding.rows(MLXArray(ids.map { Int32($0) }))
        if !places.isEmpty {
            table[MLXArray(places.map { Int32($0) })] = concatenated(features, axis: 0).asType(table.dtype)
        }
        return Prompt(
            embeddings: table.expandedDimensions(axis: 0), positions: MLXArray(turns.positions, [3, ids.count]),
            delta: turns.delta)
    }

    /// Reads a prompt in chunks into an empty cache and returns the logits `[vocabulary]` after its last token.
    ///
    /// - Parameter progress: called with the share read after each chunk.
    /// - Throws: `ModelError.input` for logits that are not finite, `CancellationError` if the task is cancelled.
    func prefill(_ prompt: Prompt, _ cache: [KVCache], progress: ((Double) -> Void)? = nil) throws -> MLXArray {
        var last = prompt.embeddings[0..., 0..<1]
        for first in stride(from: 0, to: prompt.length, by: Self.prefillChunk) {
            try Task.checkCancellation()
            let part = first..<min(first + Self.prefillChunk, prompt.length)
            last = try language(prompt.embeddings[0..., part], prompt.positions[0..., part], cache, isLastOnly: true)
            // Evaluated here, or the graph of all chunks would be alive at once.
            try Backend.evaluate([last] + cache.flatMap(\.state))
            progress?(Double(part.upperBound) / Double(prompt.length))
        }
        let logits = try language.head(last[0, -1].expandedDimensions(axis: 0))[0]
        try Backend.evaluate([logits])
        guard isAllFinite(logits) else { throw nonfiniteError("the language model", type) }
        return logits
    }

    /// Reads one more token and returns the logits `[vocabulary]` after it, not evaluated.
    ///
    /// - Parameters:
    ///   - token: int32 `[1]`.
    ///   - delta: of the prompt.
    ///   - cache: holds the tokens before.
    func decode(_ token: MLXArray, delta: Int, _ cache: [KVCache]) throws -> MLXArray {
        let place = Int32((cache.first?.offset ?? 0) + delta)
        let embedded = language.embedding.rows(token).expandedDimensions(axis: 0)  // [1, 1, D]
        let hidden = try language(embedded, MLXArray([place, place, place], [3, 1]), cache, isLastOnly: false)
        return try language.head(hidden[0, -1].expandedDimensions(axis: 0))[0]
    }

    /// Returns the logits `[L, vocabulary]` after every token of a prompt. For tests; `prefill` needs less memory.
    func logits(_ prompt: Prompt) throws -> MLXArray {
        let hidden = try language(prompt.embeddings, prompt.positions, language.makeCache(), isLastOnly: false)
        let logits = try language.head(hidden[0])
        try Backend.evaluate([logits])
        return logits
    }
}
