/// The letters that stand for bytes in byte-level vocabularies, GPT-2's table: printable bytes are themselves, the others
/// letters from U+0100 on.
enum ByteLetters {
    private static let bytes: [Unicode.Scalar: UInt8] = {
        var table: [Unicode.Scalar: UInt8] = [:]
        var next: UInt32 = 0x100
        for byte in UInt8.min...UInt8.max {
            if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE {
                table[Unicode.Scalar(byte)] = byte
            } else if let letter = Unicode.Scalar(next) {
                table[letter] = byte
                next += 1
            }
        }
        return table
    }()

    /// Returns the bytes that a word of the vocabulary stands for; nil if it has another letter.
    static func bytes(of word: some Sequence<Unicode.Scalar>) -> [UInt8]? {
        var found: [UInt8] = []
        for letter in word {
            guard let byte = bytes[letter] else { return nil }
            found.append(byte)
        }
        return found
    }
}
