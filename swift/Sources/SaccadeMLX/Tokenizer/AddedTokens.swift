/// The tokens that are found in text before it is cut: special ones, and others such as "<tool_call>".
struct AddedTokens {
    struct Token: Equatable {
        let id: Int
        let text: [UInt8]
        let isSpecial: Bool
    }

    /// A part of a text.
    enum Part: Equatable {
        case token(Int)
        case text(Range<Int>)
    }

    let tokens: [Token]
    /// Tokens by their first byte, the longest first.
    private let byFirst: [UInt8: [Token]]

    init(_ tokens: [Token]) {
        self.tokens = tokens
        byFirst = Dictionary(grouping: tokens.filter { !$0.text.isEmpty }) { $0.text[0] }
            .mapValues { $0.sorted { $0.text.count > $1.text.count } }
    }

    /// Cuts a text at its added tokens, the leftmost first and of these the longest.
    ///
    /// - Parameters:
    ///   - bytes: the text in UTF-8.
    ///   - areSpecialsText: true to leave special tokens in the text.
    func split(_ bytes: [UInt8], areSpecialsText: Bool) -> [Part] {
        var parts: [Part] = []
        var (start, place) = (0, 0)
        while place < bytes.count {
            let found = byFirst[bytes[place]]?.first {
                !(areSpecialsText && $0.isSpecial) && bytes[place...].starts(with: $0.text)
            }
            guard let found else {
                place += 1
                continue
            }
            if place > start { parts.append(.text(start..<place)) }
            parts.append(.token(found.id))
            place += found.text.count
            start = place
        }
        if start < bytes.count { parts.append(.text(start..<bytes.count)) }
        return parts
    }
}
