import MLX
import Saccade
import XCTest

@testable import SaccadeMLX

/// Features, logits and greedy tokens against the reference's, on seeded random checkpoints.
final class NetworkTests: XCTestCase {
    static let sets = ["random", "tied", "qwen2_vl", "quantised", "layers"]
    static let tolerance: Float = 1e-4

    func testFeatures() throws {
        for name in Self.sets {
            let (model, set) = (try ModelGolden.model(name), try CaseSet(name))
            for example in set.cases where !example.grids.isEmpty {
                let features = try Backend.run { concatenated(try set.features(example, model), axis: 0) }
                let expected = try set.expected(example, "features")
                let error = try difference(features, expected)
                XCTAssertLessThan(error, Self.tolerance * max(1, try scale(expected)), "\(name), \(example.name)")
            }
        }
    }

    func testLogits() throws {
        for name in Self.sets {
            let (model, set) = (try ModelGolden.model(name), try CaseSet(name))
            for example in set.cases {
                let features = try set.features(example, model)
                let logits = try Backend.run {
                    let prompt = try model.prompt(example.ids, features: features, grids: example.patchGrids)
                    return try model.logits(prompt)
                }
                let columns = try Backend.run { logits[0..., .stride(by: set.columns)] }
                let (expected, last) = (try set.expected(example, "columns"), try set.expected(example, "last"))
                let limit = Self.tolerance * max(1, try scale(last))
                XCTAssertLessThan(try difference(columns, expected), limit, "\(name), \(example.name)")
                XCTAssertLessThan(try difference(logits[-1], last), limit, "\(name), \(example.name)")
                let top = try Backend.run { logits.argMax(axis: -1).asType(.int32).asArray(Int32.self) }
                XCTAssertEqual(top, try set.expected(example, "top").asArray(Int32.self), "\(name), \(example.name)")
            }
        }
    }

    func testGreedyTokens() throws {
        for name in Self.sets {
            let (model, set) = (try ModelGolden.model(name), try CaseSet(name))
            for example in set.cases {
                let features = try set.features(example, model)
                let expected = try set.expected(example, "tokens").asArray(Int32.self).map(Int.init)
                for isPipelined in [false, true] {
                    let tokens = try greedy(model, example, features, count: expected.count, isPipelined: isPipelined)
                    XCTAssertEqual(tokens, expected, "\(name), \(example.name), pipelined: \(isPipelined)")
                }
            }
        }
    }

    private func greedy(
        _ model: VisionLanguageModel, _ example: CaseSet.Case, _ features: [MLXArray], count: Int, isPipelined: Bool
    ) throws -> [Int] {
        try Backend.run {
            let prompt = try model.prompt(example.ids, features: features, grids: example.patchGrids)
            let cache = model.language.makeCache()
            let logits = try model.prefill(prompt, cache)
            var steps = Generation(
                model, cache, delta: prompt.delta, logits: logits, sampler: nil, isPipelined: isPipelined)
            return try (0..<count).map { try steps.next(isLast: $0 == count - 1) }
        }
    }

    func testHalvesFollowFloat32() throws {
        let set = try CaseSet("random")
        let example = set.cases[2]
        let exact = try set.expected(example, "features")
        for (precision, limit) in [(Precision.bfloat16, Float(0.1)), (.float16, 0.02)] {
            let model = try ModelGolden.model("random", precision: precision)
            let features = try set.features(example, model)
            XCTAssertEqual(features[0].dtype, precision == .bfloat16 ? .bfloat16 : .float16)
            XCTAssertLessThan(try difference(features[0], exact) / (try scale(exact)), limit, "\(precision)")
            let logits = try Backend.run {
                let prompt = try model.prompt(example.ids, features: features, grids: example.patchGrids)
                return try model.prefill(prompt, model.language.makeCache())
            }
            let last = try set.expected(example, "last")
            XCTAssertLessThan(try difference(logits, last) / (try scale(last)), limit, "\(precision)")
        }
    }
}
