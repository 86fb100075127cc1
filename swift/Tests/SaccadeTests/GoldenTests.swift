import Foundation
import XCTest

@testable import Saccade

let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// Reads a file of tests/golden/, which the Python tests also read. geometry.py writes them from the reference.
func golden<Content: Decodable>(_ name: String, as type: Content.Type) throws -> Content {
    let data = try Data(contentsOf: repository.appendingPathComponent("tests/golden/\(name)"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: data)
}

final class GoldenTests: XCTestCase {
    struct Sizes: Decodable {
        let columns: [String]
        let rows: [[Int]]
    }

    func testSmartResize() throws {
        let sizes = try golden("smart_resize.json", as: Sizes.self)
        XCTAssertEqual(
            sizes.columns,
            ["height", "width", "factor", "min_pixels", "max_pixels", "resized_height", "resized_width", "error"])
        XCTAssertGreaterThanOrEqual(sizes.rows.count, 5000)
        for row in sizes.rows {
            let call = {
                try smartResize(
                    PixelSize(width: row[1], height: row[0]), factor: row[2], minPixels: row[3], maxPixels: row[4])
            }
            if row[7] == 1 {
                XCTAssertThrowsError(try call(), "\(row)")
            } else {
                XCTAssertEqual(try call(), PixelSize(width: row[6], height: row[5]), "\(row)")
            }
        }
    }

    struct Windows: Decodable {
        struct Case: Decodable {
            let grids: [[Int]]
            let windowSize: Int
            let index: [Int32]
            let boundaries: [Int32]
        }
        let mergeSize: Int
        let patchSize: Int
        let cases: [Case]
    }

    func testWindowIndex() throws {
        let windows = try golden("windows.json", as: Windows.self)
        XCTAssertGreaterThanOrEqual(windows.cases.count, 30)
        for example in windows.cases {
            let order = try windowIndex(
                grids(example.grids), mergeSize: windows.mergeSize,
                windowSize: example.windowSize, patchSize: windows.patchSize)
            XCTAssertEqual(order.index, example.index, "\(example.grids)")
            XCTAssertEqual(order.boundaries, example.boundaries, "\(example.grids)")
        }
    }

    func grids(_ triples: [[Int]]) -> [PatchGrid] {
        triples.map { PatchGrid(frames: $0[0], rows: $0[1], columns: $0[2]) }
    }

    func testVisionPositions() throws {
        let windows = try golden("windows.json", as: Windows.self)
        for example in windows.cases {
            let positions = try visionPositions(grids(example.grids), mergeSize: windows.mergeSize)
            XCTAssertEqual(positions, visionPositionsInLoops(grids(example.grids), windows.mergeSize))
        }
    }

    /// The reference's order in plain loops: frames, merge blocks in rows and columns, rows and columns of a block.
    func visionPositionsInLoops(_ grids: [PatchGrid], _ merge: Int) -> [Int32] {
        var positions: [Int32] = []
        for grid in grids {
            for _ in 0..<grid.frames {
                for top in stride(from: 0, to: grid.rows, by: merge) {
                    for left in stride(from: 0, to: grid.columns, by: merge) {
                        for row in top..<top + merge {
                            for column in left..<left + merge { positions += [Int32(row), Int32(column)] }
                        }
                    }
                }
            }
        }
        return positions
    }

    struct Prompts: Decodable {
        struct Case: Decodable {
            let inputIds: [Int]
            let imageGrids: [[Int]]
            let videoGrids: [[Int]]
            let secondsPerGrid: [Double]
            let tokensPerSecond: Int
            let positions: [[Int32]]
            let delta: Int
        }
        let imageTokenId: Int
        let videoTokenId: Int
        let visionStartTokenId: Int
        let mergeSize: Int
        let cases: [Case]
    }

    func testMRoPEPositions() throws {
        let prompts = try golden("mrope.json", as: Prompts.self)
        XCTAssertGreaterThanOrEqual(prompts.cases.count, 10)
        let tokenIDs = VisionTokenIDs(
            image: prompts.imageTokenId, video: prompts.videoTokenId, visionStart: prompts.visionStartTokenId)
        for (number, example) in prompts.cases.enumerated() {
            let result = try mropePositions(
                example.inputIds, tokenIDs: tokenIDs, imageGrids: grids(example.imageGrids),
                videoGrids: grids(example.videoGrids), secondsPerGrid: example.secondsPerGrid,
                mergeSize: prompts.mergeSize, tokensPerSecond: example.tokensPerSecond)
            XCTAssertEqual(result.positions, example.positions.flatMap { $0 }, "case \(number)")
            XCTAssertEqual(result.delta, example.delta, "case \(number)")
        }
    }
}
