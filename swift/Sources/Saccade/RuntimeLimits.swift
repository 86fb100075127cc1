/// The limits of another runtime on a resized image.
///
/// They are applied with the reference's arithmetic. A runtime that rounds or pads differently can use another number of
/// tokens; the command `mlx-saccade runtimes` says how.
public struct RuntimeLimits: Hashable, Sendable {
    /// Name of the runtime.
    public let runtime: String
    /// Versions that have these limits, in words.
    public let versions: String
    /// Minimum area of a resized image in pixels.
    public let minPixels: Int
    /// Maximum area of a resized image in pixels.
    public let maxPixels: Int
    /// True if the runtime reads them from the checkpoint. They are then the family's.
    public let isFromCheckpoint: Bool

    /// Looks up the limits of a runtime for a family.
    ///
    /// - Parameters:
    ///   - runtime: name and version such as "ollama@0.13.3"; "ollama" alone is the newest known version.
    ///   - family: of the model.
    /// - Throws: `SaccadeError.input` if the runtime, its version, or its limits for this family are unknown.
    public init(_ runtime: String, family: ModelFamily = .qwen25VL) throws(SaccadeError) {
        let record = try RuntimeRecord.named(runtime)
        switch record.limits[family.name] ?? .unknown {
        case .checkpoint:
            (minPixels, maxPixels, isFromCheckpoint) = (family.minPixels, family.maxPixels, true)
        case .pixels(let least, let most):
            (minPixels, maxPixels, isFromCheckpoint) = (least, most, false)
        case .unknown:
            throw .input(
                "the limits of \(record.name) \(record.versions) for \(family.name) are not known. Give the budget in "
                    + "tokens, or in pixels")
        }
        self.runtime = record.name
        versions = record.versions
    }

    /// Names of the known runtimes.
    public static var names: [String] {
        var names: [String] = []
        for record in runtimeRecords where !names.contains(record.name) { names.append(record.name) }
        return names
    }
}

/// A runtime over one range of its versions. `RuntimeRecords.swift` has all.
struct RuntimeRecord: Sendable {
    enum Limits: Sendable {
        case pixels(Int, Int)
        case checkpoint
        case unknown
    }

    let name: String
    /// The range in words.
    let versions: String
    /// First version of the range; nil for a source that was read at a commit.
    let first: String?
    /// First version after the range; nil if no end is known.
    let below: String?
    /// Other words after the "@".
    let labels: [String]
    /// Limits by family.
    let limits: [String: Limits]

    static func named(_ runtime: String) throws(SaccadeError) -> RuntimeRecord {
        let words = runtime.lowercased().split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let name = words.first.map(String.init) ?? ""
        let records = runtimeRecords.filter { $0.name == name }
        guard let newest = records.last else {
            throw .input(
                "runtime: expected one of \(RuntimeLimits.names.joined(separator: ", ")); got \(brief(runtime))")
        }
        guard words.count == 2 else { return newest }
        let version = String(words[1])
        for record in records where record.labels.contains(version) || record.covers(version) { return record }
        throw .input(
            "runtime: expected a known version of \(name): \(records.map(\.versions).joined(separator: ", ")); got "
                + "\(brief(version)). \"\(name)\" alone is the newest")
    }

    private func covers(_ version: String) -> Bool {
        guard let version = VersionNumber(version), let first = first.flatMap(VersionNumber.init) else { return false }
        return first <= version && below.flatMap(VersionNumber.init).map { version < $0 } ?? true
    }
}

/// A version such as "0.13.3" or "v2.0rc1": numbers without trailing zeros, previews before their release.
struct VersionNumber: Comparable {
    let numbers: [Int]
    let isPreview: Bool

    init?(_ text: String) {
        var rest = Substring(text)
        if rest.first == "v" { rest = rest.dropFirst() }
        var numbers: [Int] = []
        while true {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard 1...9 ~= digits.count, let number = Int(digits) else { return nil }
            numbers.append(number)
            rest = rest.dropFirst(digits.count)
            guard let mark = rest.first, mark == "." || mark == "-", let next = rest.dropFirst().first,
                next.isASCII, next.isNumber
            else { break }
            rest = rest.dropFirst()
        }
        while numbers.count > 1, numbers.last == 0 { numbers.removeLast() }
        self.numbers = numbers
        isPreview = !rest.isEmpty
        guard rest.isEmpty || Self.isPreviewMark(rest) else { return nil }
    }

    /// Returns true for "rc1", "-beta.2", ".dev0" and their like.
    private static func isPreviewMark(_ text: Substring) -> Bool {
        func withoutMark(_ text: Substring) -> Substring {
            text.first == "." || text.first == "-" ? text.dropFirst() : text
        }
        let rest = withoutMark(text)
        let word = rest.prefix { $0.isASCII && $0.isLetter }
        guard ["a", "b", "rc", "dev", "alpha", "beta", "pre"].contains(word) else { return false }
        return withoutMark(rest.dropFirst(word.count)).allSatisfy { $0.isASCII && $0.isNumber }
    }

    static func < (a: VersionNumber, b: VersionNumber) -> Bool {
        if a.numbers != b.numbers { return a.numbers.lexicographicallyPrecedes(b.numbers) }
        return a.isPreview && !b.isPreview
    }
}
