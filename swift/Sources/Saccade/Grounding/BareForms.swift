/// Reads bare lists, pairs and lines of numbers: the last resort, if a text has no other form.
///
/// Bare numbers are often something else, so these say why they were set aside: colors, padding, years, sizes, code.
enum BareForms {
    typealias Table = BareFormsTable

    /// Returns the places of numbers that no key, tag or call announces. Notes say what was set aside.
    ///
    /// - Parameters:
    ///   - document: the text.
    ///   - sizes: of the image, as the source has it and as the model sees it: a pair of these is no point.
    static func bare(_ document: AnswerDocument, _ sizes: [PixelSize]) -> [Candidate] {
        var places = lines(document)
        if places.isEmpty { places = lists(document, sizes) }
        if places.isEmpty { places = named(document) }
        return places.map { .spot(.place($0)) }
    }

    /// Returns the boxes of `x1,y1,x2,y2 name`, one a line, if all lines are so.
    private static func lines(_ document: AnswerDocument) -> [Place] {
        var position = 0
        var found: [Place] = []
        for line in document.text.split(separator: "\n", omittingEmptySubsequences: false) {
            if found.count > Table.maxLines { return [] }
            let match = line.count <= 400 ? Table.line.match(Scalars(line), isWhole: true) : nil
            if let match, let label = match.range(5) {
                let numbers = (1...4).compactMap { match[$0] }
                let values = numbers.map(Shapes.value)
                if values[0] > values[2] || values[1] > values[3] { return [] }
                let name = document.written.stripped(position + label.lowerBound, position + label.upperBound)
                found.append(Place(numbers: numbers, label: name, start: position, end: position + line.count))
            } else if !line.allSatisfy({ " `\t\r".unicodeScalars.contains($0) }) {
                return []
            }
            position += line.count + 1
        }
        return found
    }

    /// Returns `x=10, y=20` and `x1: 10, y1: 20, x2: 30, y2: 40`.
    private static func named(_ document: AnswerDocument) -> [Place] {
        // In a text that is cut off, the last number may be half of one.
        guard !document.isCutOff else { return [] }
        return Table.named.all(document.text, limit: Table.maxLines).map { match in
            Place(numbers: (1...4).compactMap { match[$0] }, start: match.start, end: match.end, isNamed: true)
        }
    }

    private static func lists(_ document: AnswerDocument, _ sizes: [PixelSize]) -> [Place] {
        var found: [Place] = []
        var isAlone: Bool?
        for group in [document.root] + document.groups where group.items.contains(where: { $0.value.group != nil }) {
            for run in runs(document, group.items) {
                let places = places(of: run)
                let start = run[0].value.start
                if places.isEmpty || document.isCode(start)
                    || Table.code.isIn(document.text, max(0, start - 8), end: start)
                {
                    continue
                }
                let alone = isAlone ?? isAll(document)
                isAlone = alone
                switch verdict(document, run, places, sizes, isAlone: alone) {
                case .isPlace:
                    let name = lineName(document, start)
                    found += places.map { place in
                        var named = place
                        if named.label.isEmpty { named.label = name }
                        return named
                    }
                case .isNone(let reason):
                    if !reason.isEmpty { document.notes.append("\(brief(document, run)) was set aside: \(reason)") }
                }
            }
        }
        return found
    }

    /// Returns lists of numbers, pairs that only commas separate together.
    private static func runs(_ document: AnswerDocument, _ items: [Item]) -> [[Item]] {
        var (runs, run) = ([[Item]](), [Item]())
        for item in items {
            let numbers = numbers(of: item)
            let continues = numbers.count == 2 && item.key == nil
            if let last = run.last, !(continues && isComma(document.text[last.value.end..<item.value.start])) {
                runs.append(run)
                run = []
            }
            if numbers.count == 2 {
                run.append(item)
            } else if !numbers.isEmpty {
                runs.append([item])
            }
        }
        return run.isEmpty ? runs : runs + [run]
    }

    private static func isComma(_ between: ArraySlice<Unicode.Scalar>) -> Bool {
        between.prefix(20).filter { !ScalarSet.isMember($0, of: .space) } == [","]
    }

    private static func numbers(of item: Item) -> [String] {
        guard let list = item.value.group, list.opener != "{", list.isClosed else { return [] }
        let values = list.items.filter { !isName($0) }.map(\.value)
        guard let singles = Shapes.flat(values) else { return [] }
        return list.items.count - singles.count <= (singles.count == 4 ? 1 : 0) ? singles : []
    }

    private static func isName(_ item: Item) -> Bool {
        item.value.leaf.map { $0.kind == .string && Shapes.numbers(in: $0.text).isEmpty } ?? false
    }

    /// Returns a box of four numbers or of two pairs, else a point a pair.
    private static func places(of run: [Item]) -> [Place] {
        let (start, end) = (run[0].value.start, run[run.count - 1].value.end)
        var numbers = numbers(of: run[0])
        if run.count == 2 { return [Place(numbers: numbers + self.numbers(of: run[1]), start: start, end: end)] }
        if numbers.count == 2 {
            return run.map { Place(numbers: self.numbers(of: $0), start: $0.value.start, end: $0.value.end) }
        }
        if numbers.count == 5, 0...1 ~= Shapes.value(numbers[4]) { numbers.removeLast() }
        return numbers.count == 4 ? [Place(numbers: numbers, label: label(run[0]), start: start, end: end)] : []
    }

    /// Returns the string in a list of numbers, else the key that it stands under.
    private static func label(_ item: Item) -> String {
        if let name = item.value.group?.items.first(where: isName)?.value.leaf { return name.text }
        return item.key.map { Table.generic.contains($0.lowercased()) ? "" : $0 } ?? ""
    }

    private enum Verdict {
        case isPlace
        /// With a reason, "" without a word for it.
        case isNone(String)
    }

    /// Returns why numbers are no place, or that they are one.
    private static func verdict(
        _ document: AnswerDocument, _ run: [Item], _ places: [Place], _ sizes: [PixelSize], isAlone: Bool
    ) -> Verdict {
        let start = run[0].value.start
        let before = Scalars(document.text[max(0, start - 48)..<start])
        let numbers = places.flatMap(\.numbers).map(Shapes.value)
        let key = (run[0].key ?? "").replacing("_", with: " ")
        if Table.noPlace.isIn(before) || Table.noPlace.isIn(Array(key.unicodeScalars)) {
            return .isNone("the word before it says something else")
        }
        if Table.openTag.isIn(before), numbers.count == 2 || String(before[...]).contains("quad") {
            return .isNone("its tag is cut off")
        }
        if sizes.contains(where: { [Double($0.width), Double($0.height)] == numbers }) {
            return .isNone("it is the size of the image")
        }
        if !isAlone, numbers.allSatisfy({ 1900...2100 ~= $0 && $0 == $0.rounded() }) {
            return .isNone("it reads as years")
        }
        if run.count == 1, numbers.count == 2, !isAlone, !Table.place.isIn(before), lineName(document, start).isEmpty {
            return document.text[start] == "(" && Table.near.isIn(before) ? .isPlace : .isNone("")
        }
        return .isPlace
    }

    /// Returns what stands before a colon on a line of its own; "" for prose.
    private static func lineName(_ document: AnswerDocument, _ start: Int) -> String {
        let line = document.text.lastIndex(of: "\n", max(0, start - 100), start).map { $0 + 1 } ?? 0
        if line == 0, start > 100 { return "" }
        guard let range = Table.namedLine.match(document.text, line, end: start, isWhole: true)?.range(1) else {
            return ""
        }
        var name = document.written[range].trimming { $0 == " " || $0 == "*" }
        if name.count > 2, name.first == name.last, let quote = name.first, quote == "\"" || quote == "'" {
            name = name.dropFirst().dropLast()
        }
        let words = String(name).split { $0.isWhitespace }.count
        let isName =
            words <= 6 && !Table.place.isIn(Scalars(name)) && !Table.generic.contains(String(name).lowercased())
        return isName ? String(name) : ""
    }

    /// Returns true if a text has nothing but lists of numbers.
    private static func isAll(_ document: AnswerDocument) -> Bool {
        let bare = replace(document.text, Table.noise, [" "])
        return !replace(bare, ShapesTable.allNumbers, []).contains { ScalarSet.isMember($0, of: .word) }
    }

    private static func replace(_ text: Scalars, _ pattern: Pattern, _ replacement: Scalars) -> Scalars {
        var result: Scalars = []
        var position = 0
        for match in pattern.all(text) {
            result += text[position..<match.start] + replacement
            position = match.end
        }
        return result + text[position...]
    }

    private static func brief(_ document: AnswerDocument, _ run: [Item]) -> String {
        let text = document.written[run[0].value.start..<run[run.count - 1].value.end]
        return text.count <= 60 ? String(text) : String(text.prefix(57)) + "..."
    }
}
