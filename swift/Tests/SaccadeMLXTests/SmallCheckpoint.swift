import Foundation
import Saccade
import XCTest

@testable import SaccadeMLX

/// A checkpoint of a few thousand weights, written from its config, to be damaged in parts.
struct SmallCheckpoint {
    /// A tensor as the header of a safetensors file has it.
    struct Tensor {
        var name: String
        var type = "F32"
        var shape: [Int]
        var bytes: Int
    }

    let folder: URL
    var config: JSONObject

    /// Writes the checkpoint into a new folder.
    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("small-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        config = try XCTUnwrap(try JSONParser.parse(Array(Self.configText.utf8)).object)
        try write(config)
        try writeWeights(Self.header(try tensors()))
        try Data(#"{"patch_size": 14, "merge_size": 2, "temporal_patch_size": 2}"#.utf8).write(
            to: file("preprocessor_config.json"))
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }

    func file(_ name: String) -> URL { folder.appendingPathComponent(name) }

    /// Loads the model; every damaged checkpoint has to end in a `ModelError`.
    func load() throws {
        _ = try Backend.run { try VisionLanguageModel(folder: folder, precision: .float32, memoryLimit: nil) }
    }

    func write(_ config: JSONObject) throws {
        try Data(JSON.object(config).written.utf8).write(to: file("config.json"))
    }

    /// The tensors of the config, all float32.
    func tensors() throws -> [Tensor] {
        let table = TensorTable(try ModelConfig(config, source: "config.json", embeddingRows: nil))
        var shapes = table.others
        for (name, matrix) in table.matrices { shapes["\(name).weight"] = [matrix.rows, matrix.columns] }
        return shapes.sorted { $0.key < $1.key }.map { name, shape in
            Tensor(name: name, shape: shape, bytes: 4 * shape.reduce(1, *))
        }
    }

    /// Returns the header of tensors that follow one another.
    static func header(_ tensors: [Tensor]) -> String {
        var start = 0
        let entries = tensors.map { tensor -> String in
            defer { start += tensor.bytes }
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            return #""\#(tensor.name)":{"dtype":"\#(tensor.type)","shape":[\#(shape)],"#
                + #""data_offsets":[\#(start),\#(start + tensor.bytes)]}"#
        }
        return "{\(entries.joined(separator: ","))}"
    }

    /// Writes model.safetensors with zeros for data.
    ///
    /// - Parameters:
    ///   - header: its text.
    ///   - length: what the file says of the header's length; nil for the truth.
    ///   - data: bytes of data; nil for those of the tensors.
    ///   - name: of the file.
    func writeWeights(
        _ header: String, length: UInt64? = nil, data: Int? = nil, name: String = "model.safetensors"
    ) throws {
        let text = Array(header.utf8)
        var bytes = withUnsafeBytes(of: (length ?? UInt64(text.count)).littleEndian) { Array($0) } + text
        bytes += [UInt8](repeating: 0, count: try data ?? tensors().reduce(0) { $0 + $1.bytes })
        try Data(bytes).write(to: file(name))
    }

    private static let configText = """
        {"model_type": "qwen2_5_vl", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 16, "rms_norm_eps": 1e-6,
         "rope_theta": 10000.0, "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 0]},
         "tie_word_embeddings": false, "max_position_embeddings": 64, "eos_token_id": 1, "image_token_id": 2,
         "video_token_id": 3, "vision_start_token_id": 4, "hidden_act": "silu",
         "vision_config": {"depth": 2, "hidden_size": 16, "intermediate_size": 8, "num_heads": 2, "out_hidden_size": 8,
                           "in_channels": 3, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2,
                           "window_size": 112, "fullatt_block_indexes": [1], "tokens_per_second": 2,
                           "hidden_act": "silu"}}
        """
}

/// Returns numbers that are the same in every run.
struct Numbers: RandomNumberGenerator {
    private var state: SplitMix

    init(_ seed: UInt64) { state = SplitMix(state: seed) }

    mutating func next() -> UInt64 {
        UInt64(state.fraction() * 0x1p32) << 32 | UInt64(state.fraction() * 0x1p32)
    }
}
