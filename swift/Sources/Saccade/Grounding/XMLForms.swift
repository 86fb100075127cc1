/// Reads boxes, points and polygons in tags, and the names that stand in tags before them.
enum XMLForms {
    typealias Table = XMLFormsTable

    /// A tag with places.
    private struct Tag {
        let kind: Shapes.Kind
        /// The part inside its angle brackets.
        let attributes: String
        let content: String
        let range: Range<Int>
        /// True for tokens such as `<|box_start|>`, which have no attributes.
        let isToken: Bool
    }

    /// Returns the places in tags. A name before boxes holds for all in the same tag that follow it at once.
    static func tags(_ document: AnswerDocument) -> [Candidate] {
        var found: [Spot] = []
        var (name, used, end) = ("", "", 0)
        for match in Table.event.all(document.tags, limit: Table.maxTags) {
            if let range = match.range("ref") ?? match.range("object") {
                (name, used) = (document.written.stripped(range.lowerBound, range.upperBound), "")
                continue
            }
            let tag = match["token"] ?? match["det"] ?? match["tag"] ?? ""
            if !used.isEmpty,
                tag != used || Table.between.match(document.text, end, end: match.start, isWhole: true) == nil
            {
                name = ""
            }
            let places = places(document, match, name)
            found += places
            (used, end) = (places.isEmpty ? used : tag, match.end)
        }
        return found.map { .spot($0) }
    }

    private static func kind(_ tag: String?) -> Shapes.Kind {
        Table.kinds[(tag ?? "").lowercased()].flatMap(Shapes.Kind.init) ?? .box
    }

    private static func places(_ document: AnswerDocument, _ match: Pattern.Match, _ name: String) -> [Spot] {
        let range = match.start..<match.end
        let tag: Tag
        if let tokens = match["tokens"] ?? match["detected"] {
            tag = Tag(
                kind: kind(match["token"] ?? match["det"]), attributes: "", content: tokens, range: range, isToken: true
            )
        } else {
            tag = Tag(
                kind: kind(match["tag"]), attributes: match["named"] ?? "", content: match["inside"] ?? "",
                range: range, isToken: false)
        }
        var label = tag.attributes.isEmpty ? "" : ownName(document, range)
        var content = tag.content
        if !tag.isToken {
            let hasNumbers = !Shapes.numbers(in: content).isEmpty
            let inside = match.range("inside") ?? 0..<0
            // At the end of the text the last number may be cut off.
            if hasNumbers, inside.upperBound == document.text.count { return [] }
            if !hasNumbers {
                content = tag.attributes
                if label.isEmpty { label = document.written.stripped(inside.lowerBound, inside.upperBound) }
            }
        }
        if label.isEmpty { label = name }
        let numbers = attributePlaces(tag)
        if !numbers.isEmpty {
            return numbers.map {
                .place(Place(numbers: $0, label: label, start: range.lowerBound, end: range.upperBound, isNamed: true))
            }
        }
        return contentPlaces(content, tag.kind, label).map { Self.moved($0, range) }
    }

    private static func moved(_ spot: Spot, _ range: Range<Int>) -> Spot {
        if case .spot(let moved) = Candidate.spot(spot).moved(to: range) { moved } else { spot }
    }

    /// Returns the value of `alt`, `label` or `name` in a tag.
    private static func ownName(_ document: AnswerDocument, _ range: Range<Int>) -> String {
        let own = Table.name.search(document.written, range.lowerBound, end: range.upperBound)
        let text = own?[1] ?? ""
        return text.isEmpty ? own?[2] ?? "" : text
    }

    /// Returns the places of x1="..." y1="..." and their like.
    private static func attributePlaces(_ tag: Tag) -> [[String]] {
        var values: [String: String] = [:]
        for match in Table.attribute.all(Array(tag.attributes.unicodeScalars)) {
            if let key = match[1] { values[key.lowercased()] = match[2] }
        }
        if tag.kind == .points {
            return ([""] + (0..<100).map(String.init)).compactMap { end in
                if let x = values["x" + end], let y = values["y" + end] { [x, y] } else { nil }
            }
        }
        let items = values.map { Item(key: $0, value: .leaf(Leaf(.number, $1, 0, 0))) }
        return Shapes.named(items).map { [$0] } ?? []
    }

    /// Returns the places of numbers with or without brackets; between box tokens, four after four.
    private static func contentPlaces(_ content: String, _ kind: Shapes.Kind, _ label: String) -> [Spot] {
        let numbers = Shapes.numbers(in: content)
        let leaf = Node.leaf(Leaf(.string, content, 0, content.unicodeScalars.count))
        if kind != .box {
            let shape: Shapes.Kind = kind == .polygon ? .polygon : numbers.count % 2 == 0 ? .points : kind
            return Shapes.places(leaf, shape, label: label)
        }
        let groups = NearJSON(content).root.items.filter { $0.value.group != nil }
        let spots = groups.flatMap { Shapes.places($0.value, .box, label: label) }
        if !groups.isEmpty, !spots.allSatisfy({ $0.place?.numbers.count == 2 }) { return spots }
        if numbers.count == 5 { return Shapes.places(leaf, .box, label: label) }
        if numbers.count % 4 == 0 || numbers.count == 2 {
            return stride(from: 0, to: numbers.count, by: 4).map {
                .place(Place(numbers: Array(numbers[$0..<min($0 + 4, numbers.count)]), label: label))
            }
        }
        return [.misfit(Misfit(numbers: numbers, reason: Shapes.wrongCount(numbers)))]
    }

    /// Returns the places in attributes such as `data-bbox`, with the text of their elements.
    static func attributes(_ document: AnswerDocument) -> [Candidate] {
        Table.data.all(document.tags, limit: Table.maxTags).flatMap { match -> [Candidate] in
            let inside = match.range("inside") ?? 0..<0
            let label = document.written.stripped(inside.lowerBound, inside.upperBound)
            let end = (match.range("value")?.upperBound ?? match.start) + 1
            let leaf = Leaf(.string, match["value"] ?? "", match.start, end)
            return Shapes.places(.leaf(leaf), kind(match["kind"]), label: label).map { .spot($0) }
        }
    }
}
