import Foundation

/// Turns numbers under a key into places: one or several, flat or nested, quoted, named, with a score, as a polygon.
enum Shapes {
    typealias Table = ShapesTable

    /// The meaning of a key's value.
    enum Kind: String { case box, sized, point, points, polygon, either }

    /// The numbers of a value, nested as written.
    enum Shape {
        /// `isNamed`: in the order x1, y1, x2, y2, and each had its own key.
        case numbers([String], isNamed: Bool)
        case nested([Shape])

        var numbers: [String]? { if case .numbers(let numbers, _) = self { numbers } else { nil } }
    }

    /// Returns all numbers of a text that has nothing but numbers, brackets and tags; none for any other.
    static func numbers(in text: String) -> [String] {
        var scalars = Array(text.unicodeScalars)
        guard scalars.count <= Table.maxText else { return [] }
        if scalars.contains("<") {
            var bare: Scalars = []
            var position = 0
            for tag in Table.tag.all(scalars) {
                bare += scalars[position..<tag.start] + [" "]
                position = tag.end
            }
            scalars = bare + scalars[position...]
        }
        guard Table.numeric.match(scalars, isWhole: true) != nil else { return [] }
        return Table.allNumbers.all(scalars).map { String(scalars[$0.start..<$0.end]) }
    }

    /// Returns the numbers of a value; nil if it has anything else, is cut off or too deep.
    static func shape(of node: Node, depth: Int = Table.maxDepth) -> Shape? {
        guard depth > 0 else { return nil }
        switch node {
        case .leaf(let leaf):
            guard leaf.kind != .number, !leaf.isCut else { return nil }
            let numbers = numbers(in: leaf.text)
            return numbers.isEmpty ? nil : .numbers(numbers, isNamed: false)
        case .group(let group):
            if group.items.contains(where: { $0.key != nil }) {
                return named(group.items).map { .numbers($0, isNamed: true) }
            }
            let singles = group.items.map { single($0.value) }
            if singles.allSatisfy({ $0 != nil }) {
                return group.isClosed ? .numbers(singles.compactMap { $0 }, isNamed: false) : nil
            }
            guard singles.allSatisfy({ $0 == nil }) else { return nil }
            let nested = group.items.map { shape(of: $0.value, depth: depth - 1) }
            let shapes = nested.compactMap { $0 }
            if !group.isClosed { return shapes.isEmpty ? nil : .nested(shapes) }
            return shapes.count == nested.count ? .nested(shapes) : nil
        }
    }

    /// Returns one number, also one in quotes.
    static func single(_ node: Node) -> String? {
        guard let leaf = node.leaf, !leaf.isCut, leaf.text.unicodeScalars.count <= Table.maxDigits else { return nil }
        if leaf.kind == .number { return leaf.text }
        let text = leaf.text.stripped
        return Table.allNumbers.matchesWhole(text) ? text : nil
    }

    /// Returns one number a value; nil if one is anything else.
    static func flat(_ nodes: [Node]) -> [String]? {
        let singles = nodes.compactMap { single($0) }
        return singles.count == nodes.count ? singles : nil
    }

    /// Returns the place that an object's own keys name, such as x1, y1, x2, y2; nil if they name none.
    static func named(_ items: [Item]) -> [String]? {
        var values: [String: Node] = [:]
        for item in items { if let key = item.key { values[plain(key)] = item.value } }
        for (kind, keys) in Table.rows {
            let members = keys.compactMap { values[$0] }
            guard members.count == keys.count else { continue }
            if kind == "pairs" {
                let corners = members.compactMap { shape(of: $0)?.numbers }
                if corners.count == 2, corners.allSatisfy({ $0.count == 2 }) { return corners[0] + corners[1] }
            } else if let numbers = flat(members) {
                return self.corners(kind, numbers)
            }
        }
        return nil
    }

    /// Returns a key in lower case without marks and spaces.
    private static func plain(_ key: String) -> String {
        let scalars = key.lowercased().unicodeScalars.filter {
            !"_-.".unicodeScalars.contains($0) && !ScalarSet.isMember($0, of: .space)
        }
        return String(String.UnicodeScalarView(scalars))
    }

    /// Returns corners from a corner or a center and a size. Corners and points stay.
    private static func corners(_ kind: String, _ numbers: [String]) -> [String] {
        switch kind {
        case "sized": return [numbers[0], numbers[1], sum(numbers[0], numbers[2]), sum(numbers[1], numbers[3])]
        case "centered":
            let (x, y, width, height) = (numbers[0], numbers[1], numbers[2], numbers[3])
            return [sum(x, width, -0.5), sum(y, height, -0.5), sum(x, width, 0.5), sum(y, height, 0.5)]
        default: return numbers
        }
    }

    /// Returns start + share * step. Whole numbers stay so, because decimals tell fractions from pixels.
    private static func sum(_ start: String, _ step: String, _ share: Double = 1) -> String {
        if share == 1, !(start + step).contains(where: { ".eE".contains($0) }), let a = Decimal(string: start),
            let b = Decimal(string: step)
        {
            return "\(a + b)"
        }
        return String(value(start) + share * value(step))
    }

    /// Returns a number as it is written; infinity if it is too large.
    static func value(_ number: String) -> Double { Double(number) ?? .nan }

    /// Returns the center of a box.
    static func center(_ numbers: [String]) -> [String] {
        let values = numbers.map(value)
        return [String((values[0] + values[2]) / 2), String((values[1] + values[3]) / 2)]
    }

    /// Returns the places of a value.
    ///
    /// - Parameters:
    ///   - node: the value.
    ///   - kind: what its key announces.
    ///   - label: of all of them.
    static func places(_ node: Node, _ kind: Kind, label: String = "") -> [Spot] {
        var shape = shape(of: node)
        if let group = node.group, !group.isClosed, shape?.numbers == nil, kind != .point, kind != .points {
            // In a list that is cut off, pairs of numbers may be halves of a box.
            var parts: [Shape] = []
            if case .nested(let nested) = shape { parts = nested.filter { ($0.numbers?.count ?? 0) >= 4 } }
            shape = .nested(parts)
        }
        guard let shape else {
            let numbers = loose(node)
            guard numbers.count >= 2 else { return [] }
            return [
                .misfit(
                    Misfit(numbers: numbers, reason: "not all of these are numbers", start: node.start, end: node.end))
            ]
        }
        return split(shape, kind).map { numbers, isNamed in
            if numbers.count == 2 || numbers.count == 4 {
                return .place(
                    Place(numbers: numbers, label: label, start: node.start, end: node.end, isNamed: isNamed))
            }
            return .misfit(Misfit(numbers: numbers, reason: wrongCount(numbers), start: node.start, end: node.end))
        }
    }

    static func wrongCount(_ numbers: [String]) -> String { "\(numbers.count) numbers are neither a point nor a box" }

    /// Returns the numbers of a closed list that has other things too.
    private static func loose(_ node: Node) -> [String] {
        guard let group = node.group, group.isClosed, group.opener != "{" else { return [] }
        return group.items.compactMap { single($0.value) }
    }

    /// Returns the runs of numbers in a shape, each one place if it has two or four.
    private static func split(_ shape: Shape, _ kind: Kind) -> [(numbers: [String], isNamed: Bool)] {
        switch shape {
        case .numbers(let numbers, isNamed: true): return [(numbers, true)]
        case .numbers(let numbers, isNamed: false): return splitFlat(numbers, kind).map { ($0, false) }
        case .nested(let parts):
            let pairs = parts.compactMap(\.numbers).filter { $0.count == 2 }
            if !pairs.isEmpty, pairs.count == parts.count, kind != .point, kind != .points {
                let numbers = pairs.flatMap { $0 }
                if kind == .box || kind == .polygon, pairs.count > 2 { return [(hull(numbers), false)] }
                if pairs.count == 2 { return [(numbers, false)] }
            }
            return parts.flatMap { split($0, kind) }
        }
    }

    private static func splitFlat(_ numbers: [String], _ kind: Kind) -> [[String]] {
        let count = numbers.count
        if count == 0 { return [] }
        if kind == .sized, count == 4 { return [corners("sized", numbers)] }
        if kind == .points, count % 2 == 0 { return pairs(numbers) }
        if count == 5, 0...1 ~= value(numbers[4]) { return [Array(numbers[..<4])] }
        if count >= 6, count % 2 == 0 { return kind == .point ? pairs(numbers) : [hull(numbers)] }
        return [numbers]
    }

    private static func pairs(_ numbers: [String]) -> [[String]] {
        stride(from: 0, to: numbers.count, by: 2).map { Array(numbers[$0..<$0 + 2]) }
    }

    /// Returns the box around a polygon.
    private static func hull(_ numbers: [String]) -> [String] {
        let xs = stride(from: 0, to: numbers.count, by: 2).map { numbers[$0] }.sorted { value($0) < value($1) }
        let ys = stride(from: 1, to: numbers.count, by: 2).map { numbers[$0] }.sorted { value($0) < value($1) }
        return [xs[0], ys[0], xs[xs.count - 1], ys[ys.count - 1]]
    }
}
