/// A reader of JSON (RFC 8259) that refuses what is not in the standard, a key that comes twice, and deep nesting.
struct JSONParser {
    /// Why a text is not JSON, and where.
    struct Failure: Error {
        let reason: String
        let offset: Int
    }

    private static let deepest = 256

    private let bytes: UnsafeBufferPointer<UInt8>
    private var place = 0
    private var depth = 0

    /// Parses a whole text in UTF-8.
    ///
    /// - Throws: `Failure` if it is not JSON.
    static func parse(_ bytes: [UInt8]) throws(Failure) -> JSON {
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<JSON, Failure> in
            var parser = JSONParser(bytes: buffer)
            do throws(Failure) {
                return .success(try parser.whole())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    private mutating func whole() throws(Failure) -> JSON {
        let value = try value()
        skipBlanks()
        guard place == bytes.count else { throw failure("text after its end") }
        return value
    }

    private func failure(_ reason: String) -> Failure { Failure(reason: reason, offset: place) }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        place += 1
        return true
    }

    private mutating func value() throws(Failure) -> JSON {
        skipBlanks()
        guard let byte = next else { throw failure("it ends too early") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(Failure) -> JSON {
        for index in 0..<word.utf8CodeUnitCount where !take(word.utf8Start[index]) {
            throw failure("expected \(word)")
        }
        return value
    }

    private mutating func enter() throws(Failure) {
        place += 1
        depth += 1
        guard depth <= Self.deepest else { throw failure("it is nested too deeply") }
    }

    private mutating func array() throws(Failure) -> [JSON] {
        try enter()
        defer { depth -= 1 }
        var values: [JSON] = []
        skipBlanks()
        if take(UInt8(ascii: "]")) { return values }
        while true {
            values.append(try value())
            skipBlanks()
            if take(UInt8(ascii: "]")) { return values }
            guard take(UInt8(ascii: ",")) else { throw failure("expected , or ]") }
        }
    }

    private mutating func object() throws(Failure) -> JSONObject {
        try enter()
        defer { depth -= 1 }
        var object = JSONObject()
        var names = Set<[UInt8]>()
        skipBlanks()
        if take(UInt8(ascii: "}")) { return object }
        while true {
            skipBlanks()
            guard next == UInt8(ascii: "\"") else { throw failure("expected a key") }
            let name = try string()
            guard names.insert(Array(name.utf8)).inserted else { throw failure("the key \(brief(name)) comes twice") }
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw failure("expected :") }
            object.members.append((name, try value()))
            skipBlanks()
            if take(UInt8(ascii: "}")) { return object }
            guard take(UInt8(ascii: ",")) else { throw failure("expected , or }") }
        }
    }

    private mutating func number() throws(Failure) -> JSON {
        let start = place
        var whole = true
        _ = take(UInt8(ascii: "-"))
        let first = place
        try digits()
        guard bytes[first] != UInt8(ascii: "0") || place == first + 1 else { throw failure("a number begins with 0") }
        if take(UInt8(ascii: ".")) {
            whole = false
            try digits()
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            whole = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        guard place - start <= 400 else { throw failure("a number has more than 400 digits") }
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        if whole, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw failure("\(text) is out of range") }
        return .number(value)
    }

    private mutating func digits() throws(Failure) {
        let start = place
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { place += 1 }
        guard place > start else { throw failure("expected a value") }
    }

    private mutating func string() throws(Failure) -> String {
        place += 1
        var text: [UInt8] = []
        var start = place
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                text.append(contentsOf: bytes[start..<place])
                place += 1
                guard let valid = String(validating: text, as: UTF8.self) else { throw failure("it is not UTF-8") }
                return valid
            case UInt8(ascii: "\\"):
                text.append(contentsOf: bytes[start..<place])
                place += 1
                text.append(contentsOf: String(try escape()).utf8)
                start = place
            case 0..<0x20: throw failure("a control character in a text")
            default: place += 1
            }
        }
        throw failure("a text does not end")
    }

    private mutating func escape() throws(Failure) -> Unicode.Scalar {
        guard let byte = next else { throw failure("it ends too early") }
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try escapedScalar()
        default: throw failure("an unknown escape")
        }
    }

    private mutating func escapedScalar() throws(Failure) -> Unicode.Scalar {
        let first = try unit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw failure("half a letter") }
        let second = try unit()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw failure("half a letter") }
        return scalar
    }

    private mutating func unit() throws(Failure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw failure("expected four hexadecimal digits")
            }
            value = value << 4 + UInt32(digit)
            place += 1
        }
        return value
    }
}
