/// Reads boxes, points and polygons under the keys of objects, with the label of the same object.
enum JSONForms {
    typealias Table = JSONFormsTable

    /// Returns what a key announces, also one in other letters or with a number behind; nil for any other.
    static func kind(of key: String?) -> Shapes.Kind? {
        guard let key else { return nil }
        let plain = key.lowercased().replacing(" ", with: "_").replacing("-", with: "_")
        if let kind = Table.kinds[plain] { return Shapes.Kind(rawValue: kind) }
        let scalars = Array(plain.unicodeScalars)
        guard let number = Table.numbered.search(scalars) else { return nil }
        return Table.kinds[String(scalars[..<number.start])].flatMap(Shapes.Kind.init)
    }

    /// Returns the places under known keys, and those whose numbers have a key each.
    static func keyed(_ document: AnswerDocument) -> [Candidate] {
        // Objects that are the value of a key that has been read.
        var inner: Set<ObjectIdentifier> = []
        var spots: [Spot] = []
        for (items, group) in objects(document) where items.contains(where: { $0.key != nil }) {
            let label = label(of: items)
            var found = underKeys(items, label, &inner)
            if found.isEmpty, !(group.map { inner.contains(ObjectIdentifier($0)) } ?? false),
                let numbers = Shapes.named(items), let first = items.first, let last = items.last
            {
                found = [
                    .place(
                        Place(
                            numbers: numbers, label: label, start: first.value.start, end: last.value.end, isNamed: true
                        ))
                ]
            }
            spots += found
        }
        return spots.map { .spot($0) }
    }

    private static func objects(_ document: AnswerDocument) -> [(items: [Item], group: Group?)] {
        inText(document.root).map { ($0, nil) } + document.groups.map { ($0.items, $0) }
    }

    /// Returns the places of an object's keys. Lists without a key belong to the key before them.
    private static func underKeys(
        _ items: [Item], _ label: String, _ inner: inout Set<ObjectIdentifier>
    ) -> [Spot] {
        var found: [Spot] = []
        var kind: Shapes.Kind?
        for item in items {
            if item.key != nil || item.value.group == nil { kind = self.kind(of: item.key) }
            guard let kind else { continue }
            let members = labeledMembers(item.value, kind, label)
            let places = members.isEmpty ? Shapes.places(item.value, kind, label: label) : members
            if !places.isEmpty { inner.formUnion(objects(in: item.value)) }
            found += places
        }
        let names = names(items)
        guard names.count == found.count else { return found }
        return zip(found, names).map { spot, name in
            spot.map { place in
                var named = place
                named.label = name
                return named
            }
        }
    }

    /// Returns the places of a list of objects that each are a whole place, with their own labels.
    private static func labeledMembers(_ value: Node, _ kind: Shapes.Kind, _ label: String) -> [Spot] {
        guard let list = value.group, list.opener != "{" else { return [] }
        let count = kind == .point || kind == .points ? 2 : 4
        var found: [Spot] = []
        for item in list.items {
            guard let member = item.value.group, let numbers = Shapes.named(member.items), numbers.count == count else {
                return []
            }
            let own = self.label(of: member.items)
            found.append(
                .place(
                    Place(
                        numbers: numbers, label: own.isEmpty ? label : own, start: member.start, end: member.end,
                        isNamed: true)))
        }
        return found
    }

    /// Returns the labels that stand in a list of their own, one a place.
    private static func names(_ items: [Item]) -> [String] {
        for item in items {
            guard let key = item.key, Table.lists.contains(key.lowercased()), let list = item.value.group else {
                continue
            }
            let leaves = list.items.compactMap(\.value.leaf)
            if leaves.count == list.items.count { return leaves.map(\.text) }
        }
        return []
    }

    /// Returns the objects in a value for places: itself, or the members of its list.
    private static func objects(in value: Node) -> [ObjectIdentifier] {
        guard let group = value.group else { return [] }
        return [ObjectIdentifier(group)] + group.items.compactMap { $0.value.group.map(ObjectIdentifier.init) }
    }

    /// Returns what stands under keys outside all brackets, as objects. A repeated key begins the next.
    private static func inText(_ root: Group) -> [[Item]] {
        var objects: [[Item]] = []
        var items: [Item] = []
        for item in root.items {
            if item.key == nil || items.contains(where: { $0.key == item.key }) {
                objects.append(items)
                items = []
            }
            if item.key != nil { items.append(item) }
        }
        return objects + [items]
    }

    /// Returns the name that an object gives its place.
    static func label(of items: [Item]) -> String {
        var texts: [String: String] = [:]
        for item in items.reversed() {
            guard let key = item.key, let leaf = item.value.leaf, leaf.text != "null", leaf.text != "None" else {
                continue
            }
            texts[key.lowercased()] = leaf.text
        }
        return Table.labels.lazy.compactMap { texts[$0] }.first ?? ""
    }
}
