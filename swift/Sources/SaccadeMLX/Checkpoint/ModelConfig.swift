import Foundation
import Saccade

/// The architecture that a checkpoint's config.json describes, read and checked.
///
/// Two spellings exist. The flat one of the published checkpoints has the language model's values at the top level. The
/// nested one, which transformers 5 writes, has them in `text_config`. A missing value takes the reference's default.
/// A value that this package does not implement is refused; `ConfigKeys` has the rule for keys that it does not read.
struct ModelConfig {
    /// Family of the checkpoint, Qwen2-VL or Qwen2.5-VL.
    let family: ModelFamily
    let vision: VisionConfig
    let text: TextConfig
    /// Ids of the placeholders of visual tokens.
    let tokens: VisionTokenIDs
    /// True if the head is the embedding.
    let tiesHead: Bool
    /// Ids that end an answer.
    let endTokens: Set<Int>
    /// How the weights are quantized; nil for float weights.
    let quantization: QuantizationConfig?
    /// Keys of the file that change nothing.
    let ignored: [String]
    /// Sentences on values that something else overrides.
    let notes: [String]

    private static let topKeys: Set = [
        "image_token_id", "video_token_id", "vision_start_token_id", "model_type", "text_config", "vision_config",
        "quantization", "quantization_config", "auto_map", "model_file",
    ]

    /// Reads config.json and the end tokens of generation_config.json.
    ///
    /// - Parameters:
    ///   - folder: the checkpoint.
    ///   - embeddingRows: rows of the embedding in the weights, which count where `vocab_size` differs.
    /// - Throws: `ModelError.missingFile` without the file, `ModelError.input` for what it does not implement.
    static func read(_ folder: URL, embeddingRows: Int?) throws -> ModelConfig {
        var raw = try CheckpointFiles.object(folder.appendingPathComponent("config.json"))
        let generation = folder.appendingPathComponent("generation_config.json")
        if let ends = try CheckpointFiles.optionalObject(generation)?.given("eos_token_id") {
            _ = try tokenIDs(ends, generation.path)
            raw["eos_token_id"] = ends
        }
        return try ModelConfig(
            raw, source: folder.appendingPathComponent("config.json").path, embeddingRows: embeddingRows)
    }

    /// Refuses a folder of another architecture, without a look at its weights.
    static func checkFamily(_ folder: URL) throws {
        let url = folder.appendingPathComponent("config.json")
        _ = try family(try CheckpointFiles.object(url), ConfigReader(source: url.path))
    }

    /// Reads a parsed config.json; see `read`.
    init(_ raw: JSONObject, source: String, embeddingRows: Int?) throws {
        var reader = ConfigReader(source: source)
        family = try Self.family(raw, reader)
        for key in ["auto_map", "model_file"] {
            if let code = raw.given(key) {
                throw reader.error(key, expected: "no code, which is never run", got: code)
            }
        }
        guard let visionTable = raw["vision_config"]?.object else {
            throw ModelError.input(
                "\(source): vision_config is missing. Give the config.json of a vision checkpoint")
        }
        let (section, nested) = try Self.textSection(raw, reader)
        for part in [raw, section] { try reader.check(part, "tie_word_embeddings", implemented: [true, false, nil]) }
        let known = Self.topKeys.union(TextConfig.keys)
        try reader.checkKeys(section, known: known, in: .model, place: nested ? "text_config" : "")
        try reader.checkKeys(raw, known: known, in: .model)
        var language = try TextConfig.read(section, &reader)
        if let embeddingRows, embeddingRows != language.vocabularySize {
            reader.notes.append(
                "\(source): vocab_size is \(language.vocabularySize), and the embedding has \(embeddingRows) rows, "
                    + "which count")
            var rows = JSONObject()
            rows["rows of the embedding"] = .integer(embeddingRows)
            language.vocabularySize = try reader.size(rows, "rows of the embedding", default: nil)
        }
        text = language
        vision =
            family == .qwen25VL
            ? try VisionConfig.qwen25(visionTable, &reader) : try VisionConfig.qwen2(visionTable, &reader)
        tokens = VisionTokenIDs(
            image: try reader.integer(raw, "image_token_id", default: 151655),
            video: try reader.integer(raw, "video_token_id", default: 151656),
            visionStart: try reader.integer(raw, "vision_start_token_id", default: 151652))
        guard Set([tokens.image, tokens.video, tokens.visionStart]).count == 3 else {
            throw ModelError.input("\(source): expected three ids of image, video and vision start; got equal ones")
        }
        let ends = raw.given("eos_token_id") == nil ? section : raw
        endTokens = try Self.endTokens(ends["eos_token_id"], language.vocabularySize, &reader)
        tiesHead = raw["tie_word_embeddings"] == true || section["tie_word_embeddings"] == true
        quantization = try QuantizationConfig.read(raw, source: source)
        ignored = reader.ignored.sorted()
        notes = reader.notes
        guard vision.outHiddenSize == text.hiddenSize else {
            throw ModelError.input(
                "\(source): expected out_hidden_size of the tower to equal hidden_size of the language model; got "
                    + "\(vision.outHiddenSize) and \(text.hiddenSize)")
        }
    }

    private static func family(_ raw: JSONObject, _ reader: ConfigReader) throws -> ModelFamily {
        switch raw["model_type"]?.string {
        case "qwen2_vl": .qwen2VL
        case "qwen2_5_vl": .qwen25VL
        default:
            throw reader.error(
                "model_type", expected: "qwen2_vl or qwen2_5_vl", got: raw["model_type"],
                advice: "Give a checkpoint of one of these families")
        }
    }

    /// Returns the object with the language model's values: a whole `text_config`, else the file itself.
    private static func textSection(
        _ raw: JSONObject, _ reader: ConfigReader
    ) throws -> (section: JSONObject, nested: Bool) {
        guard let value = raw.given("text_config"), value != .object(JSONObject()) else { return (raw, false) }
        guard let nested = value.object else { throw reader.error("text_config", expected: "an object", got: value) }
        let whole = nested["hidden_size"] != nil
        let shapes: Set = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"]
        for key in whole ? shapes : TextConfig.keys.subtracting(["vocab_size", "eos_token_id"]) {
            if let a = raw.given(key), let b = nested.given(key), a != b {
                throw ModelError.input(
                    "\(reader.source): \(key): expected one value; got \(brief(a)) and, in text_config, \(brief(b)). "
                        + "Remove the wrong one")
            }
        }
        if whole { return (nested, true) }
        var joined = raw
        for (name, value) in nested.members where name != "model_type" { joined[name] = value }
        return (joined, false)
    }

    private static func tokenIDs(_ value: JSON?, _ source: String) throws -> [Int] {
        guard let value, !value.isNull else { return [] }
        let ids = (value.array ?? [value]).map(\.integer)
        guard ids.allSatisfy({ $0 != nil }) else {
            throw ModelError.input(
                "\(source): eos_token_id: expected a token id or a list of them; got \(brief(value))")
        }
        return ids.compactMap { $0 }
    }

    /// Returns the end tokens inside the vocabulary; the others never occur.
    private static func endTokens(_ value: JSON?, _ vocabulary: Int, _ reader: inout ConfigReader) throws -> Set<Int> {
        let ids = try tokenIDs(value, reader.source)
        let inside = ids.filter { (0..<vocabulary).contains($0) }
        guard !inside.isEmpty else {
            throw reader.error(
                "eos_token_id", expected: "an id in 0..\(vocabulary - 1), or no answer would end", got: value,
                advice: "Check it here and in generation_config.json")
        }
        for token in ids where !inside.contains(token) {
            reader.notes.append("\(reader.source): eos_token_id \(token) is outside the vocabulary and never occurs")
        }
        return Set(inside)
    }
}
