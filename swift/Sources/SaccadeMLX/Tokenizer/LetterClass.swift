/// The class of a Unicode scalar in the patterns that cut text into pieces.
enum LetterClass: UInt8 {
    /// Anything else: punctuation, symbols, marks.
    case other
    /// `\p{L}`.
    case letter
    /// `\p{N}`.
    case number
    /// `\s`.
    case space

    /// Returns the class of a scalar.
    static func of(_ scalar: UInt32) -> LetterClass {
        scalar < UInt32(table.count) ? LetterClass(rawValue: table[Int(scalar)]) ?? .other : .other
    }

    /// The class of each scalar up to the last letter or number. The tables are those of `tokenizers`: the system's and
    /// Swift's own follow other versions of Unicode.
    private static let table: [UInt8] = {
        let ends = [letterRanges, numberRanges, spaceRanges].map { ($0.last ?? 0) + 1 }
        var table = [UInt8](repeating: LetterClass.other.rawValue, count: Int(ends.max() ?? 0))
        for (ranges, kind) in [
            (letterRanges, LetterClass.letter), (numberRanges, .number), (spaceRanges, .space),
        ] {
            for place in stride(from: 0, to: ranges.count, by: 2) {
                for scalar in ranges[place]...ranges[place + 1] { table[Int(scalar)] = kind.rawValue }
            }
        }
        return table
    }()
}
