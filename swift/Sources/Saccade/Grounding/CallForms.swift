/// Reads actions that are written as calls: UI-TARS, pyautogui, Holo, UI-Venus, and the tags of Qwen3.5 and OS-Atlas.
enum CallForms {
    typealias Table = CallFormsTable

    /// Returns calls such as `click(start_box='(10,20)')`.
    static func calls(_ document: AnswerDocument) -> [Candidate] {
        let last = document.groups.count - NearJSONTable.maxDepth
        var found: [Candidate] = []
        for (number, group) in document.groups.enumerated() {
            guard group.opener == "(", group.isClosed || number >= last else { continue }
            let name = name(document.text, before: group.start)
            if !group.isClosed, document.isCutOff {
                // Half a drag is no point.
                if ActionForms.isPointing(name) { document.take(group.start..<group.end) }
            } else if let first = name.unicodeScalars.first, first.properties.isAlphabetic,
                let call = call(document, name, group)
            {
                found.append(.call(call))
            }
        }
        return found
    }

    private static func name(_ text: Scalars, before position: Int) -> String {
        let backwards = Scalars(text[max(0, position - Table.maxName)..<position].reversed())
        guard let range = Table.nameBackwards.match(backwards)?.range(1) else { return "" }
        return String(String(String.UnicodeScalarView(backwards[range].reversed())).drop { ".0123456789".contains($0) })
    }

    private static func call(_ document: AnswerDocument, _ name: String, _ group: Group) -> Call? {
        let isExplicit = group.items.contains { $0.key.map { Table.explicit.contains(ActionForms.plain($0)) } ?? false }
        guard ActionForms.isVerb(name) || isExplicit else { return nil }
        let length = name.unicodeScalars.count
        var start = group.start - length
        while start > 0, !document.text[start..<start + length].elementsEqual(name.unicodeScalars) { start -= 1 }
        let (spots, rest) = ActionForms.split(name, group.items)
        guard !spots.isEmpty || standsAlone(document, start, name) else { return nil }
        return Call(name: name, tool: "", spots: spots, arguments: rest, start: start, end: group.end)
    }

    /// Returns true for a call at the start of a line or an action, not in the middle of a sentence or in a program.
    private static func standsAlone(_ document: AnswerDocument, _ start: Int, _ name: String) -> Bool {
        if name.hasPrefix("pyautogui.") { return true }
        let floor = max(0, start - 200)
        let line = document.text.lastIndex(of: "\n", floor, start).map { $0 + 1 } ?? floor
        let before = document.text.stripped(line, start).lowercased()
        let isAlone = before.isEmpty || Table.beforeAction.contains { before.hasSuffix($0) }
        return isAlone && !document.isCode(start)
    }

    /// Returns `<function=computer_use><parameter=action>left_click</parameter>...</function>`.
    static func functions(_ document: AnswerDocument) -> [Candidate] {
        let tags = document.tags
        let starts = Table.function.all(tags, limit: Table.maxTags)
        var found: [Candidate] = []
        for (number, match) in starts.enumerated() {
            let until = number + 1 < starts.count ? starts[number + 1].start : tags.count
            let end = closing.search(tags, match.end, end: until)?.start ?? until
            let items = Table.parameter.all(tags, match.end, end: end).map { parameter in
                Item(key: parameter[1], value: self.parameter(document, parameter))
            }
            let action = items.lazy.filter { $0.key == "action" }.compactMap(\.value.leaf).first
            let name = action?.text ?? match[1] ?? ""
            guard action != nil || ActionForms.isVerb(name) else { continue }
            let (spots, rest) = ActionForms.split(name, items.filter { $0.key != "action" || action == nil })
            found.append(
                .call(
                    Call(
                        name: name, tool: match[1] ?? "", spots: spots, arguments: rest, start: match.start, end: end)))
        }
        return found
    }

    private static let closing = Pattern("</function>")
    private static let number = Pattern(NearJSONTable.number)

    /// Returns the value of a parameter: what a bracket holds, a number, or its text.
    private static func parameter(_ document: AnswerDocument, _ match: Pattern.Match) -> Node {
        let range = match.range(2) ?? 0..<0
        let content = match[2] ?? ""
        if let first = content.stripped.first, first == "[" || first == "{",
            let group = NearJSON(content).groups.first
        {
            return .group(group)
        }
        let text = document.written.stripped(range.lowerBound, range.upperBound)
        return .leaf(Leaf(number.matchesWhole(text) ? .number : .string, text, range.lowerBound, range.upperBound))
    }

    /// Returns `CLICK <point>[[10, 20]]</point>`.
    static func verbs(_ document: AnswerDocument) -> [Candidate] {
        Table.verb.all(document.tags, limit: Table.maxTags).compactMap { match in
            guard let name = match[1], ActionForms.isPointing(name), let range = match.range(2) ?? match.range(3) else {
                return nil
            }
            let leaf = Leaf(.string, String(document.tags[range]), range.lowerBound, range.upperBound)
            let (spots, rest) = ActionForms.split(name, [Item(key: nil, value: .leaf(leaf))])
            return .call(
                Call(name: name, tool: "", spots: spots, arguments: rest, start: match.start, end: match.end))
        }
    }
}
