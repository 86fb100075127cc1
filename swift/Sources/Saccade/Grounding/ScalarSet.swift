/// A set of Unicode scalars: the class of a pattern, such as `[A-Za-z0-9_]` or `\s`.
struct ScalarSet: Sendable {
    /// Classes of the Unicode tables, as Python's `re` has them.
    enum Category: Sendable { case word, space, digit }

    private var low: UInt64 = 0  // scalars 0 to 63, as bits
    private var high: UInt64 = 0  // scalars 64 to 127
    private var ranges: [ClosedRange<UInt32>] = []  // above 127
    private var categories: [(category: Category, isNegated: Bool)] = []
    private let ignoresCase: Bool
    var isNegated = false

    init(ignoringCase: Bool) { ignoresCase = ignoringCase }

    /// Returns the set of one scalar.
    static func of(_ scalar: Unicode.Scalar, ignoringCase: Bool) -> ScalarSet {
        var set = ScalarSet(ignoringCase: ignoringCase)
        set.insert(scalar.value...scalar.value)
        return set
    }

    /// Returns the set of all scalars but those of a string.
    static func except(_ scalars: String) -> ScalarSet {
        var set = ScalarSet(ignoringCase: false)
        for scalar in scalars.unicodeScalars { set.insert(scalar.value...scalar.value) }
        set.isNegated = true
        return set
    }

    mutating func insert(_ range: ClosedRange<UInt32>) {
        for value in range.lowerBound...max(range.lowerBound, min(range.upperBound, 127)) where value < 128 {
            insertASCII(value)
        }
        if range.upperBound >= 128 { ranges.append(max(128, range.lowerBound)...range.upperBound) }
    }

    private mutating func insertASCII(_ value: UInt32) {
        if value < 64 { low |= 1 << UInt64(value) } else { high |= 1 << UInt64(value - 64) }
        guard ignoresCase, (65...90).contains(value & ~32) else { return }
        high |= 1 << UInt64((value & ~32) - 64)
        high |= 1 << UInt64((value | 32) - 64)
    }

    /// Adds a category, or all scalars that are not of it.
    mutating func insert(_ category: Category, isNegated: Bool) {
        for value in UInt32(0)..<128 where Self.isASCII(value, category) != isNegated { insertASCII(value) }
        categories.append((category, isNegated))
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        let value = scalar.value
        return (value < 128 ? hasASCII(value) : hasOther(scalar)) != isNegated
    }

    private func hasASCII(_ value: UInt32) -> Bool {
        (value < 64 ? low >> UInt64(value) : high >> UInt64(value - 64)) & 1 == 1
    }

    private func hasOther(_ scalar: Unicode.Scalar) -> Bool {
        if ranges.contains(where: { $0.contains(scalar.value) }) { return true }
        for (category, isNegated) in categories where Self.isMember(scalar, of: category) != isNegated { return true }
        guard ignoresCase, let plain = Self.plain(scalar), plain != scalar else { return false }
        return plain.value < 128 ? hasASCII(plain.value) : ranges.contains { $0.contains(plain.value) }
    }

    /// Returns the lower case of a scalar; of the variants of i and s that `re` takes for them, these.
    private static func plain(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        switch scalar {
        case "ı", "İ": return "i"
        case "ſ": return "s"
        default: return scalar.properties.lowercaseMapping.unicodeScalars.first
        }
    }

    /// True for scalars below 64 and from 64 on, as two masks of bits; and whether others may be in the set.
    var firstMasks: (low: UInt64, high: UInt64, others: Bool) {
        let others = isNegated || !ranges.isEmpty || !categories.isEmpty || ignoresCase
        return isNegated ? (~low, ~high, true) : (low, high, others)
    }

    /// Returns true for scalars that Python's `\w`, `\s` or `\d` takes.
    static func isMember(_ scalar: Unicode.Scalar, of category: Category) -> Bool {
        if scalar.value < 128 { return isASCII(scalar.value, category) }
        switch category {
        case .space:
            switch scalar.value {
            case 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: return true
            default: return false
            }
        case .digit: return scalar.properties.generalCategory == .decimalNumber
        case .word:
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
                .letterNumber, .otherNumber:
                return true
            default: return false
            }
        }
    }

    private static func isASCII(_ value: UInt32, _ category: Category) -> Bool {
        switch category {
        case .space: return (9...13).contains(value) || (28...32).contains(value)
        case .digit: return (48...57).contains(value)
        case .word:
            return (48...57).contains(value) || (65...90).contains(value) || (97...122).contains(value) || value == 95
        }
    }
}
