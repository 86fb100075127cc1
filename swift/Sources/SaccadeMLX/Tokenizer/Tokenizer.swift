import Foundation

/// A byte-level BPE as Qwen2-VL and Qwen2.5-VL have it. Its ids are those of `tokenizers`.
struct Tokenizer: Sendable {
    private let file: TokenizerFile
    private let pairs: BytePairs

    /// Reads a tokenizer.json.
    ///
    /// - Throws: `ModelError.missingFile`, or `ModelError.input` for another kind of tokenizer or a damaged file.
    init(_ url: URL) throws {
        file = try TokenizerFile(url)
        pairs = BytePairs(words: file.words, merges: file.merges, ignoresMerges: file.ignoresMerges)
    }

    /// Returns the id of a special token; nil if there is none of this name.
    func special(_ name: String) -> Int? {
        file.added.tokens.first { $0.isSpecial && $0.text.elementsEqual(name.utf8) }?.id
    }

    /// Encodes a text.
    ///
    /// - Parameters:
    ///   - text: any text.
    ///   - areSpecialsText: true to read "<|im_end|>" as ten characters.
    func encode(_ text: String, areSpecialsText: Bool = false) -> [Int] {
        let bytes = Array(text.utf8)
        var ids: [Int] = []
        for part in file.added.split(bytes, areSpecialsText: areSpecialsText) {
            switch part {
            case .token(let id): ids.append(id)
            case .text(let range): encodePlain(bytes[range], into: &ids)
            }
        }
        return ids
    }

    /// Returns the bytes of a token; none for an unused id.
    func bytes(_ id: Int) -> [UInt8] { file.texts[id] ?? [] }

    private func encodePlain(_ bytes: ArraySlice<UInt8>, into ids: inout [Int]) {
        let isASCII = bytes.allSatisfy { $0 < 0x80 }
        var composed = Array(bytes)
        if file.isComposed, !isASCII {
            composed = Array(String(decoding: bytes, as: UTF8.self).precomposedStringWithCanonicalMapping.utf8)
        }
        var scalars: [UInt32] = []
        var starts: [Int] = []
        var place = 0
        for scalar in String(decoding: composed, as: UTF8.self).unicodeScalars {
            scalars.append(scalar.value)
            starts.append(place)
            place += UTF8.width(scalar)
        }
        starts.append(place)
        var start = 0
        for end in file.scanner.ends(scalars) {
            pairs.encode(composed[starts[start]..<starts[end]], into: &ids)
            start = end
        }
    }
}
