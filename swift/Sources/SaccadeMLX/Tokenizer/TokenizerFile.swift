import Foundation

/// A tokenizer.json with a byte-level BPE, read and checked. Any step that this package does not do is refused.
struct TokenizerFile {
    let words: [[UInt8]: Int32]
    let merges: [UInt64: BytePairs.Merge]
    let ignoresMerges: Bool
    let isComposed: Bool
    let scanner: PieceScanner
    let added: AddedTokens
    /// Bytes of each token, words and added ones.
    let texts: [Int: [UInt8]]

    private let source: String

    /// Reads a file.
    ///
    /// - Throws: `ModelError.missingFile`, or `ModelError.input` for another kind of tokenizer or a damaged file.
    init(_ url: URL) throws {
        guard CheckpointFiles.exists(url) else {
            throw ModelError.missingFile("\(url.path): no such file. Download the checkpoint's tokenizer")
        }
        let file = try CheckpointFiles.object(url)
        source = url.path
        for key in ["truncation", "padding"] where file.given(key) != nil {
            throw Self.error(source, key, "null", file[key])
        }
        isComposed = try Self.normalizer(file, source)
        scanner = try Self.scanner(file, source)
        try Self.checkLevel(file["decoder"], source)
        guard let model = file["model"]?.object else { throw Self.error(source, "model", "an object", file["model"]) }
        ignoresMerges = try Self.checkModel(model, source)
        words = try Self.words(model, source)
        merges = try Self.merges(model, words, source)
        added = AddedTokens(try Self.added(file, source))
        var texts: [Int: [UInt8]] = [:]
        for (bytes, id) in words { texts[Int(id)] = bytes }
        for token in added.tokens { texts[token.id] = token.text }
        self.texts = texts
    }

    private static func error(_ source: String, _ key: String, _ expected: String, _ value: JSON?) -> ModelError {
        .input(
            "\(source): \(key): expected \(expected); got \(brief(value)). Give the tokenizer.json of Qwen2-VL or "
                + "Qwen2.5-VL")
    }

    /// Returns true if text is composed first (NFC).
    private static func normalizer(_ file: JSONObject, _ source: String) throws -> Bool {
        guard let step = file.given("normalizer") else { return false }
        guard step.object?["type"] == "NFC" else { throw error(source, "normalizer", "NFC or none", step) }
        return true
    }

    private static func scanner(_ file: JSONObject, _ source: String) throws -> PieceScanner {
        let value = file["pre_tokenizer"]
        let steps = value?.object?["pretokenizers"]?.array?.compactMap(\.object) ?? []
        guard value?.object?["type"] == "Sequence", steps.count == 2, steps[0]["type"] == "Split",
            steps[0]["behavior"] == "Isolated", steps[0]["invert"] == false, steps[1]["type"] == "ByteLevel",
            steps[1]["use_regex"] == false, steps[1]["add_prefix_space"] == false
        else { throw error(source, "pre_tokenizer", "Split and ByteLevel", value) }
        guard let pattern = steps[0]["pattern"]?.object?["Regex"]?.string, let scanner = PieceScanner(pattern: pattern)
        else { throw error(source, "pre_tokenizer's pattern", "that of Qwen2", steps[0]["pattern"]) }
        return scanner
    }

    private static func checkLevel(_ decoder: JSON?, _ source: String) throws {
        guard decoder?.object?["type"] == "ByteLevel" else { throw error(source, "decoder", "ByteLevel", decoder) }
    }

    /// Checks the model's options; returns `ignore_merges`.
    private static func checkModel(_ model: JSONObject, _ source: String) throws -> Bool {
        guard (model.given("type") ?? "BPE") == "BPE" else { throw error(source, "model's type", "BPE", model["type"]) }
        for key in ["dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"] {
            guard let value = model.given(key), value != "" else { continue }
            throw error(source, "model's \(key)", "none", value)
        }
        for key in ["fuse_unk", "byte_fallback"] where (model.given(key) ?? false) != false {
            throw error(source, "model's \(key)", "false", model[key])
        }
        guard let ignores = (model.given("ignore_merges") ?? false).bool else {
            throw error(source, "model's ignore_merges", "true or false", model["ignore_merges"])
        }
        return ignores
    }

    private static func words(_ model: JSONObject, _ source: String) throws -> [[UInt8]: Int32] {
        guard let vocabulary = model["vocab"]?.object else {
            throw error(source, "model's vocab", "an object", model["vocab"])
        }
        var words: [[UInt8]: Int32] = [:]
        words.reserveCapacity(vocabulary.members.count)
        for (word, value) in vocabulary.members {
            guard let id = value.integer, let token = Int32(exactly: id), token >= 0 else {
                throw error(source, "id of \(brief(word))", "a whole number of at least 0", value)
            }
            // A word with another letter never occurs, because text has only letters of bytes.
            if let bytes = ByteLetters.bytes(of: word.unicodeScalars) { words[bytes] = token }
        }
        return words
    }

    private static func merges(
        _ model: JSONObject, _ words: [[UInt8]: Int32], _ source: String
    ) throws -> [UInt64: BytePairs.Merge] {
        guard let list = model["merges"]?.array else {
            throw error(source, "model's merges", "a list", model["merges"])
        }
        var merges: [UInt64: BytePairs.Merge] = [:]
        merges.reserveCapacity(list.count)
        for (rank, value) in list.enumerated() {
            guard let (left, right) = pair(value), let a = words[left], let b = words[right],
                let token = words[left + right], let rank = Int32(exactly: rank)
            else { throw error(source, "merge \(rank)", "two words of the vocabulary that make a third", value) }
            merges[BytePairs.key(a, b)] = BytePairs.Merge(rank: rank, token: token)
        }
        return merges
    }

    /// Returns the two words of a merge, written as "a b" or as ["a", "b"].
    private static func pair(_ value: JSON) -> (left: [UInt8], right: [UInt8])? {
        let parts: [Substring.UnicodeScalarView]
        if let text = value.string {
            parts = text.unicodeScalars.split(separator: " ", omittingEmptySubsequences: false).map {
                Substring($0).unicodeScalars
            }
        } else {
            parts = value.array?.compactMap { $0.string.map { Substring($0).unicodeScalars } } ?? []
        }
        guard parts.count == 2, let left = ByteLetters.bytes(of: parts[0]), let right = ByteLetters.bytes(of: parts[1])
        else { return nil }
        return (left, right)
    }

    private static func added(_ file: JSONObject, _ source: String) throws -> [AddedTokens.Token] {
        try (file.given("added_tokens")?.array ?? []).map { value in
            guard let token = value.object, let id = token["id"]?.integer, id >= 0, Int32(exactly: id) != nil,
                let text = token["content"]?.string, !text.isEmpty, let isSpecial = token["special"]?.bool
            else { throw error(source, "added_tokens", "tokens with id, content and special", value) }
            for key in ["single_word", "lstrip", "rstrip", "normalized"] where (token.given(key) ?? false) != false {
                throw error(source, "added token \(brief(text)): \(key)", "false", token[key])
            }
            return AddedTokens.Token(id: id, text: Array(text.utf8), isSpecial: isSpecial)
        }
    }
}
