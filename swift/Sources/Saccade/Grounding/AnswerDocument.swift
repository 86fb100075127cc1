/// The text of an answer with its groups. Scalars that one form has read are not read by another.
final class AnswerDocument {
    typealias Table = AnswerDocumentTable

    /// As the model wrote it.
    let written: Scalars
    /// The same with thinking blanked and full-width brackets, digits and marks made plain.
    let text: Scalars
    /// The same without the thoughts in an object's strings.
    let tags: Scalars
    /// The group of the whole text.
    let root: Group
    /// All brackets, in order.
    let groups: [Group]
    /// What was set aside, in words.
    var notes: [String]
    /// True if the text ends inside a list of numbers.
    let isCutOff: Bool

    private let code: [Range<Int>]
    private var isRead: [Bool]

    init(_ written: Scalars) {
        var (text, notes) = Thinking.setAside(written)
        text = text.map { Table.fullWidth[$0] ?? $0 }
        let parsed = NearJSON(text, written: written)
        if parsed.end < text.count {
            notes.append("only the first \(parsed.end) characters were searched for lists and objects")
        }
        self.written = written
        self.text = text
        self.notes = notes
        root = parsed.root
        groups = parsed.groups
        tags = Self.withoutThoughts(text, groups)
        isCutOff = groups.suffix(NearJSONTable.maxDepth).contains {
            !$0.isClosed && $0.end == text.count && Self.endsInNumbers($0)
        }
        code = Self.codeSpans(text)
        isRead = Array(repeating: false, count: written.count)
    }

    /// Returns true if no form has read any of these scalars.
    func isFree(_ range: Range<Int>) -> Bool { !isRead[range].contains(true) }

    /// Marks scalars as read.
    func take(_ range: Range<Int>) { for i in range { isRead[i] = true } }

    /// Returns true inside a fenced part in a programming language.
    func isCode(_ position: Int) -> Bool {
        let after = code.firstPlace { $0.lowerBound > position }
        return after > 0 && position < code[after - 1].upperBound
    }

    private static func withoutThoughts(_ text: Scalars, _ groups: [Group]) -> Scalars {
        var (result, position) = (text, 0)
        for item in groups.lazy.flatMap(\.items) {
            guard let key = item.key, let leaf = item.value.leaf, leaf.start >= position,
                ThinkingTable.thoughtKeys.contains(key.lowercased())
            else { continue }
            for i in leaf.start..<leaf.end { result[i] = " " }
            position = leaf.end
        }
        return result
    }

    private static func codeSpans(_ text: Scalars) -> [Range<Int>] {
        let fences = Table.fence.all(text)
        return stride(from: 0, to: fences.count, by: 2).compactMap { number in
            let end = number + 1 < fences.count ? fences[number + 1].start : text.count
            let language = fences[number][1]?.lowercased() ?? ""
            return Table.data.contains(language) ? nil : fences[number].start..<end
        }
    }

    private static func endsInNumbers(_ group: Group) -> Bool {
        guard let last = group.items.last?.value.leaf else { return false }
        if last.isCut { return last.kind == .number || !Shapes.numbers(in: last.text).isEmpty }
        return last.kind == .number && group.opener != "{"
    }
}
