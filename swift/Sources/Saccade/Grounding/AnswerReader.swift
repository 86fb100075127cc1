/// Collects what the forms read, and puts it into pixels of the source image.
///
/// The forms come in the order of how much they say: calls, then tags, then keys, then bare numbers if nothing else was
/// read. A scalar that one form has read is not read by another.
struct AnswerReader {
    private let document: AnswerDocument
    private var frame: AnswerFrame
    private var boxes: [GroundedBox] = []
    private var points: [GroundedPoint] = []
    private var actions: [GroundedAction] = []
    private var rejected: [RejectedPlace] = []

    init(_ document: AnswerDocument, _ frame: AnswerFrame) {
        self.document = document
        self.frame = frame
    }

    private static let forms: [@Sendable (AnswerDocument) -> [Candidate]] = [
        ActionForms.objects, CallForms.functions, CallForms.calls, CallForms.verbs, XMLForms.tags, XMLForms.attributes,
        JSONForms.keyed,
    ]

    /// Returns the candidates of all forms in the order of the text.
    static func collect(_ document: AnswerDocument, _ sizes: [PixelSize], nesting: Int = 0) -> [Candidate] {
        var found: [Candidate] = []
        for form in forms {
            let free = form(document).filter { document.isFree($0.range) }
            for candidate in free { document.take(candidate.range) }
            found += free
        }
        if nesting < GroundedTextTable.maxNesting { found += inStrings(document, sizes, nesting) }
        if found.isEmpty { found = BareForms.bare(document, sizes).filter { document.isFree($0.range) } }
        // Stable, as places of one list have the same range.
        return found.enumerated().sorted {
            ($0.element.range.lowerBound, $0.offset) < ($1.element.range.lowerBound, $1.offset)
        }.map(\.element)
    }

    /// Returns the candidates of strings that hold a whole answer.
    private static func inStrings(_ document: AnswerDocument, _ sizes: [PixelSize], _ nesting: Int) -> [Candidate] {
        var found: [Candidate] = []
        for item in document.groups.lazy.flatMap(\.items) {
            guard let key = item.key, GroundedTextTable.answerKeys.contains(key.lowercased()),
                let leaf = item.value.leaf,
                leaf.text.contains(where: { "([{<".contains($0) }), document.isFree(leaf.start..<leaf.end)
            else { continue }
            let inner = AnswerDocument(Array(leaf.text.unicodeScalars))
            found += collect(inner, sizes, nesting: nesting + 1).map { $0.moved(to: leaf.start..<leaf.end) }
            document.take(leaf.start..<leaf.end)
        }
        return found
    }

    mutating func add(_ candidate: Candidate) {
        switch candidate {
        case .call(let call): add(call)
        case .spot(let spot):
            switch locate(spot) {
            case .point(let point): points.append(point)
            case .box(let box): boxes.append(box)
            case .none(let reason): reject(candidate.range, spot.numbers, reason)
            }
        }
    }

    /// Adds an action. One of whose places is none is rejected as a whole: half a drag is another action.
    private mutating func add(_ call: Call) {
        let located = call.spots.map { locate($0) }
        var (points, boxes) = ([GroundedPoint](), [GroundedBox]())
        for (spot, place) in zip(call.spots, located) {
            switch place {
            case .point(let point): points.append(point)
            case .box(let box): boxes.append(box)
            case .none(let reason):
                reject(call.start..<call.end, spot.numbers, reason)
                return
            }
        }
        actions.append(
            GroundedAction(name: call.name, points: points, boxes: boxes, arguments: call.arguments, tool: call.tool))
    }

    private mutating func locate(_ spot: Spot) -> AnswerFrame.Located {
        switch spot {
        case .place(let place): return frame.locate(place)
        case .misfit(let misfit): return .none(misfit.reason)
        }
    }

    private mutating func reject(_ range: Range<Int>, _ numbers: [String], _ reason: String) {
        let text = document.written[range]
        let short = text.count <= 200 ? String(text) : String(text.prefix(197)) + "..."
        let values = AnswerFrame.values(numbers).filter(\.isFinite)
        rejected.append(RejectedPlace(text: short, numbers: values, reason: reason))
    }

    /// Returns what was read, each place once, and the notes.
    func result() -> GroundedText {
        var notes = document.notes
        let boxes = once(boxes, \.box, \.label, "boxes", &notes)
        let points = once(points, \.point, \.label, "points", &notes)
        if frame.readsFractions { notes.append("numbers from 0 to 1 were read as fractions of the image's sides") }
        if document.isCutOff { notes.append("the text ends inside a list of numbers, which was not read") }
        if !rejected.isEmpty, !(boxes.isEmpty && points.isEmpty && actions.isEmpty) {
            notes.append("a part of the answer was rejected; the rest may be in another frame too")
        }
        return GroundedText(boxes: boxes, points: points, actions: actions, rejected: rejected, notes: notes)
    }

    /// Returns each place once. One without a label repeats any other in the same place.
    private func once<Spot: Hashable, Where: Hashable>(
        _ spots: [Spot], _ place: KeyPath<Spot, Where>, _ label: KeyPath<Spot, String>, _ name: String,
        _ notes: inout [String]
    ) -> [Spot] {
        let isLabeled = Set(spots.filter { !$0[keyPath: label].isEmpty }.map { $0[keyPath: place] })
        var known: Set<Spot> = []
        let kept = spots.filter { spot in
            (!spot[keyPath: label].isEmpty || !isLabeled.contains(spot[keyPath: place])) && known.insert(spot).inserted
        }
        if kept.count < spots.count {
            notes.append(
                "\(spots.count - kept.count) of \(spots.count) \(name) repeat another in the same place; each is given once"
            )
        }
        return kept
    }
}
