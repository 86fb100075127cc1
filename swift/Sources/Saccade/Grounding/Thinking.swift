/// Sets aside what a model wrote on the way to its answer: thinking parts, and what stands around an answer tag.
enum Thinking {
    typealias Table = ThinkingTable

    /// Blanks what is no answer.
    ///
    /// - Returns: the text with spaces in place of it, as long as before, and what was set aside, in words.
    static func setAside(_ written: Scalars) -> (text: Scalars, notes: [String]) {
        var (text, notes) = (written, [String]())
        let tagged = tagged(text)
        if !tagged.spans.isEmpty {
            notes.append(tagged.isClosed ? "the thinking part was set aside" : "the text ends inside its thinking part")
        }
        blank(&text, tagged.spans)
        let thoughts = thoughts(text)
        if !thoughts.spans.isEmpty {
            notes.append(
                thoughts.isClosed ? "the thought before the action was set aside" : "the text ends inside its thought")
        }
        blank(&text, thoughts.spans)
        let around = aroundAnswers(text)
        if around.contains(where: { !isEmptyButForTags(Array(text[$0])) }) {
            notes.append("only what is announced as the answer was read")
        }
        blank(&text, around)
        return (text, notes)
    }

    private static func blank(_ text: inout Scalars, _ spans: [Range<Int>]) {
        for span in spans { for i in span { text[i] = " " } }
    }

    private static func isEmptyButForTags(_ text: Scalars) -> Bool {
        var rest = text
        for tag in Table.answer.all(text) { blank(&rest, [tag.start..<tag.end]) }
        return rest.allSatisfy { ScalarSet.isMember($0, of: .space) }
    }

    /// Returns the spans in thinking tags. A template may have written the opening one before the text begins.
    private static func tagged(_ text: Scalars) -> (spans: [Range<Int>], isClosed: Bool) {
        var (spans, position) = ([Range<Int>](), 0)
        var opened: Int?
        for tag in Table.tag.all(text) {
            if tag[1]?.isEmpty == false || tag[2]?.isEmpty == false {
                spans.append((opened ?? position)..<tag.end)
                (opened, position) = (nil, tag.end)
            } else if opened == nil {
                opened = tag.start
            }
        }
        guard let opened else { return (spans, true) }
        // It is cut off, or the model forgot to close it.
        let answer = Table.afterThinking.search(text, opened)
        spans.append(opened..<(answer?.start ?? text.count))
        return (spans, answer != nil)
    }

    /// Returns the spans from each `Thought:` to the action after it.
    private static func thoughts(_ text: Scalars) -> (spans: [Range<Int>], isClosed: Bool) {
        var (spans, position) = ([Range<Int>](), 0)
        while let thought = Table.thought.search(text, position) {
            guard let action = Table.action.search(text, thought.end) else {
                return (spans + [thought.start..<text.count], false)
            }
            spans.append(thought.start..<action.start)
            position = action.end
        }
        return (spans, true)
    }

    /// Returns what stands outside the answer, if that is announced and may have a place.
    private static func aroundAnswers(_ text: Scalars) -> [Range<Int>] {
        let answers = answers(text)
        guard answers.contains(where: { Table.twoNumbers.isIn(text, $0.lowerBound, end: $0.upperBound) }) else {
            return []
        }
        let edges = [0] + answers.flatMap { [$0.lowerBound, $0.upperBound] } + [text.count]
        return stride(from: 0, to: edges.count, by: 2).map { edges[$0]..<edges[$0 + 1] }
    }

    /// Returns what stands in answer tags, else what follows the last words that announce the answer.
    private static func answers(_ text: Scalars) -> [Range<Int>] {
        let tags = Table.answer.all(text)
        if tags.isEmpty { return Table.final.all(text).last.map { [$0.end..<text.count] } ?? [] }
        var answers: [Range<Int>] = []
        var opened: Int?
        for tag in tags {
            if tag[1]?.isEmpty ?? true {
                opened = opened ?? tag.end
            } else if let start = opened {
                answers.append(start..<tag.start)
                opened = nil
            }
        }
        if let opened { answers.append(opened..<text.count) }
        return answers
    }
}
