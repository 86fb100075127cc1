import Foundation
import MLX
import XCTest

@testable import SaccadeMLX

/// Ids and texts against `tokenizers`.
final class TokenizerTests: XCTestCase {
    struct Case: Decodable {
        let text: String
        let ids: [Int]
        let plain: [Int]
    }

    func testStrings() throws {
        let cases = try ModelGolden.decode("tokenizer/cases.json", as: [Case].self)
        XCTAssertEqual(cases.count, 2000)
        for name in ["tokenizer.json", "older.json"] {
            let tokenizer = try Tokenizer(try ModelGolden.url("tokenizer/\(name)"))
            for example in cases {
                XCTAssertEqual(tokenizer.encode(example.text), example.ids, "\(example.text.debugDescription)")
                XCTAssertEqual(
                    tokenizer.encode(example.text, areSpecialsText: true), example.plain,
                    "\(example.text.debugDescription)")
            }
        }
    }

    func testEveryScalar() throws {
        let tokenizer = try Tokenizer(try ModelGolden.url("tokenizer/tokenizer.json"))
        let arrays = try ModelGolden.arrays("tokenizer/scalars.safetensors")
        let ids = try XCTUnwrap(arrays["ids"]).asArray(Int32.self)
        let ends = try XCTUnwrap(arrays["ends"]).asArray(Int32.self)
        var (start, place, wrong) = (0, 0, 0)
        for code in UInt32(0)..<0x110000 {
            guard let scalar = Unicode.Scalar(code) else { continue }
            let end = Int(ends[place])
            let encoded = tokenizer.encode(String(Character(scalar)))
            if !encoded.elementsEqual(ids[start..<end].map(Int.init)) { wrong += 1 }
            (start, place) = (end, place + 1)
        }
        XCTAssertEqual(place, 1_112_064)
        XCTAssertEqual(wrong, 0)
    }

    func testDecodingGivesTheTextBack() throws {
        let tokenizer = try Tokenizer(try ModelGolden.url("tokenizer/tokenizer.json"))
        for example in try ModelGolden.decode("tokenizer/cases.json", as: [Case].self) {
            let composed = example.text.precomposedStringWithCanonicalMapping
            let text = tokenizer.decode(example.ids)
            // Added tokens keep texts between them apart, so composition may stop there.
            let isWhole = !example.text.contains("<")
            if isWhole { XCTAssertTrue(text.utf8.elementsEqual(composed.utf8), example.text.debugDescription) }
        }
    }

    /// Long pieces take time in proportion to n log n. A quadratic way would run for hours here.
    func testLongPieces() throws {
        let tokenizer = try Tokenizer(try ModelGolden.url("tokenizer/tokenizer.json"))
        for text in [
            String(repeating: " ", count: 1_000_000), String(repeating: "letter", count: 20_000),
            String(repeating: "\n ", count: 200_000), String(repeating: "日", count: 100_000),
            String(repeating: "<", count: 300_000), String(repeating: "'", count: 300_000),
        ] {
            XCTAssertEqual(tokenizer.decode(tokenizer.encode(text)), text)
        }
    }

    func testOtherTokenizersAreRefused() throws {
        let whole = try CheckpointFiles.object(try ModelGolden.url("tokenizer/tokenizer.json"))
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func check(_ message: String, _ change: (inout JSONObject) -> Void) throws {
            var file = whole
            change(&file)
            let url = folder.appendingPathComponent("tokenizer.json")
            try Data(JSON.object(file).written.utf8).write(to: url)
            XCTAssertThrowsError(try Tokenizer(url), message) { error in
                XCTAssertTrue(error.localizedDescription.contains(message), "\(error)")
            }
        }
        try check("normalizer") { $0["normalizer"] = .object(JSONObject(members: [("type", "NFKC")])) }
        try check("decoder") { $0["decoder"] = nil }
        try check("model's type") { $0.change("model") { $0["type"] = "Unigram" } }
        try check("dropout") { $0.change("model") { $0["dropout"] = .number(0.1) } }
        try check("byte_fallback") { $0.change("model") { $0["byte_fallback"] = true } }
        try check("merge 0") { $0.change("model") { $0["merges"] = .array([.array(["a", "nowhere"])]) } }
        try check("whole number") { $0.change("model") { $0["vocab"] = .object(JSONObject(members: [("a", -1)])) } }
        try check("added_tokens") { $0["added_tokens"] = .array([.object(JSONObject())]) }
        try check("pre_tokenizer") { $0["pre_tokenizer"] = .null }
        XCTAssertThrowsError(try Tokenizer(folder.appendingPathComponent("nothing.json")))
    }
}

extension Tokenizer {
    /// Decodes ids to text, special tokens included.
    func decode(_ ids: [Int]) -> String { String(decoding: ids.flatMap(bytes), as: UTF8.self) }
}

extension JSONObject {
    /// Changes an object inside.
    mutating func change(_ name: String, _ body: (inout JSONObject) -> Void) {
        guard var inner = self[name]?.object else { return }
        body(&inner)
        self[name] = .object(inner)
    }
}

extension JSON {
    /// The value as JSON text.
    var written: String {
        switch self {
        case .string(let text): return Self.quoted(text)
        case .array(let values): return "[\(values.map(\.written).joined(separator: ","))]"
        case .object(let object):
            let members = object.members.map { "\(Self.quoted($0.name)):\($0.value.written)" }
            return "{\(members.joined(separator: ","))}"
        default: return description
        }
    }

    private static func quoted(_ text: String) -> String {
        let escaped = text.unicodeScalars.map { scalar in
            scalar == "\"" || scalar == "\\"
                ? "\\\(scalar)"
                : scalar.value < 0x20
                    ? "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16) : String(scalar)
        }
        return "\"\(escaped.joined())\""
    }
}
