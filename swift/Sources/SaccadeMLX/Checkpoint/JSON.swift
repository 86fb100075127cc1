/// A value of a JSON file.
///
/// Foundation's decoder takes a whole number for a fraction, a key that comes twice, and keys that differ only in
/// Unicode composition for one. Here none of them passes.
enum JSON: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)

    /// The value as a whole number; nil for any other value.
    var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    /// The value as a text; nil for any other value.
    var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The value as a list; nil for any other value.
    var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    /// The value as an object; nil for any other value.
    var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// The value as a truth value; nil for any other value.
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The value as a number, whole or not; nil for any other value.
    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
    /// True for null.
    var isNull: Bool { if case .null = self { true } else { false } }
}

extension JSON: Equatable {
    /// Compares values; a whole number equals the same number with a fraction of 0.
    static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.members.count == b.members.count && a.members.allSatisfy { b[$0.name] == $0.value }
        default: if let a = left.double, let b = right.double { a == b } else { false }
        }
    }
}

extension JSON: CustomStringConvertible {
    var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): "\"\(value)\""
        case .array(let values): "[\(values.map(\.description).joined(separator: ", "))]"
        case .object(let object):
            "{\(object.members.map { "\"\($0.name)\": \($0.value)" }.joined(separator: ", "))}"
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral
{
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(nilLiteral: ()) { self = .null }
}

/// An object of a JSON file, its members in the file's order. Names are compared byte by byte.
struct JSONObject: Sendable {
    var members: [(name: String, value: JSON)] = []

    /// The value of a member; nil if there is none. The time grows with the number of members.
    subscript(name: String) -> JSON? {
        get { members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }
        set {
            members.removeAll { $0.name.utf8.elementsEqual(name.utf8) }
            if let newValue { members.append((name, newValue)) }
        }
    }

    /// The value of a member that is there and not null.
    func given(_ name: String) -> JSON? {
        guard let value = self[name], !value.isNull else { return nil }
        return value
    }
}
