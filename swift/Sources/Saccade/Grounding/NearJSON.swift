/// A number, string or word.
final class Leaf {
    enum Kind { case number, string, word }

    /// A word has no quotes.
    let kind: Kind
    /// The decoded content of a string, anything else as written.
    let text: String
    let start: Int
    let end: Int
    /// True if the text ends before the leaf is known to be whole.
    let isCut: Bool

    init(_ kind: Kind, _ text: String, _ start: Int, _ end: Int, isCut: Bool = false) {
        self.kind = kind
        self.text = text
        self.start = start
        self.end = end
        self.isCut = isCut
    }
}

/// The values between brackets, or those of the whole text.
final class Group {
    /// The bracket; nil for the whole text.
    let opener: Unicode.Scalar?
    let start: Int
    /// Index behind the closing bracket.
    var end: Int
    /// False if the text ends first.
    var isClosed = false
    var items: [Item] = []

    init(_ opener: Unicode.Scalar?, _ start: Int, _ end: Int) {
        self.opener = opener
        self.start = start
        self.end = end
    }
}

enum Node {
    case leaf(Leaf)
    case group(Group)

    var start: Int {
        switch self {
        case .leaf(let leaf): return leaf.start
        case .group(let group): return group.start
        }
    }

    var end: Int {
        switch self {
        case .leaf(let leaf): return leaf.end
        case .group(let group): return group.end
        }
    }

    var leaf: Leaf? { if case .leaf(let leaf) = self { leaf } else { nil } }
    var group: Group? { if case .group(let group) = self { group } else { nil } }
}

/// A value and its key, if it has one.
struct Item {
    var key: String?
    var value: Node
}

/// Parses what looks like JSON, a Python value or a call into groups of values.
///
/// Models cut JSON off, forget commas and quotes, and mix it with prose, so nothing is malformed: every bracket opens a
/// group, and what cannot be read inside one is a word. The time is linear in the length of the text.
struct NearJSON {
    typealias Table = NearJSONTable

    let root: Group
    private(set) var groups: [Group] = []
    /// The index to which the text was read.
    private(set) var end = 0

    private let text: Scalars
    private let written: Scalars
    private var stack: [Group]
    private var depths: [Unicode.Scalar: Int] = [:]
    private var key: String?
    private var isAfterWord = false
    private var quotes: Quotes?

    /// - Parameters:
    ///   - text: to parse.
    ///   - written: the same before scalars were replaced one by one; strings are taken from it.
    init(_ text: Scalars, written: Scalars) {
        self.text = text
        self.written = written
        root = Group(nil, 0, text.count)
        stack = [root]
        var position = 0
        for _ in 0..<Table.maxSteps {
            guard position < text.count else { break }
            position = stack.count > 1 ? inGroup(position) : inText(position)
        }
        end = position
        for group in stack.dropFirst() { group.end = text.count }
    }

    /// Parses a string of an answer.
    init(_ text: String) {
        let scalars = Array(text.unicodeScalars)
        self.init(scalars, written: scalars)
    }

    /// Goes to the next bracket or known key outside all brackets.
    private mutating func inText(_ start: Int) -> Int {
        guard let match = Table.inText.search(text, start) else { return text.count }
        if match.range("open") != nil { return open(match.start) }
        let position = match.end
        if position < text.count, "[({".unicodeScalars.contains(text[position]) {
            key = match["key"]
            return open(position)
        }
        if position < text.count, text[position] == "\"" || text[position] == "'" {
            key = match["key"]
            return string(position)
        }
        guard let name = match["key"], Table.textNames.split(separator: "|").contains(Substring(name)) else {
            return position
        }
        let line = (text.lastIndex(of: "\n", max(0, match.start - 40), match.start) ?? -1) + 1
        let before = text[line..<match.start]
        guard before.allSatisfy({ " \t-*".unicodeScalars.contains($0) }),
            let rest = Table.unquoted.match(text, position)
        else { return position }
        key = name
        add(.leaf(Leaf(.word, written.stripped(position, rest.end), position, rest.end)))
        return rest.end
    }

    /// Reads one token inside brackets.
    private mutating func inGroup(_ position: Int) -> Int {
        guard let match = Table.token.match(text, position) else { return position + 1 }
        let taken = text[position..<match.end]
        if match.range("space") != nil {
            if taken.contains(where: { $0 == "," || $0 == ";" }) { key = nil }
            if taken.contains("\n") || !taken.allSatisfy({ ScalarSet.isMember($0, of: .space) }) { isAfterWord = false }
        } else if match.range("open") != nil {
            return open(position)
        } else if match.range("close") != nil {
            close(text[position], match.end)
        } else if match.range("tag") != nil {
            add(.leaf(Leaf(.string, String(written[position..<match.end]), position, match.end)))
        } else if let number = match["number"] {
            add(.leaf(Leaf(.number, number, position, match.end, isCut: match.end == text.count)))
        } else if match.range("key") != nil, key == nil, !(isAfterWord && isQuote(text[position])) {
            key = String(taken.dropLast().trimming { ScalarSet.isMember($0, of: .space) }.trimming(isQuote))
            isAfterWord = false
        } else if isQuote(text[position]) {
            // After a word it is an apostrophe, or a quoted word in prose.
            return key == nil && isAfterWord ? position + 1 : string(position)
        } else {
            return word(position, match.end)
        }
        return match.end
    }

    /// Reads a word. The value of a key goes on to the next comma, bracket or line.
    private mutating func word(_ position: Int, _ wordEnd: Int) -> Int {
        let rest = key == nil ? nil : Table.unquoted.match(text, position)
        let end = max(wordEnd, rest?.end ?? 0)
        add(.leaf(Leaf(.word, written.stripped(position, end), position, end, isCut: end == text.count)))
        isAfterWord = true
        return end
    }

    /// Reads a string. One without an end goes to the end of its line.
    private mutating func string(_ position: Int) -> Int {
        let known = quotes ?? Quotes(text)
        quotes = known
        let hasKey = key != nil
        let quote = text[position]
        if let end = known.end(of: position, quote, isGenerous: hasKey) {
            let content = decoded(written[(position + 1)..<end], quote)
            add(.leaf(Leaf(.string, content, position, end + 1)))
            return end + 1
        }
        guard hasKey else {
            isAfterWord = true
            return position + 1
        }
        let end = text[position...].firstIndex(of: "\n") ?? text.count
        var content = written[min(position + 1, end)..<end]
        while let last = content.last, last == quote || last == " " { content.removeLast() }
        add(.leaf(Leaf(.string, String(content), position, end, isCut: end == text.count)))
        return end
    }

    private mutating func add(_ node: Node) {
        stack[stack.count - 1].items.append(Item(key: key, value: node))
        key = nil
        isAfterWord = false
    }

    /// Opens a group. Groups deeper than any answer has are given up, so that stray brackets do not hide what follows.
    private mutating func open(_ position: Int) -> Int {
        if stack.count > Table.maxDepth {
            for group in stack.dropFirst() { group.end = position }
            stack.removeSubrange(1...)
            depths = [:]
            key = nil
        }
        let group = Group(text[position], position, position)
        add(.group(group))
        groups.append(group)
        stack.append(group)
        depths[text[position], default: 0] += 1
        return position + 1
    }

    /// Closes the innermost group that a bracket fits, and those inside it. Ignores one that fits none.
    private mutating func close(_ closer: Unicode.Scalar, _ end: Int) {
        key = nil
        isAfterWord = false
        let openers = Table.closers[String(closer)]?.unicodeScalars ?? "".unicodeScalars
        guard openers.contains(where: { depths[$0, default: 0] > 0 }) else { return }
        while stack.count > 1 {
            let group = stack.removeLast()
            group.end = end
            group.isClosed = true
            guard let opener = group.opener else { return }
            depths[opener, default: 0] -= 1
            if openers.contains(opener) { return }
        }
    }
}

private func isQuote(_ scalar: Unicode.Scalar) -> Bool { scalar == "\"" || scalar == "'" }

/// The ends of strings. Quotes inside them are often not escaped, so a quote alone does not end one.
private struct Quotes {
    private let text: Scalars
    /// The quotes of each kind that are not escaped, and those that what follows makes ends.
    private var places: [Unicode.Scalar: [Int]] = ["\"": [], "'": []]
    private var ends: [Unicode.Scalar: [Int]] = [:]

    init(_ text: Scalars) {
        self.text = text
        for match in NearJSONTable.quotes.all(text) where isQuote(text[match.start]) {
            places[text[match.start]]?.append(match.start)
        }
        ends = places.mapValues { $0.filter { NearJSONTable.afterValue.match(text, $0 + 1) != nil } }
    }

    /// Returns the index of the quote that ends a string; nil if nothing does.
    ///
    /// - Parameters:
    ///   - start: index of the quote that opens it.
    ///   - isGenerous: let it hold quotes that are not escaped, within its line.
    func end(of start: Int, _ quote: Unicode.Scalar, isGenerous: Bool) -> Int? {
        guard let places = places[quote], let ends = ends[quote] else { return nil }
        let after = ends.firstPlace { $0 > start }
        let next = places.firstPlace { $0 > start }
        guard after < ends.count else { return nil }
        if places[next] == ends[after], isGenerous { return ends[after] }
        guard isGenerous || places[next] == ends[after] else { return nil }
        return text[start..<ends[after]].contains("\n") ? nil : ends[after]
    }
}

extension Array {
    /// Returns the index of the first element with a property that all later ones have too; `count` without one.
    func firstPlace(where hasProperty: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if hasProperty(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension [Unicode.Scalar] {
    /// Returns the last index of a scalar in a range; nil without one.
    func lastIndex(of scalar: Unicode.Scalar, _ start: Int, _ end: Int) -> Int? {
        start < end ? self[start..<end].lastIndex(of: scalar) : nil
    }

    /// Returns a part without the white space around it.
    func stripped(_ start: Int, _ end: Int) -> String {
        String(self[start..<end].trimming { ScalarSet.isMember($0, of: .space) })
    }
}

extension ArraySlice<Unicode.Scalar> {
    /// Returns a part without what lies around it.
    func trimming(_ isOutside: (Unicode.Scalar) -> Bool) -> Self {
        guard let first = firstIndex(where: { !isOutside($0) }), let last = lastIndex(where: { !isOutside($0) }) else {
            return self[startIndex..<startIndex]
        }
        return self[first...last]
    }
}

extension String {
    /// The text without the white space around it.
    var stripped: String {
        let scalars = Array(unicodeScalars)
        return scalars.stripped(0, scalars.count)
    }
}

/// Returns a string's content with its escapes resolved, if all of them are JSON's; else as it is.
private func decoded(_ content: ArraySlice<Unicode.Scalar>, _ quote: Unicode.Scalar) -> String {
    guard content.contains("\\") else { return String(content) }
    return unescaped(quote == "'" ? inDoubleQuotes(content) : Array(content)) ?? String(content)
}

/// Returns the content of a string in single quotes as it is written in double ones.
private func inDoubleQuotes(_ content: ArraySlice<Unicode.Scalar>) -> Scalars {
    var result: Scalars = []
    for (scalar, next) in zip(content, content.dropFirst() + [" "]) where !(scalar == "\\" && next == "'") {
        result += scalar == "\"" ? ["\\", "\""] : [scalar]
    }
    return result
}

/// Returns the content of a JSON string; nil if an escape is none of JSON's.
private func unescaped(_ content: Scalars) -> String? {
    var units: [UInt16] = []
    var position = 0
    while position < content.count {
        let scalar = content[position]
        position += 1
        guard scalar == "\\" else {
            if scalar == "\"" { return nil }
            units += Array(String(scalar).utf16)
            continue
        }
        guard position < content.count else { return nil }
        let escape = content[position]
        position += 1
        if let control = controls[escape] {
            units.append(control)
        } else if escape == "u", position + 4 <= content.count, let unit = hexadecimal(content[position..<position + 4])
        {
            units.append(unit)
            position += 4
        } else {
            return nil
        }
    }
    // Halves of a surrogate pair become replacement characters.
    return String(decoding: units, as: UTF16.self)
}

private let controls: [Unicode.Scalar: UInt16] = [
    "\"": 0x22, "\\": 0x5C, "/": 0x2F, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9,
]

private func hexadecimal(_ digits: ArraySlice<Unicode.Scalar>) -> UInt16? {
    digits.allSatisfy(\.properties.isASCIIHexDigit) ? UInt16(String(digits), radix: 16) : nil
}
