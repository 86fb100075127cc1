import MLX
import Saccade
import XCTest

@testable import SaccadeMLX

/// The predicted peak against MLX's own measure.
final class MemoryTests: XCTestCase {
    /// Returns the peak of a function beyond what is in memory before it.
    private func peak(_ body: () throws -> Void) throws -> Int {
        Memory.clearCache()
        Memory.peakMemory = 0
        let before = Memory.activeMemory
        try body()
        return Memory.peakMemory - before
    }

    func testTheTowerKeepsToItsPrediction() throws {
        for name in ["random", "qwen2_vl", "packaged", "quantised"] {
            let model = try ModelGolden.model(name)
            for side in [8, 40, 72] {
                let grid = PatchGrid(rows: side, columns: side + 2)
                let count = grid.rows * grid.columns
                var numbers = Numbers(3)
                let patches = (0..<(count * 588)).map { _ in UInt8.random(in: 0...255, using: &numbers) }
                let measured = try peak { _ = try Backend.run { try model.features(patches, grid) } }
                let predicted = model.estimate(patches: [count], prompt: count / 4 + 20, answer: 1).vision
                print("\(name), \(count) patches: measured \(measured), predicted \(predicted)")
                XCTAssertLessThanOrEqual(measured, predicted + (1 << 20), "\(name), \(count) patches")
                if count > 4000 { XCTAssertGreaterThan(Double(measured), 0.5 * Double(predicted), "\(name), \(count)") }
            }
        }
    }

    func testPrefillKeepsToItsPrediction() throws {
        for name in ["random", "packaged", "quantised"] {
            let model = try ModelGolden.model(name)
            for length in [20, 700, 3000] {
                let ids = (0..<length).map { 5 + $0 % 900 }
                let measured = try peak {
                    try Backend.run {
                        let prompt = try model.prompt(ids, features: [], grids: [])
                        _ = try model.prefill(prompt, model.language.makeCache())
                    }
                }
                let predicted = model.estimate(patches: [], prompt: length, answer: 1).prefill
                print("\(name), \(length) tokens: measured \(measured), predicted \(predicted)")
                XCTAssertLessThanOrEqual(measured, predicted + (1 << 20), "\(name), \(length) tokens")
            }
        }
    }

    func testPiecesCoverTheirRuns() {
        for (count, length, heads) in [(1, 65_536, 16), (64, 64, 16), (3, 5000, 16), (1, 1, 1), (2, 2_000_000, 64)] {
            let run = SegmentRun(start: 0, count: count, length: length)
            for isFused in [false, true] {
                let pieces = SegmentAttention.pieces(run, heads: heads, isFused: isFused)
                let queries = pieces.reduce(0) { $0 + $1.segments.count * $1.queries.count }
                XCTAssertEqual(queries, count * length)
                if !isFused, length < 1_000_000 {
                    for piece in pieces {
                        let bytes = 4 * heads * piece.segments.count * piece.queries.count * length
                        XCTAssertLessThanOrEqual(bytes, TowerMemory.scoreBytes)
                    }
                }
            }
        }
    }
}
