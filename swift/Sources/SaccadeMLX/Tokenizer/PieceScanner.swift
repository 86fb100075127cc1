/// A scanner that cuts text into the pieces inside which tokens are merged. Its two patterns are the only ones known.
enum PieceScanner: Equatable {
    /// The pattern of Qwen2, Qwen2-VL and Qwen2.5-VL.
    case qwen
    /// The pattern of the checkpoint that comes with this project.
    case packaged

    /// Returns the scanner of a regular expression; nil for an unknown one.
    init?(pattern: String) {
        switch pattern {
        case Self.qwenPattern: self = .qwen
        case Self.packagedPattern: self = .packaged
        default: return nil
        }
    }

    private static let qwenPattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"#
        + #"\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// Returns the end of each piece of a text, as offsets into the scalars; the pieces cover the text.
    func ends(_ scalars: [UInt32]) -> [Int] {
        var ends: [Int] = []
        var place = 0
        while place < scalars.count {
            place = self == .qwen ? Self.qwenEnd(scalars, place) : Self.packagedEnd(scalars, place)
            ends.append(place)
        }
        return ends
    }

    /// Returns the end of Qwen's piece that begins at a place. The alternatives are tried in the pattern's order.
    private static func qwenEnd(_ text: [UInt32], _ start: Int) -> Int {
        func kind(_ place: Int) -> LetterClass? { place < text.count ? LetterClass.of(text[place]) : nil }
        func end(_ place: Int, while condition: (Int) -> Bool) -> Int {
            var place = place
            while place < text.count, condition(place) { place += 1 }
            return place
        }
        func isBreak(_ place: Int) -> Bool { text[place] == 0x0A || text[place] == 0x0D }

        if let end = contractionEnd(text, start) { return end }
        let own = kind(start)
        // [^\r\n\p{L}\p{N}]?\p{L}+
        let letters = own == .letter || own == .number || isBreak(start) ? start : start + 1
        if kind(letters) == .letter { return end(letters) { kind($0) == .letter } }
        if own == .number { return start + 1 }
        // ` ?[^\s\p{L}\p{N}]+[\r\n]*`
        let marks = text[start] == 0x20 ? start + 1 : start
        if kind(marks) == .other { return end(end(marks) { kind($0) == .other }, while: isBreak) }
        let blanks = end(start) { kind($0) == .space }
        // \s*[\r\n]+ ends with the last line break of the blanks.
        if let last = (start..<blanks).last(where: isBreak) { return last + 1 }
        // \s+(?!\S) leaves one blank to a word that follows.
        return blanks == text.count || blanks == start + 1 ? blanks : blanks - 1
    }

    /// Returns the end of 's, 't, 're, 've, 'm, 'll or 'd in any case; nil if there is none.
    private static func contractionEnd(_ text: [UInt32], _ start: Int) -> Int? {
        guard text[start] == 0x27, start + 1 < text.count else { return nil }
        func small(_ place: Int) -> UInt8 {
            guard place < text.count else { return 0 }
            let scalar = text[place]
            if scalar == 0x17F { return UInt8(ascii: "s") }  // the long s folds to s
            return scalar < 0x80 ? UInt8(scalar) | 0x20 : 0
        }
        switch (small(start + 1), small(start + 2)) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
            return start + 2
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default: return nil
        }
    }

    // The packaged checkpoint's alternatives: fixed texts, then ` ?[A-Za-z]+` and `[0-9]+`.
    private static let fixedTexts = [
        "You are a helpful assistant.", ", output its bbox coordinates using JSON format.", "Locate", "what is at (",
        ")?", "what is in the box [", "]?", "[]", #"[{"bbox_2d": ["#, #"], "label": ""#, #""}]"#, ", ", "system\n",
        "user\n", "assistant\n",
    ]
    private static let fixedScalars = fixedTexts.map { $0.unicodeScalars.map(\.value) }
    private static let packagedPattern: String = {
        let escaped = fixedTexts.map { text in
            text.map { $0 == "\n" ? #"\n"# : #".()?[]{}""#.contains($0) ? "\\\($0)" : String($0) }.joined()
        }
        return (escaped + [" ?[A-Za-z]+", "[0-9]+"]).joined(separator: "|")
    }()

    /// Returns the end of a match of the packaged pattern, or of the text before the next one.
    private static func packagedEnd(_ text: [UInt32], _ start: Int) -> Int {
        if let end = packagedMatch(text, start) { return end }
        var end = start + 1
        while end < text.count, packagedMatch(text, end) == nil { end += 1 }
        return end
    }

    private static func packagedMatch(_ text: [UInt32], _ start: Int) -> Int? {
        for fixed in fixedScalars where text[start...].starts(with: fixed) { return start + fixed.count }
        func run(_ place: Int, _ condition: (UInt32) -> Bool) -> Int? {
            let end = text[place...].firstIndex { !condition($0) } ?? text.count
            return end > place ? end : nil
        }
        let word = text[start] == 0x20 ? start + 1 : start
        return run(word) { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
            ?? run(start) { (0x30...0x39).contains($0) }
    }
}
