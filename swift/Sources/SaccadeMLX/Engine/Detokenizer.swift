/// The text of one answer as its tokens come: never half a character, never a part of a stop string.
struct Detokenizer {
    private let bytes: (Int) -> [UInt8]
    private let stops: [[UInt8]]
    private var all: [UInt8] = []
    private var returned = 0

    /// The stop string that ended the answer; nil before.
    private(set) var stopped: String?

    /// Starts an answer.
    ///
    /// - Parameters:
    ///   - bytes: returns the bytes of a token.
    ///   - stops: strings at which the answer ends; they are not part of it.
    init(stops: [String], bytes: @escaping (Int) -> [UInt8]) {
        self.bytes = bytes
        self.stops = stops.map { Array($0.utf8) }
    }

    /// All text returned so far.
    var text: String { String(decoding: all[..<returned], as: UTF8.self) }

    /// Returns the text that is certain with this token, perhaps none.
    mutating func add(_ token: Int) -> String {
        guard stopped == nil else { return "" }
        all += bytes(token)
        if let end = stopPlace() { return advance(to: end) }
        return advance(to: all.count - max(openBytes(), stopBytes()))
    }

    /// Returns the withheld text, after the last token.
    mutating func finish() -> String { stopped == nil ? advance(to: all.count) : "" }

    private mutating func advance(to end: Int) -> String {
        guard end > returned else { return "" }
        defer { returned = end }
        return String(decoding: all[returned..<end], as: UTF8.self)
    }

    /// Finds the stop string that begins first, of these the longest, and remembers it.
    private mutating func stopPlace() -> Int? {
        for place in returned..<max(all.count, returned) {
            let found = stops.filter { !$0.isEmpty && all[place...].starts(with: $0) }.max { $0.count < $1.count }
            if let found {
                stopped = String(decoding: found, as: UTF8.self)
                return place
            }
        }
        return nil
    }

    /// Bytes at the end that begin a character and do not complete it.
    private func openBytes() -> Int {
        for count in 1...3 where count <= all.count {
            let byte = all[all.count - count]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > count ? count : 0
        }
        return 0
    }

    /// Bytes at the end that may begin a stop string.
    private func stopBytes() -> Int {
        let rest = all[returned...]
        let most = min(rest.count, (stops.map(\.count).max() ?? 1) - 1)
        for count in stride(from: most, to: 0, by: -1) {
            let end = rest.suffix(count)
            if stops.contains(where: { $0.count > count && $0.starts(with: end) }) { return count }
        }
        return 0
    }
}
