/// A regular expression over Unicode scalars.
///
/// It takes the part of Python's syntax that the forms of answers need, so that both readers have the same patterns.
/// Foundation's expressions stop without an error on long runs; Swift's match characters, not scalars. This one keeps
/// its backtracking on a stack of its own, so that no text is too long for it.
///
/// Syntax: literals, escapes, classes, groups (named and not), alternatives, greedy and lazy repeats, `^`, `$`, `\Z`,
/// `\b`, lookahead, lookbehind of one scalar, and references to groups.
struct Pattern: Sendable {
    let program: [Instruction]
    let sets: [ScalarSet]
    let groupCount: Int
    let names: [String: Int]
    /// Scalars that a match can begin with, for the search.
    let first: FirstScalars
    let ignoresCase: Bool

    enum Instruction: Sendable {
        case set(Int)
        /// A set from `least` to `most` times.
        case loop(set: Int, least: Int, most: Int, isGreedy: Bool)
        /// Two ways to go on, the first one before the second.
        case split(Int, Int)
        case jump(Int)
        case save(Int)
        case assertion(Assertion)
        /// What follows the instruction up to `.match` matches here, or does not; then goes on at `next`.
        case look(isNegative: Bool, next: Int)
        case lookBehind(set: Int, isNegative: Bool)
        case backreference(Int)
        case match
    }

    enum Assertion: Sendable { case textStart, lineStart, textEnd, lastLineEnd, lineEnd, wordBoundary }

    /// Creates a pattern of a constant expression.
    init(_ source: String, ignoringCase: Bool = false, multiline: Bool = false, dotTakesNewlines: Bool = false) {
        var parser = PatternParser(
            source, ignoringCase: ignoringCase, multiline: multiline, dotTakesNewlines: dotTakesNewlines)
        let node = parser.parse()
        var compiler = PatternCompiler()
        compiler.emit(node)
        compiler.program.append(.match)
        program = compiler.program
        sets = compiler.sets
        groupCount = parser.groupCount
        names = parser.names
        first = FirstScalars(of: node)
        ignoresCase = ignoringCase
    }
}

/// The text of an answer, as its scalars.
typealias Scalars = [Unicode.Scalar]

extension Pattern {
    /// A match: the ranges of the whole and of its groups.
    struct Match {
        fileprivate let text: Scalars
        fileprivate let names: [String: Int]
        fileprivate let places: [Int]

        var start: Int { places[0] }
        var end: Int { places[1] }

        func range(_ group: Int) -> Range<Int>? {
            places[2 * group] < 0 ? nil : places[2 * group]..<places[2 * group + 1]
        }
        func range(_ name: String) -> Range<Int>? { names[name].flatMap(range) }
        /// The text of a group; nil if it has no part in the match.
        subscript(group: Int) -> String? { range(group).map { String(text[$0]) } }
        subscript(name: String) -> String? { range(name).map { String(text[$0]) } }
    }

    /// Returns the match that begins at `start`; `isWhole`: and ends at `end`.
    func match(_ text: Scalars, _ start: Int = 0, end: Int? = nil, isWhole: Bool = false) -> Match? {
        var machine = PatternMachine(self, text, end ?? text.count, isWhole: isWhole)
        return machine.run(at: start) ? Match(text: text, names: names, places: machine.places) : nil
    }

    /// Returns true if the pattern matches all of a text.
    func matchesWhole(_ text: String) -> Bool { match(Array(text.unicodeScalars), isWhole: true) != nil }

    /// Returns the first match that begins at `start` or later and ends at `end` or before.
    func search(_ text: Scalars, _ start: Int = 0, end: Int? = nil) -> Match? {
        let end = end ?? text.count
        var machine = PatternMachine(self, text, end, isWhole: false)
        var position = start
        while position <= end {
            if first.isKnown {
                while position < end, !first.contains(text[position]) { position += 1 }
                guard position < end else { return nil }
            }
            if machine.run(at: position) { return Match(text: text, names: names, places: machine.places) }
            position += 1
        }
        return nil
    }

    /// Returns true if there is a match in the text.
    func isIn(_ text: Scalars, _ start: Int = 0, end: Int? = nil) -> Bool { search(text, start, end: end) != nil }

    /// Returns the matches from left to right, at most `limit`.
    func all(_ text: Scalars, _ start: Int = 0, end: Int? = nil, limit: Int = .max) -> [Match] {
        var matches: [Match] = []
        var position = start
        while matches.count < limit, let match = search(text, position, end: end) {
            matches.append(match)
            position = match.end > match.start ? match.end : match.end + 1
        }
        return matches
    }
}

extension String {
    /// Creates a string of scalars.
    init(_ scalars: ArraySlice<Unicode.Scalar>) {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        self.init(view)
    }
}

/// Runs a program on a text, with its own stack.
private struct PatternMachine {
    let pattern: Pattern
    let text: Scalars
    let end: Int
    let isWhole: Bool
    /// Start and end of each group, from group 0, the whole; -1 without a part in the match.
    var places: [Int]
    private var stack: [Frame] = []

    private enum Frame {
        case goOn(at: Int, position: Int)
        /// A greedy loop that may give back scalars, down to `least`.
        case giveBack(at: Int, least: Int, position: Int)
        /// A lazy loop that may take one more, up to `most`.
        case takeMore(at: Int, set: Int, most: Int, position: Int)
        case restore(place: Int, value: Int)
    }

    init(_ pattern: Pattern, _ text: Scalars, _ end: Int, isWhole: Bool) {
        self.pattern = pattern
        self.text = text
        self.end = end
        self.isWhole = isWhole
        places = Array(repeating: -1, count: 2 * (pattern.groupCount + 1))
    }

    mutating func run(at start: Int) -> Bool {
        for i in places.indices { places[i] = -1 }
        stack.removeAll(keepingCapacity: true)
        guard start <= end, let stop = run(0, start, isWhole: isWhole) else { return false }
        places[0] = start
        places[1] = stop
        return true
    }

    /// Returns the end of a match of the program from an instruction on; nil without one.
    private mutating func run(_ instruction: Int, _ start: Int, isWhole: Bool) -> Int? {
        var (next, position) = (instruction, start)
        let bottom = stack.count
        while true {
            var matches = true
            switch pattern.program[next] {
            case .set(let set):
                matches = position < end && pattern.sets[set].contains(text[position])
                position += 1
                next += 1
            case .loop(let set, let least, let most, let isGreedy):
                matches = loop(&next, &position, set, least, most, isGreedy)
            case .split(let a, let b):
                stack.append(.goOn(at: b, position: position))
                next = a
            case .jump(let target): next = target
            case .save(let place):
                stack.append(.restore(place: place, value: places[place]))
                places[place] = position
                next += 1
            case .assertion(let assertion):
                matches = holds(assertion, position)
                next += 1
            case .look(let isNegative, let target):
                matches = (run(next + 1, position, isWhole: false) != nil) != isNegative
                next = target
            case .lookBehind(let set, let isNegative):
                matches = (position > 0 && pattern.sets[set].contains(text[position - 1])) != isNegative
                next += 1
            case .backreference(let group):
                matches = repeats(group, &position)
                next += 1
            case .match:
                if !isWhole || position == end {
                    stack.removeSubrange(bottom...)
                    return position
                }
                matches = false
            }
            if !matches, !backtrack(&next, &position, bottom) { return nil }
        }
    }

    private mutating func loop(
        _ next: inout Int, _ position: inout Int, _ set: Int, _ least: Int, _ most: Int, _ isGreedy: Bool
    ) -> Bool {
        let limit = most < end - position ? position + most : end
        let needed = position + least
        guard needed <= end else { return false }
        let stop = isGreedy ? limit : needed
        var reached = position
        while reached < stop, pattern.sets[set].contains(text[reached]) { reached += 1 }
        guard reached >= needed else { return false }
        next += 1
        if isGreedy, reached > needed {
            stack.append(.giveBack(at: next, least: needed, position: reached))
        } else if !isGreedy, reached < limit {
            stack.append(.takeMore(at: next, set: set, most: limit, position: reached))
        }
        position = reached
        return true
    }

    /// Goes back to the last choice; false if none is left above `bottom`.
    private mutating func backtrack(_ next: inout Int, _ position: inout Int, _ bottom: Int) -> Bool {
        while stack.count > bottom {
            switch stack.removeLast() {
            case .restore(let place, let value): places[place] = value
            case .goOn(let at, let before):
                (next, position) = (at, before)
                return true
            case .giveBack(let at, let least, let before):
                if before - 1 > least { stack.append(.giveBack(at: at, least: least, position: before - 1)) }
                (next, position) = (at, before - 1)
                return true
            case .takeMore(let at, let set, let most, let before):
                guard pattern.sets[set].contains(text[before]) else { continue }
                if before + 1 < most { stack.append(.takeMore(at: at, set: set, most: most, position: before + 1)) }
                (next, position) = (at, before + 1)
                return true
            }
        }
        return false
    }

    private func holds(_ assertion: Pattern.Assertion, _ position: Int) -> Bool {
        switch assertion {
        case .textStart: return position == 0
        case .lineStart: return position == 0 || text[position - 1] == "\n"
        case .textEnd: return position == end
        case .lastLineEnd: return position == end || (position == end - 1 && text[position] == "\n")
        case .lineEnd: return position == end || text[position] == "\n"
        case .wordBoundary:
            let before = position > 0 && ScalarSet.isMember(text[position - 1], of: .word)
            return before != (position < end && ScalarSet.isMember(text[position], of: .word))
        }
    }

    private func repeats(_ group: Int, _ position: inout Int) -> Bool {
        let (start, stop) = (places[2 * group], places[2 * group + 1])
        guard start >= 0, stop >= start, position + stop - start <= end else { return false }
        for i in start..<stop {
            let (a, b) = (text[i], text[position + i - start])
            guard a == b || (pattern.ignoresCase && ScalarSet.of(a, ignoringCase: true).contains(b)) else {
                return false
            }
        }
        position += stop - start
        return true
    }
}

/// The ASCII scalars that a match can begin with.
struct FirstScalars: Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private var others = false
    /// False if a match may be empty, so that it can begin anywhere.
    private(set) var isKnown = true

    init(of node: PatternNode) { isKnown = !add(node) }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        let value = scalar.value
        if value < 64 { return (low >> UInt64(value)) & 1 == 1 }
        return value < 128 ? (high >> UInt64(value - 64)) & 1 == 1 : others
    }

    /// Adds the first scalars of a node. Returns true if it may match without a scalar.
    private mutating func add(_ node: PatternNode) -> Bool {
        switch node {
        case .set(let set):
            let masks = set.firstMasks
            low |= masks.low
            high |= masks.high
            others = others || masks.others
            return false
        case .sequence(let nodes):
            for node in nodes where !add(node) { return false }
            return true
        case .alternatives(let nodes):
            var mayBeEmpty = false
            for node in nodes where add(node) { mayBeEmpty = true }
            return mayBeEmpty
        case .group(_, let node): return add(node)
        case .repeated(let node, let least, _, _): return add(node) || least == 0
        case .assertion, .look, .lookBehind, .backreference: return true
        }
    }
}
