/// A part of a pattern.
indirect enum PatternNode {
    case set(ScalarSet)
    case sequence([PatternNode])
    case alternatives([PatternNode])
    case group(Int, PatternNode)
    case repeated(PatternNode, least: Int, most: Int, isGreedy: Bool)
    case assertion(Pattern.Assertion)
    case look(PatternNode, isNegative: Bool)
    case lookBehind(ScalarSet, isNegative: Bool)
    case backreference(Int)
}

/// Parses the source of a pattern. The sources are constants, so what it does not know ends the process.
struct PatternParser {
    private let source: Scalars
    private let ignoresCase: Bool
    private let isMultiline: Bool
    private let dotTakesNewlines: Bool
    private var position = 0
    private(set) var groupCount = 0
    private(set) var names: [String: Int] = [:]

    init(_ source: String, ignoringCase: Bool, multiline: Bool, dotTakesNewlines: Bool) {
        self.source = Array(source.unicodeScalars)
        ignoresCase = ignoringCase
        isMultiline = multiline
        self.dotTakesNewlines = dotTakesNewlines
    }

    mutating func parse() -> PatternNode {
        let node = alternatives()
        precondition(position == source.count, "unbalanced )")
        return node
    }

    private var next: Unicode.Scalar? { position < source.count ? source[position] : nil }

    private mutating func take(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        guard source[position...].starts(with: scalars) else { return false }
        position += scalars.count
        return true
    }

    private mutating func take() -> Unicode.Scalar {
        defer { position += 1 }
        return source[position]
    }

    private mutating func takeUntil(_ stop: Unicode.Scalar) -> String {
        let start = position
        while next != stop { position += 1 }
        defer { position += 1 }
        return String(source[start..<position])
    }

    private mutating func alternatives() -> PatternNode {
        var branches = [sequence()]
        while take("|") { branches.append(sequence()) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func sequence() -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" { nodes.append(repeated(atom())) }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func repeated(_ node: PatternNode) -> PatternNode {
        let (least, most): (Int, Int)
        if take("*") {
            (least, most) = (0, .max)
        } else if take("+") {
            (least, most) = (1, .max)
        } else if take("?") {
            (least, most) = (0, 1)
        } else if next == "{", let count = count() {
            (least, most) = count
        } else {
            return node
        }
        return .repeated(node, least: least, most: most, isGreedy: !take("?"))
    }

    /// Takes `{3}`, `{1,}` or `{0,60}`.
    private mutating func count() -> (Int, Int)? {
        guard let close = source[position...].firstIndex(of: "}") else { return nil }
        let numbers = String(source[position + 1..<close]).split(separator: ",", omittingEmptySubsequences: false)
        guard let least = numbers.first.flatMap({ Int($0) }), numbers.count <= 2 else { return nil }
        position = close + 1
        return (least, numbers.count == 1 ? least : Int(numbers[1]) ?? .max)
    }

    private mutating func atom() -> PatternNode {
        if take("(") { return group() }
        if take("[") { return .set(scalarClass()) }
        if take("^") { return .assertion(isMultiline ? .lineStart : .textStart) }
        if take("$") { return .assertion(isMultiline ? .lineEnd : .lastLineEnd) }
        if take(".") { return .set(.except(dotTakesNewlines ? "" : "\n")) }
        if take("\\Z") { return .assertion(.textEnd) }
        if take("\\b") { return .assertion(.wordBoundary) }
        if take("\\") { return .set(escaped()) }
        return .set(.of(take(), ignoringCase: ignoresCase))
    }

    private mutating func group() -> PatternNode {
        if take("?P=") {
            guard let number = names[takeUntil(")")] else { preconditionFailure("reference to an unknown group") }
            return .backreference(number)
        }
        let node: PatternNode
        if take("?:") {
            node = alternatives()
        } else if take("?=") {
            node = .look(alternatives(), isNegative: false)
        } else if take("?!") {
            node = .look(alternatives(), isNegative: true)
        } else if take("?<=") || take("?<!") {
            let isNegative = source[position - 1] == "!"
            guard case .set(let set) = alternatives() else { preconditionFailure("lookbehind of more than one scalar") }
            node = .lookBehind(set, isNegative: isNegative)
        } else {
            groupCount += 1
            let number = groupCount
            if take("?P<") { names[takeUntil(">")] = number }
            node = .group(number, alternatives())
        }
        precondition(take(")"), "unbalanced (")
        return node
    }

    /// Takes a class after its opening bracket.
    private mutating func scalarClass() -> ScalarSet {
        var set = ScalarSet(ignoringCase: ignoresCase)
        set.isNegated = take("^")
        var isFirst = true
        while isFirst || next != "]" {
            isFirst = false
            let isEscaped = take("\\")
            if isEscaped, let category = category() {
                set.insert(category.0, isNegated: category.1)
                continue
            }
            let lower = isEscaped ? literal(take()) : take()
            var upper = lower
            if next == "-", source[position + 1] != "]" {
                position += 1
                upper = take("\\") ? literal(take()) : take()
            }
            set.insert(lower.value...upper.value)
        }
        position += 1
        return set
    }

    /// Takes what follows a backslash outside a class.
    private mutating func escaped() -> ScalarSet {
        if let category = category() {
            var set = ScalarSet(ignoringCase: ignoresCase)
            set.insert(category.0, isNegated: category.1)
            return set
        }
        return .of(literal(take()), ignoringCase: ignoresCase)
    }

    private mutating func category() -> (ScalarSet.Category, Bool)? {
        let category: (ScalarSet.Category, Bool)
        switch next {
        case "w": category = (.word, false)
        case "W": category = (.word, true)
        case "s": category = (.space, false)
        case "S": category = (.space, true)
        case "d": category = (.digit, false)
        case "D": category = (.digit, true)
        default: return nil
        }
        position += 1
        return category
    }

    private func literal(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        default:
            precondition(!ScalarSet.isMember(scalar, of: .word), "unknown escape \\\(scalar)")
            return scalar
        }
    }
}

/// Turns the parts of a pattern into a program.
struct PatternCompiler {
    var program: [Pattern.Instruction] = []
    private(set) var sets: [ScalarSet] = []

    private mutating func add(_ set: ScalarSet) -> Int {
        sets.append(set)
        return sets.count - 1
    }

    mutating func emit(_ node: PatternNode) {
        switch node {
        case .set(let set): program.append(.set(add(set)))
        case .sequence(let nodes): for node in nodes { emit(node) }
        case .alternatives(let nodes): emitAlternatives(nodes)
        case .group(let number, let node):
            program.append(.save(2 * number))
            emit(node)
            program.append(.save(2 * number + 1))
        case .repeated(.set(let set), let least, let most, let isGreedy):
            program.append(.loop(set: add(set), least: least, most: most, isGreedy: isGreedy))
        case .repeated(let node, let least, let most, let isGreedy):
            precondition(most <= 8 && isGreedy, "a repeat of more than one scalar has at most 8 rounds")
            for _ in 0..<least { emit(node) }
            for _ in least..<most { emitOptional(node) }
        case .assertion(let assertion): program.append(.assertion(assertion))
        case .look(let node, let isNegative):
            let place = program.count
            program.append(.match)
            emit(node)
            program.append(.match)
            program[place] = .look(isNegative: isNegative, next: program.count)
        case .lookBehind(let set, let isNegative):
            program.append(.lookBehind(set: add(set), isNegative: isNegative))
        case .backreference(let group): program.append(.backreference(group))
        }
    }

    private mutating func emitAlternatives(_ nodes: [PatternNode]) {
        var jumps: [Int] = []
        for node in nodes.dropLast() {
            let split = program.count
            program.append(.match)
            emit(node)
            jumps.append(program.count)
            program.append(.match)
            program[split] = .split(split + 1, program.count)
        }
        if let last = nodes.last { emit(last) }
        for jump in jumps { program[jump] = .jump(program.count) }
    }

    private mutating func emitOptional(_ node: PatternNode) {
        let split = program.count
        program.append(.match)
        emit(node)
        program[split] = .split(split + 1, program.count)
    }
}
