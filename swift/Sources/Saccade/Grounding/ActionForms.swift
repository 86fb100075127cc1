/// Reads objects that are actions, and tells the places among the arguments of any action.
enum ActionForms {
    typealias Table = ActionFormsTable

    /// Returns the last part of a name in lower case without marks.
    static func plain(_ name: String) -> String {
        let last = name.lowercased().split(separator: ".", omittingEmptySubsequences: false).last ?? ""
        return String(last.filter { !"_- ".contains($0) })
    }

    /// Returns true for the name of an action that agents write.
    static func isVerb(_ name: String) -> Bool { isPointing(name) || Table.others.contains(plain(name)) }

    /// Returns true for an action that takes bare numbers as coordinates.
    static func isPointing(_ name: String) -> Bool { Table.pointing.contains(plain(name)) }

    /// Returns the objects that are actions: tool calls, and those with an action of their own.
    static func objects(_ document: AnswerDocument) -> [Candidate] {
        var calls: [Candidate] = []
        var end = 0
        for group in document.groups where group.start >= end && group.opener == "{" {
            guard group.isClosed || isWhole(document, group), let call = object(group) else { continue }
            end = group.end
            calls.append(.call(call))
        }
        return calls
    }

    /// Returns true for an object that lacks nothing but its end, unlike a stray bracket in prose.
    private static func isWhole(_ document: AnswerDocument, _ group: Group) -> Bool {
        let text = document.text[group.start...].prefix(20).dropFirst()
        let first = text.first { !ScalarSet.isMember($0, of: .space) }
        return !document.isCutOff && (first == "\"" || first == "'")
    }

    /// An action with its arguments.
    private typealias Named = (name: String, tool: String, arguments: [Item])

    private static func object(_ group: Group) -> Call? {
        var items: [String: Item] = [:]
        for item in group.items.reversed() { if let key = item.key { items[key.lowercased()] = item } }
        guard let action = toolCall(items) ?? action(items, group.items) else { return nil }
        let (spots, rest) = split(action.name, action.arguments)
        if spots.isEmpty, action.tool.isEmpty, !isVerb(action.name) { return nil }
        return Call(
            name: action.name, tool: action.tool == action.name ? "" : action.tool, spots: spots, arguments: rest,
            start: group.start, end: group.end)
    }

    /// Returns name, tool and arguments of {"name": ..., "arguments": {...}}.
    private static func toolCall(_ items: [String: Item]) -> Named? {
        let name = text(items, ["name", "tool", "function"])
        let key = Table.toolArguments.first { items[$0] != nil }
        guard !name.isEmpty, let key, let item = items[key], let arguments = members(item.value) else { return nil }
        var inner: [String: Item] = [:]
        for item in arguments { if let key = item.key { inner[key.lowercased()] = item } }
        let action = text(inner, Table.toolNames)
        if !action.isEmpty {
            return (action, name, arguments.filter { !Table.toolNames.contains(($0.key ?? "").lowercased()) })
        }
        return isVerb(name) || items["arguments"] != nil || items["parameters"] != nil ? (name, name, arguments) : nil
    }

    /// Returns name and arguments of {"action": "click", ...}, {"POINT": [x, y]} or {"click": [x, y]}.
    private static func action(_ items: [String: Item], _ written: [Item]) -> Named? {
        guard !items.keys.contains(where: JSONFormsTable.boxKeys.contains) else { return nil }
        var (name, used) = (text(items, Table.toolNames), Table.toolNames)
        let kind = text(items, ["type"])
        if name.isEmpty, Table.types.contains(plain(kind)),
            !items.keys.contains(where: {
                JSONFormsTable.kinds[$0] != nil && $0 != "coordinate" && $0 != "position"
            })
        {
            (name, used) = (kind, ["type"])
        }
        if !name.isEmpty {
            let rest = written.filter { !used.contains(($0.key ?? "").lowercased()) }
            let isNested: (Item) -> Bool = { Table.toolArguments.contains(($0.key ?? "").lowercased()) }
            let inner = rest.filter(isNested).flatMap { members($0.value) ?? [] }
            return (name, "", (inner.isEmpty ? rest : rest.filter { !isNested($0) }) + inner)
        }
        for item in written {
            guard let key = item.key, key == "POINT" || isPointing(key), !Shapes.places(item.value, .either).isEmpty
            else { continue }
            return (key, "", written.map { Item(key: $0.key == key ? "point" : $0.key, value: $0.value) })
        }
        return nil
    }

    private static func text(_ items: [String: Item], _ keys: [String]) -> String {
        for key in keys {
            if let leaf = items[key]?.value.leaf, leaf.kind != .number, Table.name.matchesWhole(leaf.text) {
                return leaf.text
            }
        }
        return ""
    }

    /// Returns the items of an object, which may be written as a string.
    private static func members(_ node: Node) -> [Item]? {
        switch node {
        case .leaf(let leaf):
            guard leaf.kind == .string, leaf.text.stripped.hasPrefix("{") else { return nil }
            return NearJSON(leaf.text).groups.first?.items
        case .group(let group): return group.items.first.map { $0.key != nil } ?? true ? group.items : nil
        }
    }

    // -- places among arguments ---------------------------------------------------------------------------------------

    /// Returns the places among the arguments of an action, and all others.
    ///
    /// - Parameters:
    ///   - name: of the action.
    ///   - items: its arguments. Those without a key are "positional" in what is returned.
    static func split(_ name: String, _ items: [Item]) -> (spots: [Spot], arguments: [String: ActionValue]) {
        let isDrag = Table.drags.contains(plain(name))
        let isPlace = items.map { item in item.key.map { Table.places.contains(plain($0)) } ?? false }
        let ends = zip(items, isPlace).count { $1 && Shapes.shape(of: $0.value) != nil }
        var spots: [Spot] = []
        var used: Set<Int> = []
        for (number, item) in items.enumerated() where isPlace[number] {
            let isWhole = (isDrag && ends == 1) || item.key.map(plain) == "path"
            let places = Shapes.places(item.value, isWhole ? .points : .either)
            let found = places.isEmpty ? inner(item.value) : places
            spots += found
            if !found.isEmpty { used.insert(number) }
        }
        let (row, members) = row(items, isDrag: isDrag)
        spots += row
        used.formUnion(members)
        if spots.isEmpty {
            let (positional, members) = positional(name, items, isDrag: isDrag)
            spots += positional
            used.formUnion(members)
        }
        if isDrag, spots.count(where: { $0.place != nil }) > 1 { spots = spots.map { $0.map(middle) } }
        var arguments: [String: ActionValue] = [:]
        var left: [ActionValue] = []
        for (number, item) in items.enumerated() where !used.contains(number) {
            if let key = item.key { arguments[key] = value(item.value) } else { left.append(value(item.value)) }
        }
        if !left.isEmpty { arguments["positional"] = .array(left) }
        return (spots.map { $0.map(single) }, arguments)
    }

    /// Returns the places under the keys of an object such as {"bbox": [...]}.
    private static func inner(_ node: Node) -> [Spot] {
        (node.group?.items ?? []).flatMap { item in
            JSONForms.kind(of: item.key).map { Shapes.places(item.value, $0) } ?? []
        }
    }

    /// Returns the places whose numbers have a key each, and the indices of those arguments.
    private static func row(_ items: [Item], isDrag: Bool) -> ([Spot], [Int]) {
        var byKey: [String: Int] = [:]
        for (number, item) in items.enumerated() { if let key = item.key { byKey[plain(key)] = number } }
        for keys in Table.rows {
            let members = keys.compactMap { byKey[$0] }
            guard members.count == keys.count, let numbers = Shapes.flat(members.map { items[$0].value }) else {
                continue
            }
            let isTwo = numbers.count == 4 && (isDrag || keys[0] != "x1")
            let runs = isTwo ? [Array(numbers[..<2]), Array(numbers[2...])] : [numbers]
            return (runs.map { .place(Place(numbers: $0, isNamed: true)) }, members)
        }
        return ([], [])
    }

    /// Returns the places among arguments without keys, and the indices of those arguments.
    private static func positional(_ name: String, _ items: [Item], isDrag: Bool) -> ([Spot], [Int]) {
        let indices = items.indices.filter { items[$0].key == nil }
        guard isPointing(name) else { return ([], []) }
        let groups = indices.filter { items[$0].value.group != nil || isPlaceText(items[$0].value) }
        if !groups.isEmpty {
            return (groups.flatMap { Shapes.places(items[$0].value, isDrag ? .points : .either) }, groups)
        }
        var numbers = indices.filter { items[$0].value.leaf?.kind == .number }
        if Table.scrolls.contains(plain(name)), numbers.count == indices.count { numbers = Array(numbers.dropFirst()) }
        guard numbers.count >= 2 else { return ([], []) }
        let isFour = numbers.count >= 4 && (isDrag || (numbers.count == 4 && !name.contains(".")))
        let members = Array(numbers.prefix(isFour ? 4 : 2))
        let texts = members.compactMap { items[$0].value.leaf?.text }
        let runs = isDrag && isFour ? [Array(texts[..<2]), Array(texts[2...])] : [texts]
        return (runs.map { .place(Place(numbers: $0)) }, members)
    }

    private static func isPlaceText(_ node: Node) -> Bool {
        guard let leaf = node.leaf, leaf.kind != .number else { return false }
        let count = Shapes.numbers(in: leaf.text).count
        return count == 2 || count == 4
    }

    /// Returns the center of one end of a drag that is written as a box.
    private static func middle(_ place: Place) -> Place {
        place.numbers.count == 4 ? Place(numbers: Shapes.center(place.numbers), isNamed: place.isNamed) : place
    }

    /// Returns a point for a box without extent, which is how some agents write one.
    private static func single(_ place: Place) -> Place {
        guard place.numbers.count == 4, place.numbers[..<2] == place.numbers[2...] else { return place }
        return Place(numbers: Array(place.numbers[..<2]), label: place.label, isNamed: place.isNamed)
    }

    /// Returns an argument as a plain value.
    private static func value(_ node: Node) -> ActionValue {
        switch node {
        case .leaf(let leaf):
            if leaf.kind == .number { return number(leaf.text) }
            return leaf.kind == .word ? words[leaf.text] ?? .string(leaf.text) : .string(leaf.text)
        case .group(let group):
            guard group.items.contains(where: { $0.key != nil }) else {
                return .array(group.items.map { value($0.value) })
            }
            var object: [String: ActionValue] = [:]
            for item in group.items { if let key = item.key { object[key] = value(item.value) } }
            return .object(object)
        }
    }

    private static let words: [String: ActionValue] = [
        "null": .null, "None": .null, "true": .bool(true), "True": .bool(true), "false": .bool(false),
        "False": .bool(false),
    ]

    /// Returns a number. One that JSON cannot hold stays text.
    private static func number(_ text: String) -> ActionValue {
        guard text.utf8.count <= 24 else { return .string(text) }
        if let whole = Int(text) { return .int(whole) }
        let value = Shapes.value(text)
        return value.isFinite ? .double(value) : .string(text)
    }
}
