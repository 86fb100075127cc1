import Foundation
import XCTest

@testable import Saccade

let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// Reads a file of tests/golden/, which the Python tests also read. geometry.py writes them from the reference.
func golden<Content: Decodable>(_ name: String, as type: Content.Type) throws -> Content {
    let data = try Data(contentsOf: repository.appendingPathComponent("tests/golden/\(name)"))
    return try JSONDecoder().decode(type, from: data)
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
            let window_size: Int
            let index: [Int32]
            let boundaries: [Int32]
        }
        let merge_size: Int
        let patch_size: Int
        let cases: [Case]
    }

    func testWindowIndex() throws {
        let windows = try golden("windows.json", as: Windows.self)
        XCTAssertGreaterThanOrEqual(windows.cases.count, 30)
        for example in windows.cases {
            let order = try windowIndex(
                grids(example.grids), mergeSize: windows.merge_size,
                windowSize: example.window_size, patchSize: windows.patch_size)
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
            let positions = try visionPositions(grids(example.grids), mergeSize: windows.merge_size)
            XCTAssertEqual(positions, visionPositionsInLoops(grids(example.grids), windows.merge_size))
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
            let input_ids: [Int]
            let image_grids: [[Int]]
            let video_grids: [[Int]]
            let seconds_per_grid: [Double]
            let tokens_per_second: Int
            let positions: [[Int32]]
            let delta: Int
        }
        let image_token_id: Int
        let video_token_id: Int
        let vision_start_token_id: Int
        let merge_size: Int
        let cases: [Case]
    }

    func testMRoPEPositions() throws {
        let prompts = try golden("mrope.json", as: Prompts.self)
        XCTAssertGreaterThanOrEqual(prompts.cases.count, 10)
        let tokenIDs = VisionTokenIDs(
            image: prompts.image_token_id, video: prompts.video_token_id, visionStart: prompts.vision_start_token_id)
        for (number, example) in prompts.cases.enumerated() {
            let result = try mropePositions(
                example.input_ids, tokenIDs: tokenIDs, imageGrids: grids(example.image_grids),
                videoGrids: grids(example.video_grids), secondsPerGrid: example.seconds_per_grid,
                mergeSize: prompts.merge_size, tokensPerSecond: example.tokens_per_second)
            XCTAssertEqual(result.positions, example.positions.flatMap { $0 }, "case \(number)")
            XCTAssertEqual(result.delta, example.delta, "case \(number)")
        }
    }
}
