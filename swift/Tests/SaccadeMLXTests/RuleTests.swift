import Foundation
import XCTest

@testable import SaccadeMLX

/// Rules that the Python package has too: keys of config.json, distributions of the sampler, and parts of answers.
final class RuleTests: XCTestCase {
    func testTheSameKeysAreRefused() throws {
        let data = [UInt8](try Data(contentsOf: try ModelGolden.url("config_keys.json")))
        let rows = try XCTUnwrap(try JSONParser.parse(data).array)
        XCTAssertGreaterThan(rows.count, 2000)
        let sections: [String: ConfigKeys.Section] = ["model": .model, "vision": .vision, "rotary": .rotary]
        for row in rows {
            let cells = try XCTUnwrap(row.array)
            let key = try XCTUnwrap(cells[0].string)
            let section = try XCTUnwrap(cells[2].string.flatMap { sections[$0] })
            XCTAssertEqual(ConfigKeys.changesNumbers(key, cells[1], in: section), cells[3].bool, "\(row)")
        }
    }

    func testYarnFollowsTheReference() throws {
        let repository = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        let data = [UInt8](try Data(contentsOf: repository.appendingPathComponent("tests/golden/yarn.json")))
        let cases = try XCTUnwrap(try JSONParser.parse(data).object).members.compactMap { name, value in
            value.object.map { (name, $0) }
        }
        XCTAssertGreaterThan(cases.count, 5)
        for (name, example) in cases {
            var raw = try CheckpointFiles.object(try ModelGolden.url("random/config.json"))
            for (key, value) in example["changes"]?.object?.members ?? [] { raw[key] = value }
            if raw["rope_scaling"]?.object?["mrope_section"] == nil {  // a published shape, with heads of 128 values
                raw["hidden_size"] = 256
                raw["num_attention_heads"] = 2
                raw.change("vision_config") { $0["out_hidden_size"] = 256 }
                raw.change("rope_scaling") { $0["mrope_section"] = .array([16, 24, 24]) }
            }
            let config = try ModelConfig(raw, source: name, embeddingRows: nil).text
            let yarn = try XCTUnwrap(config.yarn, name)
            let frequencies = yarn.frequencies(headWidth: config.headWidth, theta: config.ropeTheta)
            let expected = (example["frequencies"]?.array ?? []).compactMap(\.double)
            XCTAssertEqual(frequencies.count, expected.count, name)
            for (a, b) in zip(frequencies, expected) { XCTAssertEqual(Double(a), b, accuracy: 1e-6 * b, name) }
            let factor = try XCTUnwrap(example["attention_factor"]?.double)
            XCTAssertEqual(yarn.attentionFactor, factor, accuracy: 1e-6, name)
        }
    }

    struct Sample: Decodable {
        let temperature, topP, minP, repetitionPenalty: Double
        let topK: Int?
        let logits: [Float]
        let prompt, tokens: [Int]
        let shares: [Double]
    }

    func testTheSameDistributions() throws {
        for sample in try ModelGolden.decode("sampling.json", as: [Sample].self) {
            let sampling = Sampling(
                temperature: sample.temperature, topP: sample.topP, topK: sample.topK, minP: sample.minP,
                repetitionPenalty: sample.repetitionPenalty)
            let (tokens, shares) = TokenSampler(sampling, prompt: sample.prompt).distribution(sample.logits)
            let own = Dictionary(uniqueKeysWithValues: zip(tokens, shares))
            let expected = Dictionary(uniqueKeysWithValues: zip(sample.tokens, sample.shares))
            XCTAssertEqual(Set(own.keys), Set(expected.keys))
            for (token, share) in expected { XCTAssertEqual(own[token] ?? 0, share, accuracy: 1e-12) }
        }
    }

    func testSamplesFollowTheirShares() {
        var sampler = TokenSampler(Sampling(temperature: 1, seed: 3), prompt: [])
        let logits: [Float] = [0, log(2), log(5), -.infinity]
        var counts = [0, 0, 0, 0]
        for _ in 0..<16_000 { counts[sampler.choose(logits)] += 1 }
        XCTAssertEqual(Double(counts[0]) / 16_000, 1.0 / 8, accuracy: 0.02)
        XCTAssertEqual(Double(counts[2]) / 16_000, 5.0 / 8, accuracy: 0.02)
        XCTAssertEqual(counts[3], 0)
    }

    struct Conversation: Decodable {
        struct Message: Decodable {
            struct Part: Decodable {
                let text: String?
                let tokens: Int?
            }
            let role: String
            let content: [Part]
        }
        let folder: String
        let image: Int
        let messages: [Message]
        let ids: [Int]
    }

    func testConversationsHaveTheSameIds() throws {
        let examples = try ModelGolden.decode("prompts.json", as: [Conversation].self)
        XCTAssertEqual(examples.count, 120)
        var templates: [String: PromptTemplate] = [:]
        for example in examples {
            if templates[example.folder] == nil {
                let folder = try ModelGolden.url(example.folder)
                var raw = try CheckpointFiles.object(try ModelGolden.url("random/config.json"))
                raw["image_token_id"] = .integer(example.image)
                let config = try ModelConfig(raw, source: "config.json", embeddingRows: nil)
                let tokenizer = try Tokenizer(folder.appendingPathComponent("tokenizer.json"))
                templates[example.folder] = try PromptTemplate(folder, tokenizer, config)
            }
            let messages = example.messages.map { message in
                PromptTemplate.Message(
                    role: message.role,
                    parts: message.content.map { $0.tokens.map { .image(tokens: $0) } ?? .text($0.text ?? "") })
            }
            XCTAssertEqual(templates[example.folder]?.encode(messages), example.ids, "\(example.messages)")
        }
    }

    func testTextComesInWholeCharacters() {
        let words: [[UInt8]] = [Array("a".utf8), [0xF0], [0x9F, 0x98], [0x80], Array("STO".utf8), Array("P!".utf8)]
        var writer = Detokenizer(stops: ["STOP!", "TOP"]) { words[$0] }
        XCTAssertEqual((0..<5).map { writer.add($0) }, ["a", "", "", "😀", ""])
        XCTAssertEqual(writer.add(5), "")
        XCTAssertEqual(writer.stopped, "STOP!")
        XCTAssertEqual(writer.finish(), "")
        XCTAssertEqual(writer.text, "a😀")
        var plain = Detokenizer(stops: ["xyz"]) { words[$0] }
        XCTAssertEqual([plain.add(1), plain.finish()], ["", "\u{FFFD}"])
    }

    func testJSON() throws {
        let text = #"{"a": [1, -0.5e3, true, null, "\u00e9\ud83d\ude00\n"], "b": {}}"#
        let object = try XCTUnwrap(try JSONParser.parse(Array(text.utf8)).object)
        XCTAssertEqual(object["a"], .array([1, .number(-500), true, nil, "é😀\n"]))
        XCTAssertEqual(object["b"], .object(JSONObject()))
        for bad in [
            "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "01", "1.", ".5", "+1", "1e", "tru", "\"\\x\"",
            "\"\\ud800\"",
            "\"\\u12\"", "\"\t\"", "[1] 2", "{\"a\":1,\"a\":1}", "Infinity", "'a'", "{a:1}",
            "[" + String(repeating: "[", count: 300),
        ] {
            XCTAssertThrowsError(try JSONParser.parse(Array(bad.utf8)), bad)
        }
    }
}
